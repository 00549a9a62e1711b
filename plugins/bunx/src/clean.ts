import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isObject } from "@citadel/core/registry";
import type { Entry, RunCache } from "./cache.ts";

const day = 86_400_000;
/** ms that content stays of which no entry says yet that it is its own */
const grace = 3_600_000;

export interface CleanOptions {
  /** what was not used for so long goes; ms */
  readonly age: number;
  /** bytes that the rest may take: what was used least recently goes first @default no limit */
  readonly most?: number | undefined;
  readonly dryRun?: boolean;
}

export interface Cleaned {
  readonly removed: readonly Entry[];
  /** they would have gone, but somebody runs them */
  readonly inUse: readonly Entry[];
  readonly kept: readonly Entry[];
  /** bytes of the removed entries */
  readonly bytes: number;
  /** what crashed runs left behind */
  readonly orphans: number;
  readonly dryRun: boolean;
}

/** Removes what was not used for long, never what is in use, and with it the content that nothing needs any more. */
export async function clean(
  cache: RunCache,
  { age, most = Infinity, dryRun = false }: CleanOptions,
): Promise<Cleaned> {
  const now = Date.now();
  const entries = (await cache.list()).toSorted((a, b) => a.used - b.used);
  const kept: Entry[] = [];
  const removed: Entry[] = [];
  const inUse: Entry[] = [];
  let left = entries.reduce((sum, { size }) => sum + size, 0);
  for (const entry of entries) {
    if (now - entry.used < age && left <= most) kept.push(entry);
    else if (dryRun ? await cache.isUsed(entry.id) : !(await cache.remove(entry.id)))
      inUse.push(entry);
    else {
      removed.push(entry);
      left -= entry.size;
    }
  }
  const orphans = await cache.sweep({ dryRun });
  if (!dryRun) await sweepContent(cache, [...kept, ...inUse], now);
  const bytes = removed.reduce((sum, { size }) => sum + size, 0);
  return { removed, inUse, kept, bytes, orphans, dryRun };
}

/** Days as ms. */
export const daysOf = (days: number): number => days * day;

/** Drops content that no lockfile of an entry names, unless it came just now: somebody may be about to install it. */
async function sweepContent(
  cache: RunCache,
  entries: readonly Entry[],
  now: number,
): Promise<void> {
  const { default: cacache } = await import("cacache");
  const wanted = new Set((await Promise.all(entries.map(hashesOf))).flat());
  for (const { key, integrity, time } of Object.values(
    await cacache.ls(cache.content).catch(() => ({})),
  ))
    if (!wanted.has(integrity) && now - time > grace)
      await cacache.rm.entry(cache.content, key, { removeFully: true });
  await cacache.verify(cache.content, { concurrency: 4 });
}

async function hashesOf({ folder }: Entry): Promise<string[]> {
  const text = await readFile(join(folder, "package-lock.json"), "utf8").catch(() => "{}");
  const lock: unknown = JSON.parse(text);
  const packages = isObject(lock) && isObject(lock["packages"]) ? lock["packages"] : {};
  return Object.values(packages).flatMap((one) =>
    isObject(one) && typeof one["integrity"] === "string" ? [one["integrity"]] : [],
  );
}
