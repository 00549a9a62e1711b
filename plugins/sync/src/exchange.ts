import type { Driver } from "@citadel/core/driver";
import { CitadelError } from "@citadel/core/errors";
import { matches } from "@citadel/core/patterns";
import { packageKind, scopeKind, type PackageState } from "@citadel/core/registry";
import {
  commonState,
  compareHistories,
  forward,
  missingOf,
  pairs,
  pool,
  replant,
  walk,
  type Histories,
  type Kind,
} from "@citadel/core/store";
import type { Conflict, Merge, Parted, Taken } from "./merge/merge.ts";
import { mergePackage } from "./merge/package.ts";
import { mergeScope } from "./merge/scope.ts";

/** names compared at once */
const AT_ONCE = 8;
/** turns of a name that others keep changing */
const ATTEMPTS = 16;

export type Standing = "same" | "ahead" | "behind" | "diverged" | "conflict" | "busy";

/** How one name stands here to what is in the remote store. */
export interface Row {
  readonly kind: "package" | "scope";
  readonly name: string;
  /** diverged: grown on both sides, and fits together; busy: a batch publish has not ended */
  readonly standing: Standing;
  /** entries that only this side has */
  readonly ahead: number;
  /** entries that only the remote side has */
  readonly behind: number;
  readonly conflicts: readonly Conflict[];
}

/** What became of one name. */
export interface Done extends Row {
  readonly done: "uploaded" | "downloaded" | "merged" | "nothing";
}

export interface Options {
  /** patterns of names; empty: all */
  readonly names?: readonly string[];
  readonly take?: (name: string) => Taken | undefined;
  readonly signal?: AbortSignal;
  /** hears how many names were dealt with */
  readonly seen?: (count: number) => void;
  /** hears the bytes of objects that came over */
  readonly moved?: (bytes: number) => void;
}

interface Family<S, E> {
  readonly kind: Kind<S, E>;
  readonly label: Row["kind"];
  merge(parted: Parted<S, E>): Merge<E>;
  busy(state: S | undefined): boolean;
  /** the name as it is typed and shown */
  shown(name: string): string;
  /** whether it belongs to what a pattern of package names is about */
  wanted(name: string, pattern: string): boolean;
}

// oxlint-disable-next-line no-explicit-any -- each family has states and events of its own
type AnyFamily = Family<any, any>;

/** Scopes come before the packages in them. */
const families = (): readonly AnyFamily[] => [
  {
    kind: scopeKind(),
    label: "scope",
    merge: mergeScope,
    busy: () => false,
    shown: (name) => `@${name}`,
    wanted: (name, pattern) => pattern === "*" || pattern.startsWith(`@${name}/`),
  },
  {
    kind: packageKind(),
    label: "package",
    merge: mergePackage,
    busy: (state: PackageState | undefined) => (state?.pending?.size ?? 0) > 0,
    shown: (name) => name,
    wanted: (name, pattern) => matches(pattern, name),
  },
];

export interface Place {
  readonly here: Driver;
  readonly there: Driver;
  /** ms that unused objects are safe from collection in both */
  readonly grace: number;
}

/** How every name stands; nothing is changed. Rows are in the order of names, scopes first. */
export async function standings(place: Place, options: Options = {}): Promise<Row[]> {
  return each(place, options, async (family, name) => {
    const { row } = await look(family, name, place, undefined);
    return row;
  });
}

/**
 * Brings what is only here to the remote store. A name that has grown on both sides is merged here first, on top of what is there;
 * one that somebody must decide about stays as it is on both sides.
 */
export async function upload(place: Place, options: Options = {}): Promise<Done[]> {
  const travel = travelOf(place, options);
  return each(place, options, (family, name) =>
    persist(family, name, async () => {
      const { row, histories, merge } = await look(family, name, place, options.take?.(family.shown(name))); // prettier-ignore
      if (row.standing === "ahead")
        return (await forward(histories, "up", place, travel)) && { ...row, done: "uploaded" };
      if (row.standing !== "diverged") return { ...row, done: "nothing" };
      if (!(await replant(histories, merge.again, place, travel))) return false;
      const merged = await compareHistories(family.kind, name, place.here, place.there);
      if (merged.there.since.length > 0) return false;
      return (await forward(merged, "up", place, travel)) && { ...row, done: "merged" };
    }),
  );
}

/** Brings what is only in the remote store here; there nothing changes. Grown on both sides: as {@link upload}, but for the way up. */
export async function download(place: Place, options: Options = {}): Promise<Done[]> {
  const travel = travelOf(place, options);
  return each(place, options, (family, name) =>
    persist(family, name, async () => {
      const { row, histories, merge } = await look(family, name, place, options.take?.(family.shown(name))); // prettier-ignore
      if (row.standing === "behind")
        return (await forward(histories, "down", place, travel)) && { ...row, done: "downloaded" };
      if (row.standing !== "diverged") return { ...row, done: "nothing" };
      return (await replant(histories, merge.again, place, travel)) && { ...row, done: "merged" };
    }),
  );
}

/** Once more as long as somebody else was faster. */
async function persist<T>(
  { label }: AnyFamily,
  name: string,
  turn: () => Promise<T | false>,
): Promise<T> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const done = await turn();
    if (done !== false) return done;
  }
  throw new CitadelError("E_CONFLICT", `the ${label} ${name} changes all the time`, {
    hint: ["run it again: what has arrived stays"],
  });
}

interface Looked<S, E> {
  readonly row: Row;
  readonly histories: Histories<S, E>;
  readonly merge: Merge<E>;
}

/** @param take decides what is in conflict */
async function look<S, E>(
  family: Family<S, E>,
  name: string,
  { here, there }: Place,
  take: Taken | undefined,
): Promise<Looked<S, E>> {
  const histories = await compareHistories(family.kind, name, here, there);
  const [ours, theirs] = [histories.here.document?.doc.state, histories.there.document?.doc.state];
  const own = missingOf(histories.here.since, histories.there.since);
  const [ahead, behind] = [own.length, histories.there.since.length];
  const row = { kind: family.label, name: family.shown(name), ahead, behind };
  const without = (standing: Standing): Looked<S, E> => ({
    row: { ...row, standing, conflicts: [] },
    histories,
    merge: { conflicts: [], again: () => [] },
  });
  if (histories.here.since.length + behind === 0) return without("same");
  if (family.busy(ours) || family.busy(theirs)) return without("busy");
  if (behind === 0) return without("ahead");
  if (histories.here.since.length === 0) return without("behind");
  if (own.length === 0) return without("diverged");
  const parted = {
    base: await commonState(histories, here),
    ours: ours as S,
    theirs: theirs as S,
    own,
    others: histories.there.since.map(({ entry }) => entry),
  };
  const { conflicts } = family.merge({ ...parted, take: undefined });
  const merge = family.merge({ ...parted, take });
  const open = conflicts.length > 0 && take === undefined;
  return { row: { ...row, standing: open ? "conflict" : "diverged", conflicts }, histories, merge };
}

async function each<T>(
  place: Place,
  { names = [], signal, seen = () => {} }: Options,
  work: (family: AnyFamily, name: string) => Promise<T>,
): Promise<T[]> {
  const all: T[] = [];
  let count = 0;
  for (const family of families()) {
    const prefix = `d/${family.kind.name}/`;
    const found: { name: string; result: T }[] = [];
    await pool(
      pairs(walk(place.here, prefix), walk(place.there, prefix)),
      AT_ONCE,
      signal,
      async ({ key }) => {
        const name = nameIn(key, prefix);
        if (names.length > 0 && !names.some((one) => family.wanted(name, one))) return;
        found.push({ name, result: await work(family, name) });
        seen(++count);
      },
    );
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    all.push(...found.map(({ result }) => result));
  }
  return all;
}

function nameIn(key: string, prefix: string): string {
  try {
    return decodeURIComponent(key.slice(prefix.length));
  } catch (cause) {
    throw new CitadelError("E_INTEGRITY", `${key} is no name of a document`, {
      hint: ["find the damage: citadel verify --store <url>"],
      cause,
    });
  }
}

const travelOf = ({ grace }: Place, { signal, moved }: Options) => ({
  grace,
  ...(signal && { signal }),
  ...(moved && { moved }),
});
