import { setTimeout as sleep } from "node:timers/promises";
import { storeCode, type Change } from "@citadel/core/driver";
import type { Pool } from "./pool.ts";
import type { Names } from "./schema.ts";

/** The newest changes of the store, in a table beside it, and everybody who waits for the next one. */
export interface Feed {
  /** this process has changed something */
  changed(): void;
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
  end(): void;
}

/** Changes that are kept, at least. */
const KEPT = 10_000;
const TRIMMED_EVERY = 1024;
/** Changes asked for at once. */
const PAGE = 256;
/** ms between two calls at least: each takes a lock that all committing transactions want */
const CALL = 20;
/** ms after which a watcher looks even when nobody called: a process may die between its change and its call */
const PATIENCE = 2000;
/** ms before the next try when the server is away */
const RETRY = 200;

/** A place in the feed: transactions in the order of their ids, which is also that of becoming visible for good. */
interface Place {
  readonly xid: bigint;
  readonly id: number;
}
interface Seen {
  /** tells this store and this run of the server from others: a server that lost its newest commits has restarted */
  readonly epoch: string;
  readonly trimmed: Place;
  /** the first transaction that may still be running; nothing is known from here on */
  readonly horizon: bigint;
  /** the newest change before the horizon */
  readonly newest: Place;
  /** whether there are changes beyond it */
  readonly more: boolean;
  readonly rows: readonly (Place & { readonly key: string })[];
}

const NOWHERE: Place = { xid: 0n, id: 0 };
const END: Place = { xid: 2n ** 63n, id: 0 };
const before = (a: Place, b: Place): boolean => a.xid < b.xid || (a.xid === b.xid && a.id < b.id);

export function feed(pool: Pool, t: Names, track: (work: Promise<unknown>) => void): Feed {
  let changes = 0;
  let timer: NodeJS.Timeout | undefined;
  let called = -Infinity;
  let watchers = 0;
  let following = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  let wake = Promise.withResolvers<void>();

  const notify = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const call = (): void => {
    timer = undefined;
    called = performance.now();
    track(pool.query(`NOTIFY ${t.channel}`, []).catch(() => {}));
  };

  const trim = async (): Promise<void> => {
    await pool.query(
      `WITH edge AS (
         SELECT xid, id FROM ${t.feed} WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY xid DESC, id DESC OFFSET ${KEPT} LIMIT 1
       ), gone AS (DELETE FROM ${t.feed} f USING edge WHERE (f.xid, f.id) <= (edge.xid, edge.id))
       UPDATE ${t.store} s SET xid = edge.xid, feed = edge.id FROM edge WHERE (s.xid, s.feed) < (edge.xid, edge.id)`,
      [],
    );
  };

  const look = async ({ xid, id }: Place, signal: AbortSignal, first = false): Promise<Seen> => {
    // one statement has one snapshot, for all its parts
    const rows = await pool.query(
      `WITH horizon AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid)
       SELECT s.epoch || '-' || extract(epoch FROM pg_postmaster_start_time())::text AS epoch,
         s.xid::text AS txid, s.feed AS tid, horizon.xid::text AS hxid,
         EXISTS (SELECT FROM ${t.feed} WHERE xid >= horizon.xid) AS more,
         newest.xid::text AS nxid, newest.id AS nid, f.xid::text AS xid, f.id, f.key
       FROM ${t.store} s CROSS JOIN horizon
       LEFT JOIN LATERAL (
         SELECT xid, id FROM ${t.feed} WHERE xid < horizon.xid ORDER BY xid DESC, id DESC LIMIT 1
       ) newest ON true
       LEFT JOIN LATERAL (
         SELECT xid, id, key FROM ${t.feed} WHERE (xid, id) > ($1::text::xid8, $2::bigint) AND xid < horizon.xid
         ORDER BY xid, id LIMIT ${PAGE}
       ) f ON true ORDER BY f.xid, f.id`,
      [String(xid), id],
      { signal, first },
    );
    const [row0] = rows;
    const place = (row: typeof row0, xid: string, id: string): Place => ({
      xid: BigInt(text(row?.[xid])),
      id: Number(row?.[id] ?? 0),
    });
    const trimmed = place(row0, "txid", "tid");
    const newest = place(row0, "nxid", "nid");
    return {
      epoch: String(row0?.["epoch"]),
      trimmed,
      newest: before(newest, trimmed) ? trimmed : newest,
      horizon: BigInt(text(row0?.["hxid"])),
      more: row0?.["more"] === true,
      rows: rows.flatMap((row) =>
        typeof row["key"] === "string" ? [{ ...place(row, "xid", "id"), key: row["key"] }] : [],
      ),
    };
  };

  /** Listens, again and again, and wakes the watchers with every call. */
  const follow = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const client = pool.listener();
      const over = Promise.withResolvers<void>();
      const end = () => over.resolve();
      client.on("error", end).on("end", end).on("notification", notify);
      signal.addEventListener("abort", end, { once: true });
      try {
        await client.connect();
        await client.query(`LISTEN ${t.channel}`);
        notify(); // what was called out before is not heard
        await over.promise;
      } catch {
        // the watchers find out themselves what is wrong
      }
      signal.removeEventListener("abort", end);
      client.end().catch(() => {});
      await sleep(RETRY, undefined, { signal }).catch(() => {});
    }
  };
  const join = (): void => {
    if (watchers++ > 0) return;
    following = new AbortController();
    void follow(following.signal);
    patience = setInterval(notify, PATIENCE).unref();
  };
  const leave = (): void => {
    if (--watchers > 0) return;
    following.abort();
    clearInterval(patience);
  };

  return {
    changed() {
      timer ??= setTimeout(call, Math.max(0, called + CALL - performance.now()));
      if (++changes % TRIMMED_EVERY === 0) track(trim().catch(() => {}));
    },
    end: () => clearTimeout(timer),
    watch({ prefix = "", since, signals }) {
      const signal = AbortSignal.any([...signals]);
      // asked at the call, not when the first change is asked for: what happens in between belongs to the watch
      const begin =
        since === undefined ? look(END, signal, true).catch(() => undefined) : undefined;
      return (async function* (): AsyncGenerator<Change, void, void> {
        signal.addEventListener("abort", notify, { once: true });
        join();
        try {
          let { epoch, newest: at } = (await begin) ?? position(since);
          const cursor = (): string => `${epoch}.${at.xid}.${at.id}`;
          while (!signal.aborted) {
            const next = wake.promise; // taken before looking, so that nothing falls in between
            let seen: Seen;
            try {
              seen = await look(at, signal);
            } catch (error) {
              if (signal.aborted) return;
              if (storeCode(error) !== "UNAVAILABLE") throw error;
              await sleep(RETRY, undefined, { signal }).catch(() => {});
              continue;
            }
            if (seen.epoch !== epoch || at.xid >= seen.horizon || before(at, seen.trimmed)) {
              epoch = seen.epoch;
              at = seen.newest;
              yield { kind: "reset", cursor: cursor() };
            } else if (seen.rows.length === 0) {
              // what another transaction holds back will be visible soon, without another call
              if (seen.more) setTimeout(notify, CALL);
              await next;
            }
            for (const { key, ...place } of seen.rows) {
              if (signal.aborted) return;
              if (!before(at, place)) continue; // before the reset
              at = place;
              if (key.startsWith(prefix)) yield { kind: "changed", key, cursor: cursor() };
            }
          }
        } finally {
          leave();
          signal.removeEventListener("abort", notify);
        }
      })();
    },
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "0");

/** What a cursor says; for one that nobody gave out, a place that is nowhere. */
function position(since = ""): Pick<Seen, "epoch" | "newest"> {
  const [, epoch, xid, id] = /^(.+)\.(\d{1,19})\.(\d{1,15})$/.exec(since) ?? [];
  if (epoch === undefined || xid === undefined) return { epoch: "", newest: NOWHERE };
  return { epoch, newest: { xid: BigInt(xid), id: Number(id) } };
}
