import type { Entry, Item, Key, OpOptions } from "./driver.ts";
import { StoreError, storeCode } from "./error.ts";

// What drivers share that keep an object of one chunk inside its entry, and a larger one in chunks beside it that the
// entry names by the name of their blob.

export type Content = { readonly body: Buffer } | { readonly blob: string; readonly size: number };

export interface Chunks {
  /** bytes of a chunk, and the most that is kept inside */
  readonly chunk: number;
  /** a name that no blob has */
  newBlob(): string;
  /** adds the chunk `n` to a blob that no entry names yet; the bytes belong to the caller again when it has settled */
  spill(blob: string, n: number, data: Buffer): Promise<void>;
  /** makes the entry: from then on the object is there */
  put(content: Content): Promise<Entry>;
  /** gives up a blob that no entry names */
  abandon(blob: string): Promise<void>;
}

/** Stores what comes, holding one chunk of it. Throws what it throws, and then leaves nothing. */
export async function receive(
  source: AsyncIterable<Uint8Array>,
  { chunk: most, newBlob, spill, put, abandon }: Chunks,
): Promise<Entry> {
  const buffer = Buffer.allocUnsafeSlow(most);
  let blob: string | undefined;
  let spilled = 0;
  let filled = 0;
  const flush = async (): Promise<string> => {
    blob ??= newBlob();
    await spill(blob, spilled / most, buffer.subarray(0, filled));
    spilled += filled;
    filled = 0;
    return blob;
  };
  try {
    for await (const chunk of source)
      for (let from = 0; from < chunk.byteLength;) {
        if (filled === most) await flush();
        const part = chunk.subarray(from, from + most - filled);
        buffer.set(part, filled);
        filled += part.byteLength;
        from += part.byteLength;
      }
    if (blob === undefined) return await put({ body: buffer.subarray(0, filled) });
    return await put({ blob: await flush(), size: spilled });
  } catch (error) {
    // what may have become the content of the object must stay; the rest would wait for a sweep
    if (blob !== undefined && storeCode(error) !== "UNKNOWN") await abandon(blob).catch(() => {});
    throw error;
  }
}

/** An entry as it was found. */
export type Found = Entry & {
  /** undefined when it is in chunks */
  readonly body: Buffer | undefined;
  readonly blob: string;
};

/**
 * An object in one piece of memory. It is looked for again when its chunks are gone, as then another version is there.
 *
 * @param piece some bytes of a blob from `at` on, or undefined when it was freed meanwhile
 */
export async function whole(
  key: Key,
  find: () => Promise<Found | undefined>,
  piece: (blob: string, at: number) => Promise<Uint8Array | undefined>,
): Promise<Item | undefined> {
  for (let tries = 0; ; tries++) {
    const found = await find();
    if (!found) return undefined;
    const { blob, body, ...entry } = found;
    if (body) return { ...entry, body: new Uint8Array(body) };
    const bytes = new Uint8Array(entry.size);
    let at = 0;
    for (let part; at < entry.size; at += part.byteLength) {
      part = await piece(blob, at);
      if (!part?.byteLength) break;
      bytes.set(part, at);
    }
    if (at === entry.size) return { ...entry, body: bytes };
    if (tries === 20) throw replaced(key);
  }
}

/** It is another version than the one that is being read. */
export const replaced = (key: Key, current?: string): StoreError =>
  new StoreError("CHANGED", `${key} was replaced while it was read`, {
    key,
    ...(current !== undefined && { current }),
  });

/** Asks within `ms` unless the caller says, and once more when the connection was lost: a question can be repeated. */
export async function asking<T>(
  { signal, timeoutMs }: OpOptions,
  ms: number,
  ask: (limits: OpOptions) => Promise<T>,
): Promise<T> {
  const until = performance.now() + (timeoutMs ?? ms);
  const limits = (): OpOptions => ({
    ...(signal && { signal }),
    timeoutMs: Math.max(1, until - performance.now()),
  });
  try {
    return await ask(limits());
  } catch (error) {
    if (storeCode(error) !== "UNAVAILABLE" || performance.now() >= until) throw error;
    return ask(limits());
  }
}

/** How long an operation may take, without what else its options say. */
export const limitsOf = ({ signal, timeoutMs }: OpOptions): OpOptions => ({
  ...(signal && { signal }),
  ...(timeoutMs !== undefined && { timeoutMs }),
});

/** A body as the source of a write. */
export async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}
