import type { PackageEvent, PackageState } from "@citadel/core/registry";
import { packageKind } from "@citadel/core/registry";
import type { Change, LedgerEntry } from "@citadel/core/store";
import { compare, valid } from "semver";
import { appended, decide, type Decided, type Facets, type Merge, type Parted, type Taken } from "./merge.ts"; // prettier-ignore
import { plain, type Plain } from "./plain.ts";

const gone = "unpublished";

/** What can be changed apart from everything else, as text that is equal when it is the same. */
export function facetsOf(state: PackageState | undefined): Facets {
  const facets = new Map<string, string>();
  if (!state) return facets;
  for (const [version, { integrity, deprecated }] of state.versions) {
    facets.set(`version ${version}`, integrity);
    if (deprecated !== undefined) facets.set(`deprecation ${version}`, deprecated);
  }
  for (const version of state.removed.keys()) facets.set(`version ${version}`, gone);
  for (const [tag, version] of state.tags) facets.set(`tag ${tag}`, version);
  facets.set("owners", state.owners.join(", "));
  facets.set("visibility", state.visibility ?? "public");
  facets.set("tfa", state.tfa ?? "none");
  for (const [team, right] of state.teams ?? []) facets.set(`team ${team}`, right);
  for (const user of state.stars) facets.set(`star ${user}`, "on");
  return facets;
}

/**
 * Packages. What only one side has changed comes together: distinct versions, tags, owners. Where both have published under one tag,
 * the tag goes to the higher version. Everything else that both have changed needs somebody who decides.
 */
export function mergePackage(parted: Parted<PackageState, PackageEvent>): Merge<PackageEvent> {
  const { ours, theirs, take } = parted;
  const decided = decidePackage(parted);
  const expected = mergedFacets(facetsOf(ours), facetsOf(theirs), decided.winner);
  return {
    conflicts: decided.conflicts,
    again: (own) => (take === undefined && decided.conflicts.length > 0 ? [] : replay(own, parted, decided, expected)), // prettier-ignore
  };
}

function decidePackage({
  base,
  ours,
  theirs,
  own,
  others,
  take,
}: Parted<PackageState, PackageEvent>): Decided {
  // prettier-ignore
  const published = (entries: readonly LedgerEntry<PackageEvent>[]): ReadonlySet<string> =>
    publishedTags(entries);
  const [byUs, byThem] = [published(own), published(others)];
  const facets = [facetsOf(base), facetsOf(ours), facetsOf(theirs)] as const;
  const { winner, conflicts } = decide(...facets, (facet, o, t) => {
    const tag = facet.startsWith("tag ") ? facet.slice(4) : undefined;
    if (tag !== undefined && byUs.has(tag) && byThem.has(tag) && valid(o) && valid(t))
      return compare(o as string, t as string) > 0 ? "ours" : "theirs";
    return take;
  });
  return settleDangling(facets[1], facets[2], new Map(winner), [...conflicts], take);
}

/** A tag and the version that it points to are decided alike: nobody wants a tag that points to nothing. */
function settleDangling(
  ours: Facets,
  theirs: Facets,
  winner: Map<string, Taken>,
  conflicts: Decided["conflicts"][number][],
  take: Taken | undefined,
): Decided {
  for (let again = true; again;) {
    again = false;
    for (const [facet, version] of mergedFacets(ours, theirs, winner)) {
      if (!facet.startsWith("tag ")) continue;
      const target = `version ${version}`;
      const content = sideOf(winner.get(target), ours, theirs).get(target);
      if (content !== undefined && content !== gone) continue;
      for (const what of [facet, target]) {
        // one that was decided for a side already keeps it; both go to the side that has the version
        const side = take ?? "theirs";
        if (winner.get(what) !== side) again = true;
        winner.set(what, side);
        const conflict = { what, ours: ours.get(what) ?? "", theirs: theirs.get(what) ?? "" };
        if (!take && conflict.ours !== conflict.theirs && !conflicts.some((one) => one.what === what)) conflicts.push(conflict); // prettier-ignore
      }
    }
  }
  return { winner, conflicts };
}

const sideOf = (side: Taken | undefined, ours: Facets, theirs: Facets): Facets =>
  side === "ours" ? ours : theirs;

/** What the merged state has to be. */
export function mergedFacets(
  ours: Facets,
  theirs: Facets,
  winner: ReadonlyMap<string, Taken>,
): Facets {
  const merged = new Map<string, string>();
  for (const [facet, side] of winner) {
    const value = sideOf(side, ours, theirs).get(facet);
    if (value !== undefined) merged.set(facet, value);
  }
  return merged;
}

/** Tags whose newest move came with a publish, not from somebody who set them. */
function publishedTags(entries: readonly LedgerEntry<PackageEvent>[]): ReadonlySet<string> {
  const tags = new Set<string>();
  for (const { events } of plain(entries).flat())
    for (const event of events)
      if (event.type === "publish") event.tags.forEach((tag) => tags.add(tag));
      else if (event.type === "import") event.tags.forEach(([tag]) => tags.add(tag));
      else if (event.type === "tag" || event.type === "untag") tags.delete(event.tag);
  return tags;
}

/** Own events on top of theirs: what lost stands beside them, and what no event alone brings about is made right at the end. */
function replay(
  own: readonly LedgerEntry<PackageEvent>[],
  { ours, theirs }: Parted<PackageState, PackageEvent>,
  { winner }: Decided,
  expected: Facets,
): (readonly Change<PackageEvent>[])[] {
  const { reduce } = packageKind();
  const mine = (facet: string): boolean => winner.get(facet) === "ours";
  let state = theirs;
  const entries = plain(own).map((changes, n) =>
    changes.map((change) => {
      const kept: PackageEvent[] = [];
      const dropped: PackageEvent[] = [];
      for (const event of change.events) {
        const [some, others] = divide(event, mine, ours, theirs);
        kept.push(...some);
        dropped.push(...others);
      }
      for (const event of kept) state = reduce(state, event, { ...change, name: ours.name });
      return appended(own[n] as LedgerEntry<PackageEvent>, change, kept, dropped);
    }),
  );
  const missing = [...corrections(state, ours, expected)];
  const [last] = entries.at(-1)?.slice(-1) ?? [];
  if (missing.length > 0 && last)
    entries.at(-1)?.splice(-1, 1, { ...last, events: [...last.events, ...missing] });
  return entries;
}

type Divided = readonly [kept: readonly PackageEvent[], dropped: readonly PackageEvent[]];

/** The part of an event that counts, and the part that does not. */
function divide(
  event: Plain,
  mine: (facet: string) => boolean,
  ours: PackageState,
  theirs: PackageState,
): Divided {
  const all = (counts: boolean): Divided => (counts ? [[event], []] : [[], [event]]);
  switch (event.type) {
    case "publish": {
      if (!mine(`version ${event.version}`)) return all(false);
      const [tags, lost] = split(event.tags, (tag) => mine(`tag ${tag}`));
      return [
        [{ ...event, tags }],
        lost.map((tag) => ({ type: "tag", tag, version: event.version })),
      ];
    }
    case "tag":
    case "untag":
      return all(mine(`tag ${event.tag}`));
    case "deprecate":
      return parts(event.versions, (version) => mine(`deprecation ${version}`), (versions) => ({ ...event, versions })); // prettier-ignore
    case "unpublish":
      return parts(event.versions, (version) => mine(`version ${version}`), (versions) => ({ ...event, versions })); // prettier-ignore
    case "sign": {
      const fits = ([version]: (typeof event.signatures)[number]): boolean => {
        const there = theirs.versions.get(version);
        if (!there || mine(`version ${version}`)) return true;
        return !there.signature && there.integrity === ours.versions.get(version)?.integrity;
      };
      return parts(event.signatures, fits, (signatures) => ({ ...event, signatures }));
    }
    case "import": {
      const [versions, others] = split(event.versions, ([version]) => mine(`version ${version}`));
      const [removed, left] = split(event.removed, ([version]) => mine(`version ${version}`));
      const [tags, lost] = split(event.tags, ([tag]) => mine(`tag ${tag}`));
      const rest = others.length + left.length + lost.length;
      return [
        [{ ...event, versions, removed, tags }],
        rest === 0 ? [] : [{ ...event, versions: others, removed: left, tags: lost }],
      ];
    }
    case "team":
      return all(mine(`team ${event.team}`));
    case "star":
      return all(mine(`star ${event.user}`));
    case "owners":
    case "visibility":
    case "tfa":
      return all(mine(event.type));
  }
}

function parts<T>(
  items: readonly T[],
  counts: (item: T) => boolean,
  make: (items: readonly T[]) => PackageEvent,
): Divided {
  const [kept, dropped] = split(items, counts);
  return [kept.length > 0 ? [make(kept)] : [], dropped.length > 0 ? [make(dropped)] : []];
}

function split<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** What is left to do until `state` is what it has to be: births and imports say things without an event of their own. */
function* corrections(
  state: PackageState,
  ours: PackageState,
  expected: Facets,
): Generator<PackageEvent> {
  const now = facetsOf(state);
  const facets = [...new Set([...now.keys(), ...expected.keys()])].filter(
    (facet) => now.get(facet) !== expected.get(facet),
  );
  const of = (prefix: string): string[] =>
    facets.flatMap((facet) => (facet.startsWith(`${prefix} `) ? [facet.slice(prefix.length + 1)] : [])); // prettier-ignore
  for (const version of of("version")) {
    const record = ours.versions.get(version);
    if (record && expected.get(`version ${version}`) === record.integrity)
      yield { type: "publish", version, record, tags: [] };
    else if (expected.get(`version ${version}`) === gone)
      yield { type: "unpublish", versions: [version] };
  }
  for (const version of of("deprecation"))
    yield { type: "deprecate", versions: [version], message: expected.get(`deprecation ${version}`) ?? "" }; // prettier-ignore
  for (const tag of of("tag")) {
    const version = expected.get(`tag ${tag}`);
    yield version === undefined ? { type: "untag", tag } : { type: "tag", tag, version };
  }
  for (const team of of("team"))
    yield { type: "team", team, right: expected.get(`team ${team}`) === undefined ? "none" : (ours.teams?.get(team) ?? "none") }; // prettier-ignore
  for (const user of of("star"))
    yield { type: "star", user, on: expected.get(`star ${user}`) !== undefined };
  for (const facet of facets)
    if (facet === "owners") yield { type: "owners", owners: ours.owners };
    else if (facet === "visibility")
      yield { type: "visibility", visibility: ours.visibility ?? "public" };
    else if (facet === "tfa") yield { type: "tfa", tfa: ours.tfa ?? "none" };
}
