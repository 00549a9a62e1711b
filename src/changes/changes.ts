import { storeCode, type Driver, type ETag, type Key } from "../driver/index.ts";
import type { Registry } from "../registry/types.ts";
import { createTurns } from "../turns.ts";

const prefix = "n/changes/";
/** changes in one stored page */
const full = 500;
/** documents read at once */
const readers = 16;
/** turns of an append that others are faster than */
const attempts = 64;
/** ms within which the newest number may be told again without a look */
const recent = 1000;

/** One package in its newest state. */
export interface ChangedPackage {
  readonly seq: number;
  readonly name: string;
}

/** What one number stands for: everything that became of a package after revision `after`, up to `rev`. */
export interface NumberedChange {
  readonly seq: number;
  readonly name: string;
  readonly rev: number;
  /** revision at the number before of the same package; 0: there was none */
  readonly after: number;
}

/**
 * All changes of packages in one order. Numbers are given out when somebody asks, and kept in the store: they are the same
 * on every server, never go back, and never change their meaning. A package that changes several times between two
 * questions gets one number. Whatever was stored before a question has a number in its answer.
 */
export interface Changes {
  /** The newest state of each package that has changed after `since`, in the order of their numbers. */
  since(
    since: number,
  ): Promise<{ readonly last: number; readonly items: readonly ChangedPackage[] }>;
  /** Gives out what numbers are missing. @returns the newest */
  look(): Promise<number>;
  /** The first change after `since` of a package that is wanted, among the numbers that were looked at last; asks no store. */
  next(since: number, wanted: (name: string) => boolean): NumberedChange | undefined;
  /** What a number stands for, among those that were looked at last; asks no store. */
  numbered(seq: number): NumberedChange | undefined;
  /** Counts, at most a second old. */
  state(): Promise<{
    readonly last: number;
    readonly packages: number;
    readonly restricted: number;
  }>;
}

/** A change as stored: package, revision, etag of its document, and 1 when it is restricted, 2 when it is gone. */
type Row = readonly [name: string, rev: number, etag: ETag, kind: 0 | 1 | 2];

interface Page {
  readonly index: number;
  readonly etag: ETag | undefined;
  readonly rows: readonly Row[];
}

export function createChanges(driver: Driver, { packages }: Pick<Registry, "packages">): Changes {
  const newest = new Map<string, { seq: number; rev: number; etag: ETag; kind: Row[3] }>();
  /** what each number stands for, from 1 */
  const numbered: NumberedChange[] = [];
  let page: Page = { index: 0, etag: undefined, rows: [] };
  let turn: Promise<unknown> = Promise.resolve();
  let looked = -Infinity;

  const take = (rows: readonly Row[]): void => {
    for (const [name, rev, etag, kind] of rows) {
      const seq = numbered.length + 1;
      numbered.push({ seq, name, rev, after: newest.get(name)?.rev ?? 0 });
      newest.set(name, { seq, rev, etag, kind });
    }
  };

  /** Takes in what other processes have numbered. */
  const load = async (): Promise<void> => {
    for (;;) {
      const item = await driver.get(keyOf(page.index));
      if (item && item.etag !== page.etag) {
        const { rows } = JSON.parse(Buffer.from(item.body).toString()) as { rows: readonly Row[] };
        take(rows.slice(page.rows.length));
        page = { index: page.index, etag: item.etag, rows };
      }
      if (page.rows.length < full) return;
      page = { index: page.index + 1, etag: undefined, rows: [] };
    }
  };

  /** Documents that have changed since they were numbered, the oldest change first. */
  const unnumbered = async (): Promise<Row[]> => {
    const found: { row: Row; modified: number }[] = [];
    const turns = createTurns(readers);
    let after: string | undefined;
    do {
      const listed = await packages.list({ ...(after !== undefined && { after }) });
      const differ = listed.items.filter(
        ({ name, etag }) => etag === undefined || newest.get(name)?.etag !== etag,
      );
      const read = differ.map(({ name }) => turns(() => packages.read(name)));
      for (const document of await Promise.all(read)) {
        if (!document) continue;
        const { name, rev, etag, modified, state } = document;
        const known = newest.get(name);
        const kind = state.versions.size === 0 ? 2 : state.visibility === "restricted" ? 1 : 0;
        if (rev > (known?.rev ?? 0)) found.push({ row: [name, rev, etag, kind], modified });
        // the same revision in a store that was copied
        else if (known && known.rev === rev) newest.set(name, { ...known, etag });
      }
      after = listed.next;
    } while (after !== undefined);
    return found.toSorted((a, b) => a.modified - b.modified).map(({ row }) => row);
  };

  const append = async (all: readonly Row[]): Promise<void> => {
    let rows = all;
    for (let n = 0; rows.length > 0; n++) {
      if (page.rows.length >= full) page = { index: page.index + 1, etag: undefined, rows: [] };
      const more = rows.slice(0, full - page.rows.length);
      const { index, etag } = page;
      const wanted = [...page.rows, ...more];
      try {
        const body = Buffer.from(JSON.stringify({ v: 1, rows: wanted }));
        const condition = etag === undefined ? { ifAbsent: true as const } : { ifMatch: etag };
        const put = await driver.put(keyOf(index), body, condition);
        page = { index, etag: put.etag, rows: wanted };
        take(more);
      } catch (error) {
        const code = storeCode(error);
        if (n > attempts || (code !== "CONFLICT" && code !== "UNKNOWN")) throw error;
        await load();
      }
      // also what somebody else has numbered meanwhile
      rows = rows.filter(([name, rev]) => rev > (newest.get(name)?.rev ?? 0));
    }
  };

  /** Whoever asks must find what was stored before: one that is under way may have passed it already. */
  const catchUp = (): Promise<void> => {
    const mine = turn.then(async () => {
      await load();
      await append(await unnumbered());
      looked = performance.now();
    });
    turn = mine.catch(() => {});
    return mine;
  };

  return {
    async since(since) {
      await catchUp();
      const items: ChangedPackage[] = [];
      for (const { seq, name } of numbered.slice(since))
        if (newest.get(name)?.seq === seq) items.push({ seq, name });
      return { last: numbered.length, items };
    },
    async look() {
      await catchUp();
      return numbered.length;
    },
    next(since, wanted) {
      for (let n = since; n < numbered.length; n++) {
        const change = numbered[n];
        if (change && wanted(change.name)) return change;
      }
      return undefined;
    },
    numbered: (seq) => numbered[seq - 1],
    async state() {
      if (performance.now() - looked > recent) await catchUp();
      const counts = [0, 0, 0];
      for (const { kind } of newest.values()) counts[kind] = (counts[kind] ?? 0) + 1;
      const [open = 0, restricted = 0] = counts;
      return { last: numbered.length, packages: open + restricted, restricted };
    },
  };
}

const keyOf = (index: number): Key => `${prefix}${String(index).padStart(8, "0")}`;
