import type { Capabilities, Gate, Key, OpOptions } from "@citadel/core/driver";
import { failure, type Effect } from "./failure.ts";
import type { Location } from "./location.ts";
import type { Verdict } from "./probe.ts";
import { PATIENCE, within, type Sending, type Service } from "./service.ts";
import { PART, PARTS } from "./upload.ts";

/** What reads and writes of an opened store work with. */
export interface Context {
  readonly at: Location;
  readonly service: Service;
  readonly verdict: Verdict;
  readonly caps: Capabilities;
  readonly life: Gate;
  /** Sends a request within the caller's limits, `ms` where there are none; what fails becomes a StoreError. */
  request<T>(
    effect: Effect,
    key: Key | undefined,
    options: OpOptions | undefined,
    send: (sending: Sending) => Promise<T>,
    ms?: number,
  ): Promise<T>;
}

export const requests =
  (at: Location, life: Gate): Context["request"] =>
  async (effect, key, options, send, ms = PATIENCE) => {
    const signals = [options?.signal, life.signal];
    try {
      return await within({ ms: options?.timeoutMs ?? ms, signals }, send);
    } catch (error) {
      throw failure(error, at, effect, key);
    }
  };

/** What a store with this verdict can promise; before anybody tried, what the best one could. */
export function capabilities(
  verdict: Verdict | undefined,
  { singleWriter }: Pick<Location, "singleWriter">,
): Capabilities {
  const { puts, deletes, completes, ranges, list } = verdict ?? {
    puts: "full",
    deletes: true,
    completes: true,
    ranges: true,
    list: "strong",
  };
  const kept = puts === "full" ? "full" : puts === "create-only" ? "create" : "none";
  const alone = singleWriter && kept !== "full";
  return {
    cas: alone ? "process" : kept,
    casDelete: alone || deletes,
    casWrite: alone || (kept !== "none" && completes),
    etags: "content",
    durable: "node",
    shared: alone ? "process" : "network",
    // what has expired must be removed without hitting what has just replaced it
    ttl: alone || kept === "full" || deletes ? "lazy" : "none",
    list,
    watch: "poll",
    ranges,
    maxItem: 64 * 1024 * 1024,
    maxObject: PART * PARTS,
  };
}
