import { persist, tail, type Position, type Tail } from "@citadel/core/driver";
import type { Link } from "./link.ts";
import { look } from "./scripts.ts";
import type { Session } from "./session.ts";

/** Changes asked for at once. */
const PAGE = 256;
/** ms that the server holds the question for the next change */
const PATIENCE = 2000;
/** `main` answers questions; `waiting` is a connection of its own, on which only waiting is done. */
export function feed(
  main: Link,
  waiting: Link,
  keys: { readonly feed: string; readonly store: string },
): Tail {
  const place = (
    session: Session,
    epoch: Buffer | null | undefined,
    n: Buffer | null | undefined,
  ): Position<number> => ({
    epoch: `${epoch?.toString() ?? ""}-${session.info.get("run_id") ?? ""}`,
    newest: Number(n?.toString() ?? 0),
  });
  const session = async (signal: AbortSignal) => main.living ?? (await main.session({ signal }));

  const changes = tail<number>({
    async end(signal) {
      const asked = await session(signal);
      const answer = await asked.call(["HMGET", keys.store, "epoch", "n"], { signal });
      const [epoch, n] = answer as (Buffer | null)[];
      return place(asked, epoch, n);
    },
    async look(from, signal) {
      const asked = await session(signal);
      const args = [String(from + 1), String(PAGE)];
      const answer = await asked.script(look, [keys.feed, keys.store], args, { signal });
      const [epoch, n, found] = answer as [Buffer, Buffer, [Buffer, [Buffer, Buffer]][]];
      const rows = found.map(([id, [, key]]) => ({
        at: Number.parseInt(id.toString(), 10),
        key: key.toString(),
      }));
      const position = place(asked, epoch, n);
      const oldest = rows[0]?.at ?? position.newest + 1;
      return { ...position, rows, missed: from > position.newest || oldest > from + 1 };
    },
    before: (a, b) => a < b,
    parse(cursor) {
      const [, epoch = "", newest = "-1"] = /^(.+)\.(\d{1,15})$/.exec(cursor) ?? [];
      return { epoch, newest: Number(newest) };
    },
    print: ({ epoch, newest }) => `${epoch}.${newest}`,
    /** Wakes the watchers with every change, and when the connection was lost or nothing happened for a while. */
    async follow(signal) {
      await persist(signal, async () => {
        const newest = (await waiting.call(["HGET", keys.store, "n"], { signal })) as Buffer | null;
        changes.wake();
        const after = `${newest?.toString() ?? "0"}-0`;
        await waiting.call(
          ["XREAD", "COUNT", "1", "BLOCK", String(PATIENCE), "STREAMS", keys.feed, after],
          { signal, timeoutMs: PATIENCE + 3000 },
        );
      });
      waiting.end();
    },
  });
  return changes;
}
