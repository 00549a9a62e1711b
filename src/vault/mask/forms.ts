import { isUtf8 } from "node:buffer";
import { inspect } from "node:util";

/** Bytes that a value, or a line of one, has at least to be looked for: anything shorter is found everywhere. */
export const fewestBytes = 6;

/**
 * The bytes by which a value is recognised: itself, base64 in its three alignments and as tools wrap it, base64url, hex, and what
 * URLs, JSON and `util.inspect` make of it; with several lines, each of them too.
 * @param lines whether each line of a value with several counts by itself @default true
 * @returns nothing for a value that is too short
 */
export function formsOf(value: Uint8Array, lines = true): Buffer[] {
  if (value.byteLength < fewestBytes) return [];
  const bytes = Buffer.from(value);
  const found = new Set<string>();
  const add = (form: string): void => {
    if (form.length >= fewestBytes) found.add(form);
  };
  // JSON is what is encoded most, such as a source map within a file
  const json = isUtf8(bytes) ? Buffer.from(JSON.stringify(bytes.toString()).slice(1, -1)) : bytes;
  const others = json.equals(bytes) ? [] : encoded(json);
  for (const form of [bytes.toString("latin1"), ...encoded(bytes), ...others, ...written(bytes)])
    add(form);
  for (const line of lines ? linesOf(bytes) : telling(bytes))
    for (const form of [line, ...written(latin1(line))]) add(form);
  return Array.from(found, latin1);
}

/** Lines of a value that has several, without what stands around any key or certificate. */
export function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString("latin1").split(/[\r\n]+/);
  if (lines.length === 1) return [];
  return lines
    .map((line) => line.trim())
    .filter(
      (line) => line.length >= fewestBytes && !/^-----(?:BEGIN|END) [A-Z0-9 ]+-----$/.test(line),
    );
}

/** Lines that hold something like a key: long, and without a space. */
const telling = (bytes: Buffer): string[] =>
  linesOf(bytes).filter((line) => line.length >= 32 && !/\s/.test(line));

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

function* encoded(bytes: Buffer): Generator<string> {
  const hex = bytes.toString("hex");
  yield hex;
  yield hex.toUpperCase();
  for (let before = 0; before < 3; before++)
    for (const alphabet of ["base64", "base64url"] as const) {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(alphabet);
      // letters that hold bits of what stands before or after it say less, and differ
      const first = Math.ceil((before * 8) / 6);
      yield text.slice(first, Math.floor(((before + bytes.length) * 8) / 6));
    }
  const text = bytes.toString("base64");
  for (const width of [64, 76])
    if (text.length > width)
      for (let at = 0; at < text.length; at += width) yield text.slice(at, at + width);
}

/** How text stands in other text. */
function* written(bytes: Buffer): Generator<string> {
  for (const { keep, plus } of urls) {
    const text = percent(bytes, keep, plus);
    yield text;
    yield text.replace(/%../g, (byte) => byte.toLowerCase());
  }
  if (!isUtf8(bytes)) return;
  const text = bytes.toString();
  const json = JSON.stringify(text).slice(1, -1);
  const slashes = json.replaceAll("/", "\\/");
  const forms = [
    json,
    slashes,
    ascii(json),
    ascii(json).replace(/\\u..../g, (letter) => `\\u${letter.slice(2).toUpperCase()}`),
    ascii(slashes),
    json.replace(/[<>&\u2028\u2029]/g, escape),
    JSON.stringify(json).slice(1, -1),
    inspect(text, { maxStringLength: null }).slice(1, -1),
  ];
  for (const form of forms) yield Buffer.from(form).toString("latin1");
}

/** Letters that different encoders leave as they are. */
const urls: readonly { readonly keep: RegExp; readonly plus?: true }[] = [
  { keep: /[\w.!~*'()-]/ }, // encodeURIComponent
  { keep: /[\w.~-]/ }, // RFC 3986
  { keep: /[\w.~/-]/ },
  { keep: /[\w.!~*'();/?:@&=+$,#-]/ }, // encodeURI
  { keep: /[\w.*-]/, plus: true }, // forms
  { keep: /[\w.-]/, plus: true },
  { keep: /[\w.!$%&'()*+,~-]/ }, // user names and passwords of WHATWG URLs
];

function percent(bytes: Buffer, keep: RegExp, plus = false): string {
  let text = "";
  for (const byte of bytes) {
    const letter = String.fromCharCode(byte);
    if (byte < 0x80 && keep.test(letter)) text += letter;
    else if (plus && letter === " ") text += "+";
    else text += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

const escape = (letter: string): string =>
  `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
const ascii = (json: string): string => json.replace(/[\u007f-\uffff]/g, escape);
