import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Driver, Key } from "../driver/driver.ts";
import { storeCode } from "../driver/index.ts";
import type { Keys } from "../keys/keys.ts";
import { countDays, dayOf } from "./days.ts";

/** Downloads that one object holds, and objects of one process and day. */
const mostRows = 2000;
const mostObjects = 250;
const longestAgent = 200;
const keyAt: Key = "n/records-key";
const keyUse = "records";

/** One download. */
export interface DownloadRecord {
  /** ms since 1970 */
  readonly at: number;
  readonly version: string;
  /** HMAC of the address of the client under a key of the servers: the same for the same client, and no way back */
  readonly client: string;
  readonly agent: string;
}

/** Who fetched what, for owners: of each download its time, the client and what it calls itself, for some days. */
export interface Records {
  /** Costs nothing but memory. What is more than a process keeps of a day is counted, and no more. */
  note(name: string, version: string, address: string | undefined, agent: string): void;
  /** Those of a package, newest first; `dropped` were downloads of any package that were only counted. */
  read(
    name: string,
    options: {
      /** ms since 1970 */
      readonly since: number;
      /** not this one and what is newer */
      readonly before?: number | undefined;
      readonly version?: string | undefined;
      readonly limit: number;
      /** of the newest, how many are passed over @default 0 */
      readonly offset?: number;
    },
  ): Promise<{ readonly items: readonly DownloadRecord[]; readonly dropped: number }>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

export interface RecordsOptions {
  readonly driver: Driver;
  readonly keys: Pick<Keys, "seal" | "unseal">;
  /** days that a download is remembered */
  readonly days: number;
}

type Row = readonly [name: string, version: string, at: number, client: string, agent: string];
interface Day {
  readonly rows: Row[];
  dropped: number;
}

/** @throws E_SERVER_KEY where this server cannot open the key that addresses are hashed under */
export async function openRecords({ driver, keys, days: kept }: RecordsOptions): Promise<Records> {
  const key = await hashKey(driver, keys);
  const clients = new LRUCache<string, string>({ max: 10_000 });
  const days = countDays<Day>(driver, {
    name: "records",
    days: kept,
    empty: () => ({ rows: [], dropped: 0 }),
    encode: ({ rows, dropped }) => ({ v: 1, rows, dropped }),
    decode: (json) => json as Day,
  });
  const clientOf = (address: string): string => {
    let client = clients.get(address);
    if (client === undefined) {
      client = createHmac("sha256", key).update(address).digest("base64url").slice(0, 22);
      clients.set(address, client);
    }
    return client;
  };

  return {
    note(name, version, address, agent) {
      let today = days.today();
      if (today.rows.length >= mostRows) {
        const next = days.further(mostObjects);
        if (!next) return void today.dropped++;
        today = next;
      }
      const client = address === undefined ? "" : clientOf(address);
      today.rows.push([name, version, Date.now(), client, agent.slice(0, longestAgent)]);
    },

    async read(wanted, { since, before = Infinity, version: only, limit, offset = 0 }) {
      const most = offset + limit;
      let items: DownloadRecord[] = [];
      let dropped = 0;
      for await (const { counts } of days.read({ start: dayOf(since) })) {
        dropped += counts.dropped;
        for (const [name, version, at, client, agent] of counts.rows)
          if (name === wanted && at >= since && at < before && (only ?? version) === version)
            items.push({ at, version, client, agent });
        // of many no more than the newest are held
        if (items.length > 4 * most) items = newest(items, most);
      }
      return { items: newest(items, most).slice(offset), dropped };
    },

    close: days.close,
  };
}

const newest = (items: readonly DownloadRecord[], limit: number): DownloadRecord[] =>
  items.toSorted((a, b) => b.at - a.at).slice(0, limit);

/** One for all servers of a store, sealed there: who has the store alone cannot try addresses. */
async function hashKey(driver: Driver, keys: RecordsOptions["keys"]): Promise<Buffer> {
  for (;;) {
    const item = await driver.get(keyAt);
    if (item)
      return keys.unseal(Buffer.from(item.body).toString(), keyUse, "the key of download records");
    const sealed = await keys.seal(randomBytes(32), keyUse);
    await driver.put(keyAt, Buffer.from(sealed), { ifAbsent: true }).catch((error: unknown) => {
      const code = storeCode(error);
      // somebody was faster, or it is there
      if (code !== "CONFLICT" && code !== "UNKNOWN") throw error;
    });
  }
}
