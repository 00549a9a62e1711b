import Range from "semver/classes/range.js";
import parse from "semver/functions/parse.js";
import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { actorOf } from "../registry/context.ts";
import type { Store } from "../store/types.ts";
import { advisoriesKind, noAdvisories, type AdvisoriesState } from "./kind.ts";
import type { OsvRecord } from "./osv.ts";
import { byName, createShards, shardOf } from "./shards.ts";
import type { Advisories, Advisory, ImportReport, Match, Source } from "./types.ts";

/** The one document. */
const name = "default";
/** Invalid records that a report names. */
const mostInvalid = 20;
/** Times that a change starts again because another one was faster. */
const tries = 5;
/** Packages that are looked up before others get their turn. */
const turn = 32;

export function createAdvisories({ store }: { readonly store: Store }): Advisories {
  const ledger = store.ledger(advisoriesKind());
  const shards = createShards(store.manifests);

  const read = async (): Promise<AdvisoriesState> =>
    (await ledger.read(name))?.state ?? noAdvisories;

  /** Every advisory by record. */
  const everything = async (state: AdvisoriesState): Promise<Map<string, Advisory[]>> => {
    const records = new Map<string, Advisory[]>();
    for (const hash of Object.values(state.shards))
      for (const items of (await shards.load(hash)).values())
        for (const item of items) {
          const known = records.get(item.osv);
          if (known) known.push(item);
          else records.set(item.osv, [item]);
        }
    return records;
  };

  /** Moves the document to what `decide` makes of all records; an empty difference moves nothing. */
  const change = async <T>(
    caller: Caller,
    type: "import" | "remove",
    dryRun: boolean,
    decide: (records: Map<string, Advisory[]>) => T,
  ): Promise<T & { readonly total: number }> => {
    if (!caller.principal.admin)
      throw new CitadelError("E_FORBIDDEN", "only an administrator changes the advisories");
    for (let attempt = 1; ; attempt++) {
      const before = await read();
      const records = await everything(before);
      const result = decide(records);
      const all = [...records.values()].flat();
      const total = all.length;
      if (dryRun) return { ...result, total };
      const next = Map.groupBy(all, (advisory) => shardOf(advisory.name));
      const changed: Record<string, string | null> = {};
      for (const [shard, items] of next) {
        const hash = await shards.save(items);
        if (before.shards[shard] !== hash) changed[shard] = hash;
      }
      for (const shard of Object.keys(before.shards)) if (!next.has(shard)) changed[shard] = null;
      const packages = new Set(all.map((advisory) => advisory.name)).size;
      let overtaken = false;
      await ledger.change(name, actorOf(caller), (state = noAdvisories) => {
        overtaken = JSON.stringify(state.shards) !== JSON.stringify(before.shards);
        if (overtaken || Object.keys(changed).length === 0) return [];
        return [{ type, shards: changed, total, packages }];
      });
      if (!overtaken) return { ...result, total };
      if (attempt === tries)
        throw new CitadelError("E_CONFLICT", "others change the advisories at the same time");
    }
  };

  return {
    async find(packages) {
      const found = new Map<string, readonly Match[]>();
      const state = (await ledger.glance(name))?.state;
      if (!state) return found;
      let count = 0;
      for (const [asked, versions] of packages) {
        const hash = state.shards[shardOf(asked)];
        if (hash === undefined) continue;
        const known = (await shards.load(hash)).get(asked);
        if (!known) continue;
        if (++count % turn === 0) await new Promise((resolve) => setImmediate(resolve));
        const against = matchesOf(known, versions);
        if (against.length > 0) found.set(asked, against);
      }
      return found;
    },

    async summary() {
      const document = await ledger.read(name);
      const { total, packages } = document?.state ?? noAdvisories;
      return { total, packages, changed: document?.modified };
    },

    async list({ name: only, after = "", limit = 100 } = {}) {
      const state = await read();
      const wanted = Object.entries(state.shards).filter(
        ([shard]) => only === undefined || shard === shardOf(only),
      );
      const items: Advisory[] = [];
      for (const [, hash] of wanted)
        for (const [of, list] of await shards.load(hash))
          if (only === undefined || of === only) items.push(...list);
      const slash = after.lastIndexOf("/");
      const last = { name: after.slice(0, slash), osv: after.slice(slash + 1) } as Advisory;
      const rest = items.filter((item) => after === "" || byName(item, last) > 0).toSorted(byName);
      const page = rest.slice(0, limit);
      const end = page.at(-1);
      return {
        items: page,
        ...(end && rest.length > limit ? { next: `${end.name}/${end.osv}` } : {}),
      };
    },

    async import(caller, sources, { replace = false, dryRun = false } = {}) {
      const { records, invalid, invalidCount, skipped, count } = await readAll(sources);
      const report = await change(caller, "import", dryRun, (all) => {
        const done = { added: 0, updated: 0, unchanged: 0, removed: 0, skipped };
        for (const { id, modified, withdrawn, advisories } of records.values()) {
          const known = all.get(id);
          if (known?.[0] && known[0].modified > modified) done.skipped++;
          else if (withdrawn || advisories.length === 0)
            done[all.delete(id) ? "removed" : "skipped"]++;
          else if (!known) {
            done.added++;
            all.set(id, [...advisories]);
          } else if (isSame(known, advisories)) done.unchanged++;
          else {
            done.updated++;
            all.set(id, [...advisories]);
          }
        }
        if (replace)
          for (const id of all.keys())
            if (!records.has(id)) {
              all.delete(id);
              done.removed++;
            }
        return done;
      });
      return { read: count, ...report, invalid, invalidCount, dryRun };
    },

    async remove(caller, ids, { dryRun = false } = {}) {
      const { gone } = await change(caller, "remove", dryRun, (all) => {
        let gone = 0;
        for (const id of ids === "all" ? [...all.keys()] : ids) {
          gone += all.get(id)?.length ?? 0;
          all.delete(id);
        }
        return { gone };
      });
      return gone;
    },
  };
}

/** The newest of each record. */
async function readAll(sources: AsyncIterable<Source>): Promise<{
  readonly records: ReadonlyMap<string, OsvRecord>;
  readonly invalid: ImportReport["invalid"];
  readonly invalidCount: number;
  readonly skipped: number;
  readonly count: number;
}> {
  const { parseOsv } = await import("./osv.ts");
  const records = new Map<string, OsvRecord>();
  const invalid: { path: string; reason: string }[] = [];
  let [invalidCount, skipped, count] = [0, 0, 0];
  for await (const { path, text } of sources) {
    count++;
    const record = parseOsv(text);
    if (typeof record === "string") {
      invalidCount++;
      if (invalid.length < mostInvalid) invalid.push({ path, reason: record });
      continue;
    }
    const known = records.get(record.id);
    if (known && known.modified >= record.modified) skipped++;
    else records.set(record.id, record);
  }
  return { records, invalid, invalidCount, skipped, count };
}

function isSame(known: readonly Advisory[], advisories: readonly Advisory[]): boolean {
  const text = (list: readonly Advisory[]): string => JSON.stringify(list.toSorted(byName));
  return text(known) === text(advisories);
}

/** What speaks against which of the versions; of what is no semantic version nothing is said. */
function matchesOf(advisories: readonly Advisory[], versions: Iterable<string>): Match[] {
  const parsed = Array.from(versions, (text) => ({ text, version: parse(text) }));
  const matches: Match[] = [];
  for (const advisory of advisories) {
    const range = new Range(advisory.vulnerable, { includePrerelease: true });
    const hit = parsed.filter(({ version }) => version && range.test(version));
    if (hit.length > 0) matches.push({ advisory, versions: hit.map(({ text }) => text) });
  }
  return matches;
}
