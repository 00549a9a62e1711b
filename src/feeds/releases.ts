import { LRUCache } from "lru-cache";
import parse from "semver/functions/parse.js";
import type { Caller } from "../access/types.ts";
import type { Changes, NumberedChange } from "../changes/changes.ts";
import { eventsBetween, type PastEvent } from "../changes/events.ts";
import { errorCode } from "../errors.ts";
import type { JsonObject, PackageEvent, Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import type { FeedFilter, Release } from "./types.ts";

/** entries of a feed, and for how long (ms) there are more */
const most = 100;
const burst = 60 * 60_000;
/** changes of packages that are looked through for one feed */
const deepest = 10_000;

export interface ReleasesOptions {
  readonly registry: Pick<Registry, "packages" | "known">;
  readonly manifests: Store["manifests"];
  readonly changes: () => Promise<Changes>;
}

/**
 * Says what was released: the newest hundred, by the order in which they were stored, so that a clock that jumps hides none, and all of
 * the last hour. The newest by date comes first.
 */
export type Releases = (filter: FeedFilter, caller: Caller) => Promise<readonly Release[]>;

/** What a change of a package brought. */
interface Brought {
  /** newest first */
  readonly releases: readonly Release[];
  /** ms since 1970 of the newest event, which may tell of what is older */
  readonly stored: number;
}

export function createReleases({ registry, manifests, changes }: ReleasesOptions): Releases {
  /** what a change brought, by name and revisions; it stays what it is */
  const known = new LRUCache<string, Brought>({ max: 5000 });

  async function broughtBy({ name, after, rev }: NumberedChange): Promise<Brought> {
    const key = `${name} ${after} ${rev}`;
    const before = known.get(key);
    if (before) return before;
    const found: Release[] = [];
    let stored = 0;
    for (const past of await eventsBetween(registry.packages, name, after, rev)) {
      stored = Math.max(stored, past.time);
      for (const release of releases(name, past))
        found.push({ ...release, ...(await more(past.event)) });
    }
    const brought = { releases: found.reverse(), stored };
    known.set(key, brought);
    return brought;
  }

  /** What the manifest says of a version that was published. */
  async function more(event: PackageEvent): Promise<{ readonly description?: string }> {
    if (event.type !== "publish") return {};
    try {
      const bytes = await manifests.get(event.record.manifest);
      const { description } = bytes
        ? (JSON.parse(Buffer.from(bytes).toString()) as JsonObject)
        : {};
      return typeof description === "string" ? { description: description.slice(0, 1000) } : {};
    } catch (error) {
      // a damaged manifest is found by whoever asks for it
      if (error instanceof SyntaxError || errorCode(error) === "E_INTEGRITY") return {};
      throw error;
    }
  }

  return async (filter, caller) => {
    const numbers = await changes();
    const { last } = await numbers.state();
    const readable = new Map<string, boolean>();
    const may = async (name: string): Promise<boolean> => {
      const answer = readable.get(name) ?? (await registry.known(name, caller)) !== undefined;
      readable.set(name, answer);
      return answer;
    };
    const found: Release[] = [];
    const since = Date.now() - burst;
    for (let seq = last, looked = 0; seq > 0 && looked < deepest; seq--) {
      const change = numbers.numbered(seq);
      if (!change || !named(filter, change.name)) continue;
      looked++;
      if (!(await may(change.name))) continue;
      const brought = await broughtBy(change);
      // numbers, not clocks, say what is newest
      if (found.length >= most && brought.stored < since) break;
      found.push(...brought.releases.filter((release) => matches(filter, release)));
    }
    return found
      .filter(({ time }, n) => n < most || time >= since)
      .toSorted((a, b) => b.time - a.time);
  };
}

const named = ({ scope, package: only }: FeedFilter, name: string): boolean =>
  (only === undefined || name === only) && (scope === undefined || name.startsWith(`@${scope}/`));

function matches({ tag, prereleases }: FeedFilter, { version, tags }: Release): boolean {
  if (tag !== undefined && !tags.includes(tag)) return false;
  if (prereleases === undefined) return true;
  const pre = (parse(version)?.prerelease.length ?? 0) > 0;
  return pre === (prereleases === "only");
}

function releases(name: string, { rev, event, who, time }: PastEvent): readonly Release[] {
  const base = { name, rev, time, by: who.name };
  switch (event.type) {
    case "publish":
      return [{ kind: "publish", ...base, version: event.version, tags: event.tags }];
    case "import":
      return event.versions
        .toSorted(([, a], [, b]) => a.time - b.time)
        .map(([version, { time: published, by }]) => ({
          ...{ kind: "publish", ...base, version, time: published, by },
          tags: event.tags.filter(([, to]) => to === version).map(([tag]) => tag),
        }));
    case "deprecate": {
      const { message } = event;
      const kind = message === "" ? "undeprecate" : "deprecate";
      return event.versions.map((version) => ({
        ...{ kind, ...base, version, tags: [] },
        ...(message !== "" && { message }),
      }));
    }
    case "unpublish":
      return event.versions.map((version) => ({ kind: "unpublish", ...base, version, tags: [] }));
    case "tag": {
      const { rollback, version, tag } = event;
      if (!rollback) return [];
      const { from, reason } = rollback;
      return [
        {
          ...{ kind: "rollback", ...base, version, tags: [tag], from },
          ...(reason !== undefined && { message: reason }),
        },
      ];
    }
    default:
      return [];
  }
}
