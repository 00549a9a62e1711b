import { createHash } from "node:crypto";
import type { Caller } from "../access/types.ts";
import { countDays } from "../counts/days.ts";
import type { Driver } from "../driver/driver.ts";

/** Rows that one object holds, and that one process keeps of one day. */
const mostRows = 2000;
const mostObjects = 25;

/** Who fetched a version, and how often on that day. */
export interface Download {
  /** `2026-11-28`, UTC */
  readonly day: string;
  /** user name; `#` and the beginning of the SHA-256 of their address for those who were nobody */
  readonly who: string;
  readonly count: number;
}

/**
 * Who downloaded which version of upstreams, for the day when one turns out to be bad: the last 30 days, and a bounded number of
 * rows of each.
 */
export interface Recipients {
  /** Costs nothing but memory. */
  note(name: string, version: string, caller: Caller): void;
  /** What all servers know of a version, newest day first. */
  of(name: string, version: string): Promise<readonly Download[]>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

type Row = readonly [version: string, who: string, count: number];

export function createRecipients(driver: Driver): Recipients {
  const days = countDays<Map<string, Row>>(driver, {
    name: "received",
    days: 30,
    empty: () => new Map(),
    encode: (rows) => [...rows.values()],
    decode: (json) => new Map((json as readonly Row[]).map((row) => [keyOf(row), row])),
  });

  return {
    note(name, version, { principal, address }) {
      const today = days.today();
      const rows = today.size < mostRows ? today : days.further(mostObjects);
      if (!rows) return;
      const row = [`${name}@${version}`, principal.name || hashed(address), 1] as const;
      const [id, who] = row;
      rows.set(keyOf(row), [id, who, (rows.get(keyOf(row))?.[2] ?? 0) + 1]);
    },

    async of(name, version) {
      const id = `${name}@${version}`;
      const sums = new Map<string, Download>();
      for await (const { day, counts } of days.read())
        for (const [row, who, count] of counts.values()) {
          if (row !== id) continue;
          const before = sums.get(`${day} ${who}`)?.count ?? 0;
          sums.set(`${day} ${who}`, { day, who, count: before + count });
        }
      return [...sums.values()].toSorted((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : 0));
    },

    close: days.close,
  };
}

const keyOf = ([version, who]: Row): string => `${version} ${who}`;

/** An address is personal: enough of its hash to recognise it when it is known. */
const hashed = (address: string | undefined): string =>
  `#${createHash("sha256")
    .update(address ?? "")
    .digest("hex")
    .slice(0, 12)}`;
