import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import type { PackageState } from "@citadel/core/registry";
import type { Releases, UpstreamRelease } from "@citadel/core/upstream";
import type SemVer from "semver/classes/semver.js";
import parse from "semver/functions/parse.js";
import Range from "semver/classes/range.js";
import { callerOf } from "../../context.ts";
import { orElsewhere } from "../../npm/elsewhere.ts";
import { param, type Handler, type Visit } from "../../npm/room.ts";

/** characters of a range */
const longestRange = 1024;

/** A version in the list of all. */
export interface VersionItem {
  readonly version: string;
  /** ISO 8601; null where it is not known */
  readonly time: string | null;
  readonly by: string | null;
  /** bytes of the tarball; null for versions that are elsewhere */
  readonly size: number | null;
  /** the reason; empty where it is not known, null: it is not deprecated */
  readonly deprecated: string | null;
  readonly tags: readonly string[];
  /** comes with a statement on how it was built */
  readonly attested: boolean;
  /** why the policy does not let it through; null: it does */
  readonly refused: string | null;
}

/** A package with all of its versions. */
export interface Overview {
  readonly name: string;
  /** `here`, or the name of the upstream */
  readonly origin: string;
  readonly visibility: "public" | "restricted";
  readonly owners: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /** the newest first, by the rules of semver */
  readonly versions: readonly VersionItem[];
  /** numbers that were unpublished */
  readonly removed: readonly string[];
}

/** `GET /_dashboard/api/packages/<name>` */
export const getOverview: Handler = async (c) => c.json(await overviewOf(c.env, param(c, "name")));

/** `GET …/matching?range=`: which versions a range takes, as npm reads it. */
export const getMatching: Handler = async (c) => {
  const text = c.req.query("range") ?? "";
  const range = rangeOf(text);
  const { versions } = await overviewOf(c.env, param(c, "name"));
  const items = versions.map(({ version }) => version).filter((version) => range.test(version));
  return c.json({ range: text, items });
};

function rangeOf(text: string): Range {
  try {
    if (text.length <= longestRange) return new Range(text);
  } catch {
    // said below
  }
  throw new CitadelError("E_BAD_REQUEST", `${JSON.stringify(text.slice(0, 80))} is no range`, {
    hint: ["write it as in a package.json: ^1.2.0, 1.x, >=1 <3"],
  });
}

async function overviewOf({ shared, asked, site }: Visit, name: string): Promise<Overview> {
  const { registry, upstream } = shared.citadel;
  const caller: Caller = await callerOf(shared, asked);
  return orElsewhere(
    registry.document(name, caller).then(({ state }) => fromState(state)),
    upstream &&
      (async () => fromReleases(name, await upstream.releases(name, "full", site.base, caller))),
  );
}

const fromState = ({
  name,
  visibility,
  owners,
  tags,
  versions,
  removed,
}: PackageState): Overview => ({
  name,
  origin: "here",
  visibility: visibility ?? "public",
  owners,
  tags: Object.fromEntries(tags),
  versions: inOrder(
    Array.from(versions, ([version, { time, by, size, deprecated, attestations }]) => ({
      version,
      time: new Date(time).toISOString(),
      by,
      size,
      deprecated: deprecated ?? null,
      attested: attestations?.provenance !== undefined,
      refused: null,
    })),
    tags,
  ),
  removed: [...removed.keys()],
});

function fromReleases(name: string, { origin, tags, versions, refused }: Releases): Overview {
  const all = new Map<string, UpstreamRelease>([
    ...versions,
    ...Array.from(refused.keys(), (version) => [version, { published: undefined }] as const),
  ]);
  return {
    ...{ name, origin, visibility: "public", owners: [] },
    tags: Object.fromEntries(tags),
    versions: inOrder(
      Array.from(all, ([version, { published, deprecated }]) => ({
        version,
        time: published === undefined ? null : new Date(published).toISOString(),
        ...{ by: null, size: null, attested: false },
        deprecated: deprecated === undefined ? null : "",
        refused: refused.get(version)?.reason ?? null,
      })),
      tags,
    ),
    removed: [],
  };
}

function inOrder(
  items: readonly Omit<VersionItem, "tags">[],
  tags: ReadonlyMap<string, string>,
): VersionItem[] {
  const tagged = Map.groupBy(tags.keys(), (tag) => tags.get(tag));
  const read = items.map((item) => [parse(item.version, { loose: true }), item] as const);
  return read
    .toSorted(([a], [b]) => newestFirst(a, b))
    .map(([, item]) => ({ ...item, tags: tagged.get(item.version) ?? [] }));
}

const newestFirst = (a: SemVer | null, b: SemVer | null): number =>
  a && b ? b.compare(a) || b.compareBuild(a) : Number(b !== null) - Number(a !== null);
