import type { Caller } from "../access/types.ts";
import { countDays } from "../counts/days.ts";
import type { Driver } from "../driver/driver.ts";
import { logger } from "../log.ts";
import type { Candidate, Refusal } from "./types.ts";

/** Versions that one process remembers of one day, and askers that it remembers of each. */
const mostVersions = 1000;
const mostAskers = 5;

/** A version that somebody asked for and did not get. */
export interface Refused {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  /** the rule that refused it the last time */
  readonly rule: string;
  /** what whoever asked was told */
  readonly reason?: string;
  /** ms since 1970 from which on it will be served by itself */
  readonly until?: number;
  /** it was served all the same: the policy was on trial */
  readonly dryRun: boolean;
  readonly count: number;
  /** ms since 1970 */
  readonly first: number;
  readonly last: number;
  /** user names, or addresses of those who were nobody; the last ones */
  readonly askers: readonly string[];
}

/** Counts of what was refused. */
export interface Refusals {
  /** Counts that somebody asked for a version. Costs nothing but memory. */
  note(
    candidate: Pick<Candidate, "name" | "version" | "origin">,
    refusal: Refusal,
    more: { readonly caller: Caller; readonly dryRun?: boolean },
  ): void;
  /** What all servers have refused in the last 30 days, the newest first. */
  list(): Promise<readonly Refused[]>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

export function createRefusals(driver: Driver): Refusals {
  const log = logger("policy");
  const days = countDays<Map<string, Refused>>(driver, {
    name: "refused",
    days: 30,
    empty: () => new Map(),
    encode: (rows) => [...rows.values()],
    decode: (json) => new Map((json as readonly Refused[]).map((row) => [idOf(row), row])),
  });

  return {
    note({ name, version, origin }, { rule, reason, until }, { caller, dryRun = false }) {
      const now = Date.now();
      const rows = days.today();
      const id = idOf({ name, version });
      const before = rows.get(id);
      const asker = caller.principal.name || (caller.address ?? "unknown");
      const askers = [...(before?.askers.filter((one) => one !== asker) ?? []), asker];
      // the one that was asked for last stands at the end
      rows.delete(id);
      rows.set(id, {
        name,
        version,
        origin,
        rule,
        reason,
        ...(until !== undefined && { until }),
        dryRun,
        count: (before?.count ?? 0) + 1,
        first: before?.first ?? now,
        last: now,
        askers: askers.slice(-mostAskers),
      });
      if (rows.size > mostVersions) rows.delete(rows.keys().next().value ?? "");
      log(dryRun ? "would refuse" : "refused", { package: id, origin, rule, reason, asker });
    },

    async list() {
      const sum = new Map<string, Refused>();
      for await (const { counts } of days.read())
        for (const [id, row] of counts) sum.set(id, added(sum.get(id), row));
      return [...sum.values()].toSorted((a, b) => b.last - a.last);
    },

    close: days.close,
  };
}

const idOf = ({ name, version }: Pick<Refused, "name" | "version">): string => `${name}@${version}`;

function added(one: Refused | undefined, other: Refused): Refused {
  if (!one) return other;
  const [older, newer] = one.last < other.last ? [one, other] : [other, one];
  return {
    ...newer,
    count: older.count + newer.count,
    first: Math.min(older.first, newer.first),
    askers: [...new Set([...older.askers, ...newer.askers])].slice(-mostAskers),
  };
}
