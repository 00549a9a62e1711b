import type { Driver, ETag, Key } from "./driver.ts";
import { StoreError, storeCode } from "./error.ts";

/** What every mutable document carries besides its own content: a revision that goes up by one, and the newest
 *  write ids (newest first), by which a writer whose answer got lost finds out whether its write arrived. */
export interface Doc {
  rev: number;
  w: string[];
}

/** How a document becomes bytes and back; `parse` throws on bytes that `bytes` did not write. */
export interface Codec<T> {
  parse(bytes: Uint8Array): T;
  bytes(document: T): Uint8Array;
}

/** A document and the etag under which it was found or stored. */
export interface Loaded<T> {
  readonly etag: ETag;
  readonly doc: T;
}

const RING = 64;

/**
 * Changes one document exactly once, whatever happens to requests and answers on the way: `change` gets the newest
 * state (undefined: there is none) and returns the wanted one, or undefined to leave things as they are. It may be
 * called again with a newer state, so it must not do anything else. What it throws is thrown. `rev` and `w` of what
 * it returns are replaced; `id` is the write id that this try puts first in `w`.
 *
 * `load` may come from a cache if it is as fresh as a read; `before` is awaited ahead of the first put of each try.
 *
 * Returns the document as it stands after this change, with its etag. Throws CONFLICT after `attempts` lost races, UNKNOWN when
 * nobody can tell any more whether the write arrived, and the driver's error when nothing can be written.
 */
export async function update<T extends Doc>(
  driver: Driver,
  key: Key,
  codec: Codec<T>,
  change: (now: T | undefined, id: string) => T | undefined,
  {
    attempts = 64,
    id = () => crypto.randomUUID(),
    load = async () => {
      const item = await driver.get(key);
      return item && { etag: item.etag, doc: codec.parse(item.body) };
    },
    before,
  }: {
    readonly attempts?: number;
    readonly id?: () => string;
    readonly load?: () => Promise<Loaded<T> | undefined>;
    readonly before?: (document: T) => Promise<void>;
  } = {},
): Promise<Loaded<T> | undefined> {
  for (let n = 0; n < attempts; n++) {
    const base = await load();
    const me = id();
    const wanted = change(base?.doc, me);
    if (wanted === undefined) return base;
    const rev = base?.doc.rev ?? 0;
    const doc: T = {
      ...wanted,
      rev: rev + 1,
      w: [me, ...(base?.doc.w ?? [])].slice(0, RING),
    };
    const bytes = codec.bytes(doc);
    await before?.(doc);
    let unsure = false;
    // the same bytes under the same condition: doing it twice does it once
    for (let again = 0; ; again++) {
      try {
        const { etag } = await driver.put(
          key,
          bytes,
          base ? { ifMatch: base.etag } : { ifAbsent: true },
        );
        return { etag, doc };
      } catch (error) {
        const code = storeCode(error);
        if (code !== "CONFLICT" && code !== "UNKNOWN" && code !== "UNAVAILABLE")
          throw unsure ? unknown(key, error) : error;
        unsure ||= code === "UNKNOWN";
        let seen: Awaited<ReturnType<typeof load>>;
        try {
          seen = await load();
        } catch (failed) {
          if (again < attempts && storeCode(failed) === "UNAVAILABLE") {
            await pause(again);
            continue;
          }
          throw unsure ? unknown(key, failed) : failed;
        }
        // an earlier try of this very write had arrived
        if (seen?.doc.w.includes(me)) return seen;
        if (seen?.etag !== base?.etag) {
          // somebody was faster, so ours can no longer arrive: decide anew, if the ring still tells for sure
          if (seen && seen.doc.rev - rev > RING) throw unknown(key, error);
          break;
        }
        if (again >= attempts) throw unsure ? unknown(key, error) : error;
        await pause(again);
      }
    }
    await pause(n);
  }
  throw new StoreError("CONFLICT", `gave up on ${key} after ${attempts} lost races`, { key });
}

const unknown = (key: Key, cause: unknown): StoreError =>
  new StoreError("UNKNOWN", `whether the change of ${key} arrived could not be found out`, {
    key,
    cause,
  });

const pause = (n: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, Math.random() * Math.min(250, 4 * 2 ** Math.min(n, 6)));
  });
