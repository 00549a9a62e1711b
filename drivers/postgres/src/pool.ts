import type { Client, ClientConfig, PoolClient } from "pg";
import { aborted, type Key, type OpOptions } from "@citadel/core/driver";
import { failure } from "./failure.ts";
import type { Location } from "./location.ts";

export interface CallOptions extends OpOptions {
  /** of which object, for messages */
  readonly key?: Key;
  /** it changes something, so that a lost answer is UNKNOWN */
  readonly changes?: boolean;
  /** what is asked after it on this pool is sent when it has been answered */
  readonly first?: boolean;
}

export type Value = string | number | Buffer | null;
export type Row = Readonly<Record<string, string | number | boolean | Buffer | null>>;

/** A bounded number of connections, made when they are needed. */
export interface Pool {
  /**
   * One statement, which is one transaction; without values there may be several, and they are one transaction too.
   * Integers, texts and bytes of the answer are numbers, strings and Buffers.
   * Throws a StoreError; ABORTED, UNAVAILABLE and UNKNOWN as the contract says.
   */
  query(text: string, values: readonly Value[], options?: CallOptions): Promise<readonly Row[]>;
  /** a connection of its own, not yet connected, to listen on */
  listener(): Client;
  /** closes idle connections and cuts the others */
  end(): Promise<void>;
}

/** ms after which the server gives up a statement by itself; nobody waits for it any more */
const STATEMENT = 30_000;

const BYTEA = 17;
const INT8 = 20;

export async function openPool(at: Location): Promise<Pool> {
  const { default: pg } = await import("pg");
  const config: ClientConfig = {
    connectionString: at.connection,
    connectionTimeoutMillis: at.timeoutMs,
    keepAlive: true,
    fallback_application_name: "citadel",
    types: {
      getTypeParser(oid: number, format?: "text" | "binary") {
        if (oid === INT8) return Number;
        if (oid === BYTEA) return (hex: string) => Buffer.from(hex.slice(2), "hex");
        return pg.types.getTypeParser(oid, format as "text");
      },
    },
  };
  const limit = Math.max(STATEMENT, at.timeoutMs);
  const pool = new pg.Pool({
    ...config,
    max: at.pool,
    idleTimeoutMillis: 30_000,
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, whatever its types say
    onConnect: async (client) => {
      await client.query(`SET statement_timeout = ${limit}`);
    },
  });
  const busy = new Set<PoolClient>();
  let ahead: Promise<void> | undefined;
  const strays = new Map<Key, Promise<void>>();
  // a connection that breaks while nobody uses it: the pool drops it, the next call gets another
  pool.on("error", () => {});
  pool.on("connect", (client) => void client.on("error", () => {}));

  const drop = (client: PoolClient, broken = true): void => {
    if (busy.delete(client)) client.release(broken);
  };

  return {
    async query(text, values, options = {}) {
      const { signal, timeoutMs = at.timeoutMs, key, changes = false, first = false } = options;
      if (signal?.aborted) throw aborted(signal, key);
      const about = { changes, label: at.label, ...(key !== undefined && { key }) };
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => late.reject(new Error(`no answer in ${timeoutMs} ms`)),
        timeoutMs,
      );
      const abort = () => late.reject(signal?.reason);
      signal?.addEventListener("abort", abort, { once: true });
      late.promise.catch(() => {});
      let sent = false;
      let over = false;
      const work = async (): Promise<readonly Row[]> => {
        if (!first) await ahead;
        if (key !== undefined) await strays.get(key);
        const client = await pool.connect();
        if (over) {
          client.release();
          return [];
        }
        sent = true;
        busy.add(client);
        // whoever gave up is gone by then; the connection is not worth keeping
        const cut = setTimeout(() => drop(client), Math.max(timeoutMs, at.timeoutMs));
        let broken = true;
        try {
          const result = await client.query<Row>(text, values as Value[]);
          broken = false;
          return Array.isArray(result) ? [] : result.rows;
        } catch (error) {
          broken = (error as { severity?: string }).severity !== "ERROR";
          throw error;
        } finally {
          clearTimeout(cut);
          drop(client, broken);
        }
      };
      const running = work();
      if (first) {
        const mine = settled(running);
        ahead = mine;
        void mine.then(() => {
          if (ahead === mine) ahead = undefined;
        });
      }
      try {
        return await Promise.race([running, late.promise]);
      } catch (error) {
        if (sent && changes && key !== undefined) {
          // nobody waits for it any more, but what is asked about this key from now on comes after it
          const stray = settled(running);
          strays.set(key, stray);
          void stray.then(() => {
            if (strays.get(key) === stray) strays.delete(key);
          });
        }
        if (signal?.aborted && (!sent || !changes)) throw aborted(signal, key);
        throw failure(error, { ...about, stage: sent ? "sent" : "unsent" });
      } finally {
        over = true;
        running.catch(() => {});
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
    },
    listener: () => new pg.Client(config),
    async end() {
      if (pool.ending) return;
      for (const client of busy) drop(client);
      await pool.end();
    },
  };
}

const settled = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => {},
    () => {},
  );
