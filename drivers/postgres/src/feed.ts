import { persist, tail, type Look, type Tail } from "@citadel/core/driver";
import type { Pool } from "./pool.ts";
import type { Names } from "./schema.ts";

/** The newest changes of the store, in a table beside it, and everybody who waits for the next one. */
export interface Feed extends Pick<Tail, "watch"> {
  /** this process has changed something */
  changed(): void;
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

/** A place in the feed: transactions in the order of their ids, which is also that of becoming visible for good. */
interface Place {
  readonly xid: bigint;
  readonly id: number;
}

const NOWHERE: Place = { xid: 0n, id: 0 };
const END: Place = { xid: 2n ** 63n, id: 0 };
const before = (a: Place, b: Place): boolean => a.xid < b.xid || (a.xid === b.xid && a.id < b.id);

export function feed(pool: Pool, t: Names, track: (work: Promise<unknown>) => void): Feed {
  let changes = 0;
  let timer: NodeJS.Timeout | undefined;
  let called = -Infinity;

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

  /** @param first whether what this process asks from now on has to be asked later */
  const look = async (from: Place, signal: AbortSignal, first = false): Promise<Look<Place>> => {
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
      [String(from.xid), from.id],
      { signal, first },
    );
    const [row0] = rows;
    const place = (row: typeof row0, xid: string, id: string): Place => ({
      xid: BigInt(text(row?.[xid])),
      id: Number(row?.[id] ?? 0),
    });
    const trimmed = place(row0, "txid", "tid");
    const newest = place(row0, "nxid", "nid");
    const changes = rows.flatMap((row) =>
      typeof row["key"] === "string" ? [{ at: place(row, "xid", "id"), key: row["key"] }] : [],
    );
    // what another transaction holds back will be visible soon, without another call
    if (changes.length === 0 && row0?.["more"] === true) setTimeout(watching.wake, CALL).unref();
    return {
      epoch: String(row0?.["epoch"]),
      newest: before(newest, trimmed) ? trimmed : newest,
      // from the first transaction that may still be running on nothing is known
      missed: from.xid >= BigInt(text(row0?.["hxid"])) || before(from, trimmed),
      rows: changes,
    };
  };

  const watching = tail<Place>({
    end: (signal) => look(END, signal, true),
    look,
    before,
    parse(cursor) {
      const [, epoch, xid, id] = /^(.+)\.(\d{1,19})\.(\d{1,15})$/.exec(cursor) ?? [];
      if (epoch === undefined || xid === undefined) return { epoch: "", newest: NOWHERE };
      return { epoch, newest: { xid: BigInt(xid), id: Number(id) } };
    },
    print: ({ epoch, newest }) => `${epoch}.${newest.xid}.${newest.id}`,
    /** Listens, again and again, and wakes the watchers with every call. */
    async follow(signal) {
      const patience = setInterval(watching.wake, PATIENCE).unref();
      await persist(signal, async () => {
        const client = pool.listener();
        const over = Promise.withResolvers<void>();
        const end = () => over.resolve();
        client.on("error", end).on("end", end).on("notification", watching.wake);
        signal.addEventListener("abort", end, { once: true });
        try {
          await client.connect();
          await client.query(`LISTEN ${t.channel}`);
          watching.wake(); // what was called out before is not heard
          await over.promise;
        } finally {
          signal.removeEventListener("abort", end);
          client.end().catch(() => {});
        }
        if (!signal.aborted) throw new Error("the connection is lost");
      });
      clearInterval(patience);
    },
  });

  return {
    changed() {
      timer ??= setTimeout(call, Math.max(0, called + CALL - performance.now()));
      if (++changes % TRIMMED_EVERY === 0) track(trim().catch(() => {}));
    },
    end: () => clearTimeout(timer),
    watch: watching.watch,
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "0");
