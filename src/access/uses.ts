import { countDays } from "../counts/days.ts";
import type { Driver } from "../driver/driver.ts";

const minute = 60_000;

/** When tokens were used last, to the minute. What the last seconds before a crash saw may be missing. */
export interface Uses {
  note(id: string): void;
  /** ms since 1970 by token id, of all servers; those that were not used are missing */
  lastUsed(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** writes what was noted */
  close(): Promise<void>;
}

export function createUses(driver: Driver): Uses {
  const days = countDays<Map<string, number>>(driver, {
    name: "token-use",
    days: 400,
    empty: () => new Map(),
    encode: (minutes) => Object.fromEntries(minutes),
    decode: (json) => new Map(Object.entries(json as Readonly<Record<string, number>>)),
  });
  let noted = new Map<string, number>();

  return {
    note(id) {
      const now = Math.floor(Date.now() / minute);
      if (noted.get(id) === now) return;
      noted = days.today();
      noted.set(id, now);
    },

    async lastUsed(ids) {
      const wanted = new Set(ids);
      const found = new Map<string, number>();
      for await (const { counts } of days.read())
        for (const [id, at] of counts)
          if (wanted.has(id)) found.set(id, Math.max(at * minute, found.get(id) ?? 0));
      return found;
    },

    close: days.close,
  };
}
