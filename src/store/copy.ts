import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import {
  storeCode,
  tooLarge,
  type Driver,
  type Entry,
  type ETag,
  type Key,
  type ListEntry,
} from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { checked, hashOf, nameOf, type Hash } from "./hashes.ts";
import { keep } from "./immutable.ts";
import { pairs, pool, walkOthers, type Pair } from "./pairs.ts";
import { conflictOf, relation, sameBytes, type CopyConflict } from "./relation.ts";
import type { Kind } from "./types.ts";
import { walk } from "./walk.ts";

/** Bytes up to which an object is copied in one piece of memory. */
const WHOLE = 1 << 20;
/** Objects under way at once. */
const AT_ONCE = 8;
const PASSES = 5;
const ATTEMPTS = 6;
/** Whatever an object refers to comes before it; documents, which refer to all the others, are last. */
const ORDER = ["b/", "m/", "h/", "", "d/"] as const;

export interface Count {
  readonly keys: number;
  readonly bytes: number;
}

/** What a copy would do. */
export interface CopyPlan {
  /** everything in the source */
  readonly all: Count;
  /** what the target lacks, or has with another size */
  readonly missing: Count;
  /** documents of the target that are not an earlier state of the source's */
  readonly conflicts: readonly CopyConflict[];
}
export interface Copied {
  readonly all: Count;
  /** written in this run */
  readonly copied: Count;
  /** found there, and checked */
  readonly present: Count;
  /** caches that the target cannot let expire */
  readonly skipped: Count;
  /** documents that kept changing while they were copied; another run takes what is new */
  readonly changed: readonly Key[];
}

interface Watching {
  readonly signal?: AbortSignal;
  /** a new step begins, of `total` bytes where that is known */
  readonly phase?: (label: string, total?: number) => void;
  /** bytes of the step that are done */
  readonly at?: (bytes: number) => void;
}

/**
 * Compares two stores by their lists and documents; writes nothing. Throws TOO_LARGE for what the target cannot take.
 * @param kinds what is known of documents: one of the target that has ended is in nobody's way when the source has removed it
 */
export async function planCopy(
  from: Driver,
  to: Driver,
  {
    signal,
    phase = () => {},
    kinds = [],
  }: Watching & { readonly kinds?: readonly Kind<unknown, unknown>[] } = {},
): Promise<CopyPlan> {
  const all = tally();
  const missing = tally();
  const conflicts: CopyConflict[] = [];
  phase("comparing the stores");
  for (const prefix of ORDER)
    await pool(listBoth(from, to, prefix), AT_ONCE, signal, async ({ key, source, target }) => {
      if (source) {
        all.add(source.size);
        if (source.size > to.caps.maxObject) throw tooLarge(key, source.size, to.caps.maxObject);
        if (target?.size !== source.size) missing.add(source.size);
      }
      if (prefix !== "d/" || !target) return;
      const why = await conflictOf(from, to, key, kinds);
      if (why) conflicts.push({ key, why });
    });
  conflicts.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { all: all.count(), missing: missing.count(), conflicts };
}

/**
 * Brings everything of `from` to `to`: blobs and manifests, history, the rest, documents. Each object is read again from
 * the target and compared by hash; what lies there already is only checked, so an interrupted copy goes on where it was.
 * Nothing is deleted. A document that changes meanwhile is taken in a further pass, after what it refers to; what still
 * changes after five passes is reported.
 *
 * @param force replaces documents that are no earlier state of the source's, if their history is not the longer one
 * @throws E_CONFLICT for such documents, E_INTEGRITY when the source is damaged or the target does not keep what it took
 */
export async function copyStore(
  from: Driver,
  to: Driver,
  plan: CopyPlan,
  { force = false, signal, phase = () => {}, at = () => {} }: Watching & { force?: boolean } = {},
): Promise<Copied> {
  const copied = tally();
  const present = tally();
  const skipped = tally();
  const done = marks();
  const options = signal ? { signal } : {};
  let bytes = 0;
  const progress = (size: number): void => at((bytes += size));

  let known = await newDocuments(from);
  for (let pass = 1; ; pass++) {
    phase(pass === 1 ? "copying" : `copying what changed, pass ${pass}`, pass === 1 ? plan.all.bytes : undefined); // prettier-ignore
    for (const prefix of ORDER) {
      const work = prefix === "d/" ? copyDocument : copyObject;
      await pool(listBoth(from, to, prefix), AT_ONCE, signal, async (pair) => {
        if (pair.source) await work(pair as Found, pass);
      });
    }
    const next = await newDocuments(from, done);
    if (next.keys.length === 0 || pass === PASSES)
      return {
        all: plan.all,
        copied: copied.count(),
        present: present.count(),
        skipped: skipped.count(),
        changed: next.keys,
      };
    known = next;
  }

  async function copyObject(found: Found, pass: number): Promise<void> {
    let counted = 0;
    // a large object shows on its way, however often it is tried; all of it counts once
    const step = (size: number): void => {
      const more = Math.min(size, found.source.size - counted);
      counted += more;
      if (pass === 1) progress(more);
    };
    for (let attempt = 1; ; attempt++)
      try {
        await copyOnce(found, pass, step);
        return step(Infinity);
      } catch (error) {
        // a cache may be written anew at any time
        if (storeCode(error) !== "CHANGED" || attempt >= ATTEMPTS) throw error;
      }
  }

  async function copyOnce(
    { key, source, target }: Found,
    pass: number,
    step: (size: number) => void,
  ): Promise<void> {
    // what was there in an earlier pass has been checked in it
    if (pass > 1 && target?.size === source.size) return;
    if (source.expires !== undefined && to.caps.ttl === "none" && key.startsWith("c/"))
      return skipped.add(source.size);
    const wanted = nameOf(key) ?? (await hashOf(from, key, "sha512", signal));
    // collected meanwhile: nothing refers to it
    if (!wanted) return;
    const isThere = async (seen?: (size: number) => void): Promise<boolean> =>
      (await hashOf(to, key, wanted.algorithm, signal, seen))?.hex === wanted.hex;
    if (target?.size === source.size && (await isThere(step))) present.add(source.size);
    else {
      const put = (condition: { readonly ifAbsent?: true }) =>
        copyBytes(key, wanted, step, condition);
      if (!(await stayed(keep(to, key, source.size, Infinity, put)))) return;
      if (!(await isThere())) {
        // one that says by its name what it holds is damaged; who knows which of two others is right
        if (!nameOf(key) && key.startsWith("h/") && !force) throw differs(key);
        await put({});
        if (!(await isThere())) throw notKept(key);
      }
      copied.add(source.size);
    }
  }

  /** Source to target under `condition`; the source's bytes have to be the ones that are wanted. */
  async function copyBytes(
    key: Key,
    wanted: Hash,
    step: (size: number) => void,
    condition: { readonly ifAbsent?: true },
  ): Promise<Entry> {
    const opened = await from.read(key, options);
    if (!opened) throw new Gone();
    const extras = extrasOf(opened);
    if (opened.size <= Math.min(WHOLE, to.caps.maxItem)) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of checked(opened.stream, key, wanted, step)) chunks.push(chunk);
      return to.put(key, Buffer.concat(chunks), { ...condition, ...extras, ...options });
    }
    return to.write(key, checked(opened.stream, key, wanted, step), {
      ...condition,
      ...extras,
      ...options,
      size: opened.size,
      ...(wanted.algorithm === "sha512" ? { sha512: Buffer.from(wanted.hex, "hex") } : {}),
    });
  }

  async function copyDocument({ key, source }: Found, pass: number): Promise<void> {
    if (source.etag !== undefined && done.has(key, source.etag)) return;
    const item = await from.get(key, options);
    // newer than the list that was made before its parts were copied: the next pass takes it
    if (!item || !known.marks.has(key, item.etag)) return;
    for (let attempt = 1; ; attempt++) {
      const there = await to.get(key, options);
      if (there && sameBytes(item, there) && sameExtras(item, there)) {
        if (attempt === 1) present.add(item.size);
        else copied.add(item.size);
        break;
      }
      const why = there && (await relation(from, to, key, item, there));
      if (why === "longer" || (why && !force)) throw differs(key);
      const condition = there ? { ifMatch: there.etag } : { ifAbsent: true as const };
      try {
        const { etag } = await to.put(key, item.body, { ...condition, ...extrasOf(item), ...options }); // prettier-ignore
        const kept = await to.get(key, options);
        if (kept?.etag !== etag || !sameBytes(item, kept)) throw notKept(key);
        copied.add(item.size);
        break;
      } catch (error) {
        const code = storeCode(error);
        if (attempt >= ATTEMPTS || (code !== "UNKNOWN" && code !== "UNAVAILABLE" && code !== "CONFLICT")) throw error; // prettier-ignore
        await pause(Math.random() * 8 * 2 ** attempt);
      }
    }
    done.add(key, item.etag);
    if (pass === 1) progress(item.size);
  }
}

type Found = Pair & { readonly source: ListEntry };

const listBoth = (from: Driver, to: Driver, prefix: (typeof ORDER)[number]): AsyncIterable<Pair> =>
  prefix === ""
    ? pairs(walkOthers(from, ORDER), walkOthers(to, ORDER))
    : pairs(walk(from, prefix), walk(to, prefix));

/** The documents whose state is not one of `done`, and the states of all. */
async function newDocuments(
  from: Driver,
  done?: Marks,
): Promise<{ readonly keys: readonly Key[]; readonly marks: Marks }> {
  const all = marks();
  const keys: Key[] = [];
  for await (const { key, etag } of walk(from, "d/")) {
    const now = etag ?? (await from.head(key))?.etag;
    if (now === undefined) continue;
    all.add(key, now);
    if (!done?.has(key, now)) keys.push(key);
  }
  return { keys: done ? keys : [], marks: all };
}

/** A set of document states in a number each; 52 bits tell them apart. */
interface Marks {
  add(key: Key, etag: ETag): void;
  has(key: Key, etag: ETag): boolean;
}
function marks(): Marks {
  const held = new Set<number>();
  const of = (key: Key, etag: ETag): number =>
    Number.parseInt(createHash("sha256").update(`${key} ${etag}`).digest("hex").slice(0, 13), 16);
  return {
    add: (key, etag) => void held.add(of(key, etag)),
    has: (key, etag) => held.has(of(key, etag)),
  };
}

const extrasOf = ({ expires, meta }: Entry): Pick<Entry, "expires" | "meta"> => ({
  ...(expires === undefined ? {} : { expires }),
  ...(meta && Object.keys(meta).length > 0 ? { meta: { ...meta } } : {}),
});

const sameExtras = (a: Entry, b: Entry): boolean => isDeepStrictEqual(extrasOf(a), extrasOf(b));

/** Thrown by a copy of something that the source does not have any more. */
class Gone extends Error {}

/** false: the source lost it meanwhile. */
async function stayed(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Gone) return false;
    throw error;
  }
}

function tally(): { add(size: number): void; count(): Count } {
  let keys = 0;
  let bytes = 0;
  return {
    add(size) {
      keys++;
      bytes += size;
    },
    count: () => ({ keys, bytes }),
  };
}

const differs = (key: Key): CitadelError =>
  new CitadelError("E_CONFLICT", `the target's ${key} is not an earlier state of the source's`, {
    hint: ["copy into an empty store", "see what differs: citadel store:copy <from> <to> -n"],
  });

const notKept = (key: Key): CitadelError =>
  new CitadelError("E_INTEGRITY", `the target does not give back what was written as ${key}`, {
    hint: ["see whether it keeps its promises: citadel driver:test <target>"],
  });
