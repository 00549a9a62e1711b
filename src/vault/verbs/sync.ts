import { isDeepStrictEqual } from "node:util";
import { CitadelError } from "../../errors.ts";
import { replicate } from "../../store/replicate.ts";
import type { Store } from "../../store/types.ts";
import type { Which } from "../api.ts";
import type { Conflict, Replica, Synced, SyncOptions } from "../api-sync.ts";
import { operationsOf } from "../event.ts";
import type { Logged } from "../history.ts";
import { find, matching } from "../lookup.ts";
import type { Description, Meta } from "../meta.ts";
import { denied } from "../problems.ts";
import { vaultKind, vaultName } from "../kind.ts";
import { openSession, type Session } from "../session.ts";
import type { Operation, OperationOf } from "../types.ts";
import { change, describe } from "./lifecycle.ts";
import { versions } from "./read.ts";
import { begin, rotating, step } from "./rotate.ts";
import { set } from "./write.ts";

/**
 * {@link SyncVerbs.sync}: whoever is behind gets what the other has. What this identity did here while the other store went
 * on is done again there, and both get that; what somebody else did here is a fork.
 */
export async function sync(
  session: Session,
  other: Replica,
  { dryRun = false, acceptFork = false }: SyncOptions = {},
): Promise<Synced> {
  const there = await sessionOf(session, other);
  const theirs = await there.history.log();
  const mine = await session.history.log().catch(async (error: unknown) => {
    const pin = await session.history.pin();
    // this store fell behind what was seen, and the other one has it
    if (dryRun || !pin || !theirs.some(({ head }) => head === pin.head)) throw error;
    await copy(there, session);
    return session.history.log();
  });
  const common = commonOf(mine, theirs);
  const [ahead, behind] = [mine.length - common, theirs.length - common];
  const result = { url: other.url, ahead, behind, conflicts: [] as readonly Conflict[] };
  if (mine.length + theirs.length === 0)
    throw new CitadelError("E_VAULT_NOT_FOUND", "there is no vault in these stores");
  if (common === 0 && ahead > 0 && behind > 0) throw forked(mine, theirs, common);
  if (dryRun || (ahead === 0 && behind === 0)) return { ...result, copied: 0 };
  if (behind === 0) return { ...result, ...(await copy(session, there, theirs)) };
  if (ahead === 0) return { ...result, ...(await copy(there, session, mine)) };
  const own = mine.slice(common);
  const { identity } = await there.use();
  const foreign = own.some(({ event }) => event.by !== identity.member.kid);
  if (foreign && !acceptFork) throw forked(mine, theirs, common);
  const conflicts = acceptFork
    ? await give(there, mine)
    : await again(session, there, { own, theirs: theirs.slice(common) });
  await session.history.giveWay(
    await there.history.state(),
    async () => void (await copy(there, session, mine)),
  );
  return { ...result, conflicts, copied: own.length };
}

/** Signs in the other store that what was done here is given up. */
async function give(there: Session, mine: readonly Logged[]): Promise<readonly Conflict[]> {
  await there.append(async ({ me }) => {
    if (!me.administrator) throw denied("only administrators give up a history");
    return { operation: { op: "fork", heads: mine.slice(-1).map(({ head }) => head) } };
  });
  return [];
}

async function sessionOf(session: Session, { store, id }: Replica): Promise<Session> {
  const found = await session.lookForIdentity();
  const { keychain: _, ...options } = session.from;
  return openSession({
    ...session,
    ...{ store, storeId: id },
    from: found ? { known: found.identity } : options,
  });
}

/** How many events the two begin with alike. */
function commonOf(mine: readonly Logged[], theirs: readonly Logged[]): number {
  const at = mine.findIndex(({ head }, index) => theirs[index]?.head !== head);
  return at < 0 ? mine.length : at;
}

/** The one document and what belongs to it; from then on it has been seen there. @param seen what it may take the place of @default whatever is there */
const copy = async (from: Session, to: Session, seen?: readonly Logged[]) => {
  const done = await replicate(
    driverOf(from),
    driverOf(to),
    { kind: vaultKind(), name: vaultName },
    (state) => !seen || state?.head === seen.at(-1)?.head,
  );
  await to.history.state();
  return done;
};
const driverOf = ({ store }: { readonly store: Pick<Store, "driver"> }) => store.driver;

/** What was done since two histories were one. */
interface Parted {
  /** in this store, by this identity */
  readonly own: readonly Logged[];
  /** in the other one */
  readonly theirs: readonly Logged[];
}

/** Does again in `there` what this identity did here, oldest first. @throws E_CONFLICT for what cannot be done again */
async function again(
  here: Session,
  there: Session,
  { own, theirs }: Parted,
): Promise<readonly Conflict[]> {
  const undoable = own.find(({ event }) =>
    operationsOf(event).some(({ op }) => !repeatable.has(op)),
  );
  if (undoable)
    throw new CitadelError(
      "E_CONFLICT",
      `event ${undoable.event.seq} (${undoable.event.op}) was made here while the other store went on, and only values are made again there`,
      {
        hint: [
          "take the other store's history, and do it again: citadel secrets:sync --accept-fork",
        ],
      },
    );
  const told = await toldAnew(here, there, { own, theirs });
  const conflicts = new Map<string, Conflict>();
  /** versions that a secret had when the stores parted, and those of here that are there by now */
  const done = new Map<string, number>();
  for (const operation of own.flatMap(({ event }) => operationsOf(event)))
    if (operation.op === "set") {
      const conflict = await setAgain(here, there, operation, done);
      if (conflict) conflicts.set(operation.id, conflict);
    } else if (operation.op === "delete" || operation.op === "undelete") {
      const found = await whichOf(here, operation.id);
      if (found && !conflicts.has(operation.id))
        await change(there, operation.op, found.which, operation.ns);
    }
  for (const { which, said } of told) await describe(there, which, said);
  return [...conflicts.values()];
}

/** What can be said of a secret that is not about one of its versions. */
const plain = [
  ...["type", "description", "tags", "canary", "schedule"],
  ...["maxVersions", "deleteAfter", "casRequired"],
] as readonly (keyof Meta & keyof Description)[];

/** Whether an operation says something of a secret. */
const saysOf = (one: Operation): one is OperationOf<"meta"> | OperationOf<"set"> =>
  one.op === "meta" || (one.op === "set" && one.meta !== undefined);

/**
 * What was said here of secrets that were there before.
 * @throws E_CONFLICT, before anything is done, where something else was said there, or it is about single versions, whose numbers may
 * be others there
 */
async function toldAnew(here: Session, there: Session, { own, theirs }: Parted) {
  const operations = own.flatMap(({ event }) => operationsOf(event));
  const set = operations.filter((one) => one.op === "set");
  const fresh = new Set(set.flatMap(({ id, n }) => (n === 1 ? id : [])));
  const ids = operations.flatMap((one) => (saysOf(one) && !fresh.has(one.id) ? one.id : []));
  const others = theirs.flatMap(({ event }) => operationsOf(event));
  const touched = new Set(others.flatMap((one) => (saysOf(one) ? one.id : [])));
  const all: { which: Which; said: Description }[] = [];
  for (const id of new Set(ids)) {
    const mine = await whichOf(here, id);
    if (!mine) continue;
    const { state, contents } = await there.use();
    const found = (await matching(state, contents, mine.which)).find((one) => one.secret.id === id);
    const { labels, expires } = found?.meta ?? { name: "" };
    // those of new versions come with them
    const carried = new Set(set.flatMap((one) => (one.id === id ? String(one.n) : [])));
    const before = Object.entries(mine.meta.expires ?? {}).filter(([n]) => !carried.has(n));
    const versions = [
      [labels ?? {}, mine.meta.labels ?? {}],
      [expires ?? {}, Object.fromEntries(before)],
    ];
    if (!found || touched.has(id) || versions.some(([a, b]) => !isDeepStrictEqual(a, b)))
      throw new CitadelError(
        "E_CONFLICT",
        `what is said of ${mine.which.scope}/${mine.which.name} was changed here in a way that cannot be done again in the other store`,
        {
          hint: [
            "take the other store's history, and say it again: citadel secrets:sync --accept-fork",
          ],
        },
      );
    const anew = plain.map((field) => [field, mine.meta[field] ?? null] as const);
    all.push({ which: mine.which, said: Object.fromEntries(anew) });
  }
  return all;
}

const repeatable: ReadonlySet<string> = new Set(["set", "scope", "meta", "delete", "undelete"]);

async function whichOf({ use }: Session, id: string) {
  const { state, contents } = await use();
  const secret = state.secrets.get(id);
  const scope = secret && state.scopes.get(secret.scope);
  if (!scope || !contents.holds(scope)) return undefined;
  const meta = await contents.metaOf(secret.meta, scope);
  const { name } = await contents.scopeOf(state, scope);
  return { which: { name: meta.name, scope: name }, meta };
}

async function setAgain(
  here: Session,
  there: Session,
  { id, n }: OperationOf<"set">,
  done: Map<string, number>,
): Promise<Conflict | undefined> {
  const found = await whichOf(here, id);
  const { state, contents } = await here.use();
  const secret = state.secrets.get(id);
  const scope = secret && state.scopes.get(secret.scope);
  const version = secret?.versions[n - 1];
  if (!found || !scope || !version || version.state === "destroyed") return undefined;
  const { which: name, meta } = found;
  const expires = meta.expires?.[n];
  const said = {
    ...(n === 1 && Object.fromEntries(plain.map((field) => [field, meta[field]]))),
    ...(expires !== undefined && { expires }),
  };
  const value = await contents.get(version.record, scope);
  try {
    const count = await countOf(there, name);
    const expected = done.get(id) ?? n - 1;
    if (count === expected) {
      await set(there, name, value, { ...said, force: true });
      done.set(id, expected + 1);
      return undefined;
    }
    // an interrupted run came this far
    if (await holds(there, name, { value, after: n - 1 })) return undefined;
    // an earlier one of here, whose value is kept as a version
    const before = await rotating(there, name);
    if (before) await step(there, name, before.id, "cancel");
    const { version: pending } = await begin(there, name, value);
    return { scope: name.scope, name: name.name, version: pending };
  } finally {
    value.fill(0);
  }
}

const countOf = async (
  session: Session,
  which: { name: string; scope: string },
): Promise<number> => {
  try {
    return (await versions(session, which)).items.length;
  } catch (error) {
    if (error instanceof CitadelError && error.code === "E_SECRET_NOT_FOUND") return 0;
    throw error;
  }
};

/** Whether one of the versions after a number has this value. */
async function holds(
  session: Session,
  which: { name: string; scope: string },
  { value, after }: { readonly value: Buffer; readonly after: number },
): Promise<boolean> {
  const { state, contents } = await session.use();
  const { secret, scope } = await find(state, contents, which);
  for (const { record, state: now } of secret.versions.slice(after)) {
    if (now !== "live") continue;
    const there = await contents.get(record, scope);
    const same = there.equals(value);
    there.fill(0);
    if (same) return true;
  }
  return false;
}

const forked = (mine: readonly Logged[], theirs: readonly Logged[], common: number): CitadelError =>
  new CitadelError(
    "E_VAULT_ROLLBACK",
    `the two histories part after event ${common}: here it goes on to ${mine.at(-1)?.head}, there to ${theirs.at(-1)?.head}`,
    { hint: ["an administrator decides which one counts: citadel secrets:sync --accept-fork"] },
  );
