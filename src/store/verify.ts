import { createHash } from "node:crypto";
import { storeCode, type Driver, type Key, type StoreError } from "../driver/index.ts";
import { chain } from "./chain.ts";
import { documentCodec, type Stored } from "./codec.ts";
import { Damage } from "./damage.ts";
import { comingTo } from "./histories.ts";
import { documentKey, parseEntryKey } from "./keys.ts";
import { fold } from "./ledger.ts";
import type { Kind, LedgerEntry, Problem, Store } from "./types.ts";
import { groups, walk } from "./walk.ts";

/** Objects asked for at once. */
const AT_ONCE = 32;

type Options = Parameters<Store["verify"]>[0];
type Problems = AsyncGenerator<Problem, void, void>;

/** {@link Store.verify}. A document is computed anew from its history and must come out byte by byte. */
export async function* verify(
  driver: Driver,
  { kinds, counted = () => {}, newest }: Options,
): Problems {
  if (newest !== undefined) return yield* verifyNewest(driver, { kinds, counted, newest });
  for (const kind of kinds) {
    const revisions = new Map<string, number>();
    const prefix = documentKey(kind.name);
    yield* survive(prefix, async function* () {
      for await (const { key } of walk(driver, prefix)) {
        revisions.set(key.slice(prefix.length), Infinity);
        yield* survive(key, async function* () {
          const rev = yield* verifyDocument(driver, kind, key, counted);
          if (rev !== undefined) revisions.set(key.slice(prefix.length), rev);
        });
      }
    });
    yield* survive(`h/${kind.name}/`, () => verifyEntries(driver, kind, revisions));
  }
  yield* verifyObjects(driver, "b/", counted);
  yield* verifyObjects(driver, "m/", counted);
}

/** The documents of each kind that changed last, with the objects that they named last. */
async function* verifyNewest(
  driver: Driver,
  {
    kinds,
    counted,
    newest,
  }: Options & { readonly newest: number } & Pick<Required<Options>, "counted">,
): Problems {
  for (const kind of kinds) {
    const prefix = documentKey(kind.name);
    const found: { readonly key: Key; readonly modified: number }[] = [];
    yield* await attempt(prefix, async () => {
      for await (const { key, modified } of walk(driver, prefix)) found.push({ key, modified });
    });
    for (const { key } of found.sort((a, b) => b.modified - a.modified).slice(0, newest))
      yield* survive(key, async function* () {
        yield* verifyDocument(driver, kind, key, counted);
        const item = await driver.get(key);
        const state = item && documentCodec(kind, key).parse(item.body).state;
        const named = state ? references(kind, state, key) : [];
        // other objects, such as the slots of a vault, only have to be there
        for (const object of named.filter((one) => /^[bm]\//.test(one)).slice(-newest))
          yield* await attempt(object, () => verifyObject(driver, object, counted));
      });
  }
}

/** Yields what `check` yields; damage that it meets becomes a problem with `key` instead of an end of everything. */
async function* survive(key: Key, check: () => Problems): Problems {
  try {
    yield* check();
  } catch (error) {
    yield problemOf(error, key);
  }
}

/** The same for a check that only throws. */
async function attempt(key: Key, check: () => Promise<void>): Promise<readonly Problem[]> {
  try {
    await check();
    return [];
  } catch (error) {
    return [problemOf(error, key)];
  }
}

/** Throws what is not damage. */
function problemOf(error: unknown, key: Key): Problem {
  if (error instanceof Damage)
    return { key: error.key, problem: error.problem, message: `${error.message}.` };
  if (storeCode(error) === "CORRUPT")
    return {
      key: (error as StoreError).key ?? key,
      problem: "damaged",
      message: `${(error as StoreError).message}.`,
    };
  throw error;
}

/** One document with its history and what it refers to. Returns its revision, undefined when it is gone by now. */
async function* verifyDocument<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  key: Key,
  counted: NonNullable<Options["counted"]>,
): AsyncGenerator<Problem, number | undefined, void> {
  const item = await driver.get(key);
  if (!item) return undefined;
  counted("documents");
  const doc = documentCodec(kind, key).parse(item.body);
  const name = nameIn(key);

  // damage of the history does not excuse from looking for what the document refers to
  const broken = await attempt(key, async () => {
    const entries: LedgerEntry<E>[] = [];
    for await (const entry of chain<E>(driver, kind.name, name, doc)) {
      counted("entries");
      entries.push(entry);
    }
    if (Buffer.compare(recompute(kind, name, doc, entries, key), item.body) !== 0)
      throw new Damage("state", key, `the document ${key} is not what its history adds up to`);
  });
  // one that has ended may be on its way out, history first
  const leaving = kind.ended?.(doc.state) === true;
  yield* leaving ? broken.filter(({ problem }) => problem !== "missing") : broken;
  const wanted = references(kind, doc.state, key);
  const present = async (reference: Key): Promise<void> => {
    if (!(await driver.head(reference)))
      throw new Damage("missing", reference, `${reference} is missing, ${key} refers to it`);
  };
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE);
    const found = await Promise.all(some.map((one) => attempt(one, () => present(one))));
    yield* found.flat();
  }
  return doc.rev;
}

/** The bytes of the document that `entries` (newest first) make. */
function recompute<S, E>(
  kind: Kind<S, E>,
  name: string,
  { tip, w }: Stored<S>,
  entries: readonly LedgerEntry<E>[],
  key: Key,
): Uint8Array {
  const changes = entries.toReversed().flatMap((entry) => entry.changes);
  try {
    return documentCodec(kind, key).bytes({
      rev: entries.length,
      w: entries.slice(0, w.length).map(({ id }) => id),
      tip,
      at: changes.at(-1)?.at ?? 0,
      state: fold(kind, name, changes) as S,
    });
  } catch (error) {
    throw new Damage("history", key, `the history of ${key} cannot be folded`, error);
  }
}

function references<S, E>(kind: Kind<S, E>, state: S, key: Key): readonly Key[] {
  try {
    return [...(kind.references?.(state) ?? [])];
  } catch (error) {
    throw new Damage("unreadable", key, `the document ${key} cannot be read`, error);
  }
}

/**
 * Entries nobody counts are left by writers that lost or died and mean nothing; but one of a second or later revision
 * tells that there was a document of the revision before.
 */
async function* verifyEntries<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  revisions: ReadonlyMap<string, number>,
): Problems {
  const entries = walk(driver, `h/${kind.name}/`);
  for await (const [name, all] of groups(entries, ({ key }) => parseEntryKey(key)?.segment ?? "")) {
    if (name === "") {
      for (const { key } of all)
        yield { key, problem: "unreadable", message: `${key} is no name of a history entry.` };
      continue;
    }
    const last = Math.max(...all.map(({ key }) => parseEntryKey(key)?.rev ?? 0));
    if (last <= (revisions.get(name) ?? 0) + 1) continue;
    // it may have come or moved since it was read
    const key = `d/${kind.name}/${name}`;
    yield* await attempt(key, async () => {
      const item = await driver.get(key);
      const rev = item ? documentCodec(kind, key).parse(item.body).rev : 0;
      if (last <= rev + 1 || last <= (await comingTo(driver, kind.name, nameIn(key)))) return;
      throw item
        ? new Damage("state", key, `the document ${key} is older than its history`)
        : new Damage("missing", key, `the document ${key} is missing, its history is there`);
    });
  }
}

/** Hashes everything below `prefix`, also what no document refers to yet: the next one to publish it would trust it. */
async function* verifyObjects(
  driver: Driver,
  prefix: "b/" | "m/",
  counted: NonNullable<Options["counted"]>,
): Problems {
  yield* survive(prefix, async function* () {
    for await (const { key } of walk(driver, prefix))
      yield* await attempt(key, () => verifyObject(driver, key, counted));
  });
}

async function verifyObject(
  driver: Driver,
  key: Key,
  counted: NonNullable<Options["counted"]>,
): Promise<void> {
  const [, sha512, sha256] =
    /^(?:b\/sha512\/(?:..)\/([0-9a-f]+)|m\/sha256\/(?:..)\/([0-9a-f]+))$/.exec(key) ?? [];
  const name = sha512 ?? sha256;
  if (name === undefined || key.split("/")[2] !== name.slice(0, 2))
    throw new Damage("unreadable", key, `${key} is no name of a stored object`);
  const opened = await driver.read(key);
  if (!opened) return;
  counted(sha512 === undefined ? "manifests" : "blobs");
  const hash = createHash(sha512 === undefined ? "sha256" : "sha512");
  for await (const chunk of opened.stream) hash.update(chunk);
  if (hash.digest("hex") !== name)
    throw new Damage("damaged", key, `${key} does not hold what its name says`);
}

const nameIn = (key: Key): string => {
  try {
    return decodeURIComponent(key.slice(key.lastIndexOf("/") + 1));
  } catch (error) {
    throw new Damage("unreadable", key, `${key} is no name of a document`, error);
  }
};
