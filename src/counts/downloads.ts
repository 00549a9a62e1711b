import type { Background } from "../background.ts";
import type { Driver } from "../driver/driver.ts";
import { countDays } from "./days.ts";

/** Package → version → downloads. */
export type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;
type Sums = Map<string, Map<string, number>>;

/** How often tarballs were fetched. */
export interface Downloads {
  /** One more. Costs two look-ups in memory. */
  note(name: string, version: string): void;
  /** What all servers have counted, day by day (UTC, `2026-11-28`), from `start` to `end`, both included; days without any are left out. */
  read(
    start: string,
    end: string,
  ): AsyncIterable<{ readonly day: string; readonly counts: Counts }>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** As stored. */
interface Stored {
  readonly v: 1;
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function createDownloads(driver: Driver, background: Pick<Background, "run">): Downloads {
  const days = countDays<Sums>(driver, {
    name: "downloads",
    writing: (write) => background.run("downloads", write),
    empty: () => new Map(),
    encode: (counts): Stored => ({
      v: 1,
      counts: Object.fromEntries(
        Array.from(counts, ([name, versions]) => [name, Object.fromEntries(versions)]),
      ),
    }),
    decode: (json) =>
      new Map(
        Object.entries((json as Stored).counts).map(([name, versions]) => [
          name,
          new Map(Object.entries(versions)),
        ]),
      ),
  });

  return {
    note: (name, version) => add(days.today(), name, version, 1),

    async *read(start, end) {
      let sum: { readonly day: string; readonly counts: Sums } | undefined;
      for await (const { day, counts } of days.read({ start, end })) {
        if (sum && sum.day !== day) yield sum;
        if (sum?.day !== day) sum = { day, counts: new Map() };
        for (const [name, versions] of counts)
          for (const [version, count] of versions) add(sum.counts, name, version, count);
      }
      if (sum) yield sum;
    },

    close: days.close,
  };
}

function add(sums: Sums, name: string, version: string, count: number): void {
  let versions = sums.get(name);
  if (!versions) sums.set(name, (versions = new Map()));
  versions.set(version, (versions.get(version) ?? 0) + count);
}
