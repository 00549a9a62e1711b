import { createHash, randomUUID } from "node:crypto";
import type { Caller } from "../access/types.ts";
import type { Driver, Key } from "../driver/index.ts";
import { logger } from "../log.ts";
import { walk } from "../store/walk.ts";

/** Rows that one object holds, and that one process keeps of one day. */
const mostRows = 2000;
const mostObjects = 25;
const flushEvery = 10_000;
const days = 30;
const dayLong = 86_400_000;
const prefix = "n/received/";

/** Who fetched a version, and how often on that day. */
export interface Download {
  /** `2026-11-28`, UTC */
  readonly day: string;
  /** user name; `#` and the beginning of the SHA-256 of their address for those who were nobody */
  readonly who: string;
  readonly count: number;
}

/**
 * Who downloaded which version of upstreams, for the day when one turns out to be bad. One writer per object, so that many servers
 * count without waiting for each other; the last 30 days, and a bounded number of rows of each.
 */
export interface Recipients {
  /** Costs nothing but memory; written every ten seconds. */
  note(name: string, version: string, caller: Caller): void;
  /** What all servers know of a version, newest day first. */
  of(name: string, version: string): Promise<readonly Download[]>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
type Row = readonly [version: string, who: string, count: number];

export function createRecipients(driver: Driver): Recipients {
  const log = logger("upstream");
  const writer = randomUUID().slice(0, 8);
  let day = "";
  let part = 0;
  let rows = new Map<string, Row>();
  let dirty = false;
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  /** Never rejects: they are only numbers. */
  const save = (): Promise<void> => {
    if (!dirty) return writing;
    dirty = false;
    const key = `${prefix}${day}/${writer}-${String(part).padStart(3, "0")}`;
    const body = Buffer.from(JSON.stringify([...rows.values()]));
    return (writing = writing
      .then(async () => void (await driver.put(key, body, { relaxed: true })))
      .catch((error: unknown) => log("downloads could not be written", { error })));
  };
  const begin = (today: string, next: number): void => {
    void save();
    if (today !== day)
      writing = writing
        .then(() => forget(driver, today))
        .catch((error: unknown) => log("old downloads could not be removed", { error }));
    day = today;
    part = next;
    rows = new Map();
  };

  return {
    note(name, version, { principal, address }) {
      const today = dayOf(Date.now());
      if (today !== day) begin(today, 0);
      else if (rows.size >= mostRows) {
        if (part + 1 >= mostObjects) return;
        begin(today, part + 1);
      }
      const id = `${name}@${version}`;
      const who = principal.name || hashed(address);
      const key = `${id} ${who}`;
      rows.set(key, [id, who, (rows.get(key)?.[2] ?? 0) + 1]);
      dirty = true;
      timer ??= setInterval(() => void save(), flushEvery).unref();
    },

    async of(name, version) {
      await save();
      const id = `${name}@${version}`;
      const sums = new Map<string, Download>();
      for await (const { key } of walk(driver, prefix)) {
        const [, on = ""] = key.slice(prefix.length - 1).split("/");
        for (const [row, who, count] of await readRows(driver, key)) {
          if (row !== id) continue;
          const before = sums.get(`${on} ${who}`)?.count ?? 0;
          sums.set(`${on} ${who}`, { day: on, who, count: before + count });
        }
      }
      return [...sums.values()].toSorted((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0));
    },

    async close() {
      clearInterval(timer);
      await save();
    },
  };
}

async function readRows(driver: Driver, key: Key): Promise<readonly Row[]> {
  try {
    const item = await driver.get(key);
    return item ? (JSON.parse(Buffer.from(item.body).toString("utf8")) as Row[]) : [];
  } catch {
    return [];
  }
}

async function forget(driver: Driver, today: string): Promise<void> {
  const oldest = dayOf(Date.parse(today) - days * dayLong);
  for await (const { key } of walk(driver, prefix))
    if (key.slice(prefix.length, prefix.length + oldest.length) < oldest) await driver.delete(key);
}

/** An address is personal: enough of its hash to recognise it when it is known. */
const hashed = (address: string | undefined): string =>
  `#${createHash("sha256")
    .update(address ?? "")
    .digest("hex")
    .slice(0, 12)}`;
