/** One operation of a recorded history over one key. Times are of one monotonic clock, in any unit. */
export type Operation =
  | {
      readonly kind: "write";
      /** unique, and part of what was written, so that a read can tell whose bytes it saw */
      readonly id: string;
      /** the id that the condition stood on; undefined: the key had to be absent */
      readonly parent: string | undefined;
      /** failed: certainly not done (CONFLICT and the like) */
      readonly outcome: "done" | "failed" | "unknown";
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly kind: "read";
      /** whose write was seen; undefined: absent */
      readonly id: string | undefined;
      readonly start: number;
      readonly end: number;
    };

/**
 * Is this history of compare-and-set writes and reads, plus the id found at the very end, explained by one order in
 * which each operation takes effect at one moment between its start and its end? Every write names its parent, so
 * the writes that took effect must be one chain; then it is enough to compare places in it.
 *
 * Returns what is wrong, one sentence each; empty when nothing is.
 */
export function linearizable(history: readonly Operation[], last: string | undefined): string[] {
  const wrong: string[] = [];
  const writes = new Map<string, Operation & { kind: "write" }>();
  for (const one of history) {
    if (one.kind !== "write") continue;
    if (writes.has(one.id)) wrong.push(`two writes have the id ${one.id}`);
    writes.set(one.id, one);
  }

  // back from the end: the one chain of what took effect
  const chain: string[] = [];
  const place = new Map<string | undefined, number>();
  for (let id = last; id !== undefined;) {
    const write = writes.get(id);
    if (!write) return [...wrong, `${id} was found, but nobody wrote it`];
    if (place.has(id)) return [...wrong, `${id} is its own ancestor`];
    place.set(id, 0);
    chain.push(id);
    id = write.parent;
  }
  chain.reverse();
  place.set(undefined, -1);
  for (const [at, id] of chain.entries()) place.set(id, at);

  for (const write of writes.values()) {
    const there = place.has(write.id);
    if (write.outcome === "done" && !there) wrong.push(`${write.id} was acknowledged and is lost`);
    if (write.outcome === "failed" && there) wrong.push(`${write.id} was refused and took effect`);
  }
  for (const one of history)
    if (one.kind === "read" && !place.has(one.id))
      wrong.push(`${one.id} was read, and is no part of the chain`);
  if (wrong.length > 0) return wrong;

  // real time: whatever begins after something ended stands behind it
  const effective = history
    .filter((one) => place.has(one.id) && (one.kind === "read" || one.outcome !== "failed"))
    .map((one) => ({
      kind: one.kind,
      start: one.start,
      // one without an answer may have taken effect at any later time
      end: one.kind === "write" && one.outcome === "unknown" ? Infinity : one.end,
      at: place.get(one.id) as number,
    }));
  const byEnd = effective.toSorted((a, b) => a.end - b.end);
  let ended = 0;
  let newest = -1;
  for (const one of effective.toSorted((a, b) => a.start - b.start)) {
    for (let done = byEnd[ended]; done && done.end < one.start; done = byEnd[++ended])
      newest = Math.max(newest, done.at);
    if (one.kind === "read" ? one.at < newest : one.at <= newest)
      wrong.push(
        `a ${one.kind} of place ${one.at} began after an operation of place ${newest} had ended`,
      );
  }
  return wrong;
}
