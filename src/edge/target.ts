import { setTimeout as pause } from "node:timers/promises";
import { sha512Bytes } from "../store/keys.ts";
import { storeCode, type Driver, type Key, type OpOptions } from "../driver/index.ts";
import { CitadelError, errorCode } from "../errors.ts";
import type { BlobRef, Blobs } from "../store/types.ts";
import { temporary } from "../store/temporary.ts";
import { FORMAT, indexKey } from "./layout.ts";

const ATTEMPTS = 6;
/** Bytes up to which an object goes in one piece of memory. */
const WHOLE = 1 << 20;
/** ms that an export which says nothing is waited for */
const PATIENCE = 60_000;

/** Writes an object over whatever is there; what may or may not have arrived is sent again. */
export async function send(
  target: Driver,
  key: Key,
  body: Uint8Array,
  options: OpOptions,
): Promise<void> {
  await again(async () => {
    if (body.byteLength <= target.caps.maxItem) await target.put(key, body, options);
    else await target.write(key, chunksOf(body), { ...options, size: body.byteLength });
  });
}

/** Writes a tarball, whose bytes are checked on the way. */
export async function sendBlob(
  target: Driver,
  key: Key,
  blobs: Blobs,
  ref: BlobRef,
  options: OpOptions,
): Promise<void> {
  if (ref.size <= WHOLE) return send(target, key, await blobs.bytes(ref, options), options);
  const sha512 = sha512Bytes(ref.integrity);
  await again(async () => {
    const stream = await blobs.open(ref, options);
    if (!stream)
      throw new CitadelError("E_INTEGRITY", `the tarball ${ref.integrity} is missing in the store`);
    await target.write(key, stream, { ...options, size: ref.size, sha512 });
  });
}

async function again(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      return await work();
    } catch (error) {
      const code = storeCode(error);
      if (attempt >= ATTEMPTS || (code !== "UNKNOWN" && code !== "UNAVAILABLE")) throw error;
      await pause(Math.random() * 8 * 2 ** attempt);
    }
}

async function* chunksOf(body: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < body.byteLength; at += WHOLE) yield body.subarray(at, at + WHOLE);
}

/** The mark of what an export is about to change. */
export const UNSURE = "";

/**
 * What was written in which state. A mark is {@link UNSURE} from before the first object is touched until all are there, or gone:
 * whatever an export leaves behind that dies, the next one puts it right.
 */
export interface Index {
  readonly marks: Map<string, string>;
  save(options: OpOptions): Promise<void>;
}

export async function readIndex(target: Driver, options: OpOptions): Promise<Index> {
  const opened = await target.read(indexKey, options);
  const stored =
    opened &&
    (JSON.parse(Buffer.concat(await Array.fromAsync(opened.stream)).toString()) as Stored);
  const marks = new Map(stored?.format === FORMAT ? Object.entries(stored.marks) : []);
  return {
    marks,
    async save(saving) {
      const now: Stored = {
        format: FORMAT,
        marks: Object.fromEntries([...marks].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      };
      await send(target, indexKey, Buffer.from(JSON.stringify(now)), saving);
    },
  };
}

interface Stored {
  readonly format: number;
  readonly marks: Readonly<Record<string, string>>;
}

/**
 * Runs `work` while nobody else exports to the same place: two exports at once could leave the older state there.
 * @throws E_CONFLICT when somebody does, E_CONFIG for a store that cannot tell
 */
export async function alone<T>(
  target: Driver,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (target.caps.cas !== "full" && target.caps.cas !== "process")
    throw new CitadelError(
      "E_CONFIG",
      `two exports to this store at once would not see each other (${target.name}, cas: ${target.caps.cas})`,
      {
        hint: ["a bucket that one process alone writes: add concurrency=single-writer to its URL"],
      },
    );
  const id = crypto.randomUUID();
  const lease = temporary<string>(target, "edge");
  const hold = (ms: number) =>
    lease.change("export", (now) => {
      if (now && now.value !== id)
        throw new CitadelError("E_CONFLICT", "another export to the same place is under way", {
          hint: [`one that died is forgotten after ${PATIENCE / 1000} s: try again then`],
        });
      return { next: { value: id, until: Date.now() + ms }, answer: undefined };
    });
  await hold(PATIENCE);
  const lost = new AbortController();
  const beat = setInterval(() => {
    hold(PATIENCE).catch((error: unknown) => {
      // a store that does not answer for a while is no reason to stop
      if (errorCode(error) === "E_CONFLICT") lost.abort(error);
    });
  }, PATIENCE / 4);
  try {
    return await work(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
  } finally {
    clearInterval(beat);
    await hold(0).catch(() => {});
  }
}
