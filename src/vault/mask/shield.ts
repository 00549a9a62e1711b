import { createMask, type Mask } from "./mask.ts";

type Stream = NodeJS.WriteStream;

/** Keeps values out of everything that this process says itself. */
export interface Shield {
  /** From now on. What is written later under another name is called so. */
  hide(name: string, value: Uint8Array): void;
  /** The text without what is hidden. */
  text(text: string): string;
  /** The stream carries values on purpose from now on. */
  open(stream: Stream): void;
}

/**
 * Stands before the output of this process until it ends: lines, JSON, logs and errors.
 * @param streams usually standard output and error
 */
export function raiseShield(streams: readonly Stream[]): Shield {
  const hidden = new Map<string, { name: string; value: Buffer }>();
  let mask: Mask | undefined;
  const current = (): Mask => (mask ??= createMask([...hidden.values()]));
  const opened = new Set<Stream>();

  for (const stream of streams) {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const filtered = (chunk: unknown, ...rest: unknown[]): boolean => {
      if (hidden.size === 0 || opened.has(stream)) return write(chunk, ...rest);
      if (typeof chunk === "string") return write(current().text(chunk), ...rest);
      return write(chunk instanceof Uint8Array ? current().bytes(chunk) : chunk, ...rest);
    };
    stream.write = filtered as Stream["write"];
  }
  return {
    hide(name, value) {
      const copy = Buffer.from(value);
      hidden.set(copy.toString("latin1"), { name, value: copy });
      mask = undefined;
    },
    text: (text) => (hidden.size === 0 ? text : current().text(text)),
    open: (stream) => void opened.add(stream),
  };
}
