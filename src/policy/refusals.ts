import { randomUUID } from "node:crypto";
import type { Caller } from "../access/types.ts";
import { logger } from "../log.ts";
import type { Driver, Key } from "../driver/driver.ts";
import { walk } from "../store/walk.ts";
import type { Candidate, Refusal } from "./types.ts";

/** Versions that one process remembers of one day, and askers that it remembers of each. */
const mostVersions = 1000;
const mostAskers = 5;
const flushEvery = 10_000;
/** ms that a day is remembered */
const kept = 30 * 86_400_000;

/** A version that somebody asked for and did not get. */
export interface Refused {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  /** the rule that refused it the last time */
  readonly rule: string;
  /** it was served all the same: the policy was on trial */
  readonly dryRun: boolean;
  readonly count: number;
  /** ms since 1970 */
  readonly first: number;
  readonly last: number;
  /** user names, or addresses of those who were nobody; the last ones */
  readonly askers: readonly string[];
}

/** Counts of what was refused: one writer per document, so that many servers count without waiting for each other. */
export interface Refusals {
  /** Counts that somebody asked for a version. Costs nothing but memory; written every ten seconds. */
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

const prefix = "n/refused/";
const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

export function createRefusals(driver: Driver): Refusals {
  const log = logger("policy");
  const writer = randomUUID().slice(0, 8);
  let day = "";
  let rows = new Map<string, Refused>();
  let dirty = false;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  /** Never rejects: they are only numbers. */
  const save = (): Promise<void> => {
    if (!dirty) return writing;
    dirty = false;
    const key = `${prefix}${day}/${writer}`;
    const body = Buffer.from(JSON.stringify([...rows.values()]));
    const expires = driver.caps.ttl === "none" ? {} : { expires: Date.now() + kept };
    return (writing = writing
      .then(async () => void (await driver.put(key, body, { ...expires, relaxed: true })))
      .catch((error: unknown) => log("counts could not be written", { error })));
  };

  const begin = (today: string): void => {
    void save();
    day = today;
    rows = new Map();
  };

  return {
    note({ name, version, origin }, { rule, reason }, { caller, dryRun = false }) {
      const now = Date.now();
      if (dayOf(now) !== day) begin(dayOf(now));
      const key = `${name}@${version}`;
      const before = rows.get(key);
      const asker = caller.principal.name || (caller.address ?? "unknown");
      const askers = [...(before?.askers.filter((one) => one !== asker) ?? []), asker];
      // the one that was asked for last stands at the end
      rows.delete(key);
      rows.set(key, {
        name,
        version,
        origin,
        rule,
        dryRun,
        count: (before?.count ?? 0) + 1,
        first: before?.first ?? now,
        last: now,
        askers: askers.slice(-mostAskers),
      });
      if (rows.size > mostVersions) rows.delete(rows.keys().next().value ?? "");
      log(dryRun ? "would refuse" : "refused", { package: key, origin, rule, reason, asker });
      dirty = true;
      timer ??= setInterval(() => void save(), flushEvery).unref();
    },

    async list() {
      await save();
      const sum = new Map<string, Refused>();
      const oldest = prefix + dayOf(Date.now() - kept);
      for await (const { key } of walk(driver, prefix))
        if (key > oldest)
          for (const row of await readRows(driver, key)) {
            const id = `${row.name}@${row.version}`;
            sum.set(id, added(sum.get(id), row));
          }
      return [...sum.values()].toSorted((a, b) => b.last - a.last);
    },

    async close() {
      clearInterval(timer);
      await save();
    },
  };
}

async function readRows(driver: Driver, key: Key): Promise<readonly Refused[]> {
  const item = await driver.get(key);
  if (!item) return [];
  try {
    return JSON.parse(Buffer.from(item.body).toString()) as readonly Refused[];
  } catch {
    return []; // they are only numbers
  }
}

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
