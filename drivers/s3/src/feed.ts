import { setTimeout as sleep } from "node:timers/promises";
import { storeCode, type Change, type Key } from "@citadel/core/driver";
import type { Reads } from "./reads.ts";

/** A look takes at most this part of the time: a large bucket is looked at less often. */
const SHARE = 1 / 20;
const PAGE = 1000;

export interface WatchOptions {
  readonly prefix?: string;
  readonly signals: readonly AbortSignal[];
}

/**
 * Tells what differs between one listing and the next, `ms` or more apart. No writer has to leave a note, so no change is
 * missed because one died before it did, and writing costs nothing more. A watch begins with a reset, as it knows only
 * then from where on it sees everything; so does one that goes on from a cursor.
 */
export async function* watch(
  { list }: Pick<Reads, "list">,
  ms: number,
  { prefix = "", signals }: WatchOptions,
): AsyncGenerator<Change, void, void> {
  const signal = AbortSignal.any([...signals]);
  const cursor = crypto.randomUUID();
  let known: ReadonlyMap<Key, string> | undefined;
  while (!signal.aborted) {
    const began = performance.now();
    let rest = ms;
    try {
      const now = await listing(list, prefix, signal);
      const took = performance.now() - began;
      if (!known) yield { kind: "reset", cursor };
      for (const key of known ? differences(known, now) : [])
        if (!signal.aborted) yield { kind: "changed", key, cursor };
      known = now;
      rest = Math.max(ms, took / SHARE);
    } catch (error) {
      if (signal.aborted) return;
      if (storeCode(error) !== "UNAVAILABLE") throw error;
    }
    // not all servers at the same moment
    await sleep(rest * (1 + Math.random() / 4), undefined, { signal }).catch(() => {});
  }
}

/** What each key below the prefix holds, as a mark that differs when it changes. */
async function listing(
  list: Reads["list"],
  prefix: string,
  signal: AbortSignal,
): Promise<Map<Key, string>> {
  const marks = new Map<Key, string>();
  for (let after: Key | undefined = ""; after !== undefined;) {
    const page = await list({ prefix, after, limit: PAGE, signal });
    for (const { key, etag, modified } of page.entries) marks.set(key, `${etag} ${modified}`);
    after = page.next;
  }
  return marks;
}

function* differences(
  before: ReadonlyMap<Key, string>,
  now: ReadonlyMap<Key, string>,
): Generator<Key> {
  for (const [key, mark] of now) if (before.get(key) !== mark) yield key;
  for (const key of before.keys()) if (!now.has(key)) yield key;
}
