/** Text of a feed: by byte order mark, `charset` of the header, XML declaration, in this order; else UTF-8. */
export function decode(bytes: Uint8Array, contentType: string | undefined): string {
  const label =
    markOf(bytes) ??
    /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? "")?.[1] ??
    declared(bytes);
  return decoderOf(label).decode(bytes).toWellFormed();
}

function markOf([a, b, c]: Uint8Array): string | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  return undefined;
}

function declared(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 400)).toString("latin1").replaceAll("\0", "");
  const wide = bytes[0] === 0 ? "utf-16be" : bytes[1] === 0 ? "utf-16le" : undefined;
  return wide ?? /^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1];
}

function decoderOf(label = "utf-8"): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder(); // an encoding that nobody knows
  }
}
