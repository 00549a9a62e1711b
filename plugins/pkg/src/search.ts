import type { Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { errorCode } from "@citadel/core/errors";
import { nearest } from "@citadel/core/nearest";
import { transaction } from "@citadel/core/sqlite";
import { openShelf, type Row, type Shelf } from "./shelf.ts";

export interface Hit {
  readonly name: string;
  /** the newest version, or the one that was fetched */
  readonly version: string;
  readonly description: string;
  /** "here", or the name of the registry behind this one */
  readonly origin: string;
  /** where it was found, best first */
  readonly match: Match;
  /** what it exports that was asked for */
  readonly symbol?: string;
  readonly deprecated?: string;
  /** of the last 30 days, counted here */
  readonly downloads: number;
  /** version whose documents are kept for offline reading */
  readonly fetched?: string;
}

export type Match = "name" | "prefix" | "symbol" | "part" | "text" | "similar";

export interface SearchOptions {
  /** @default 20, at most 250 */
  readonly limit?: number;
}

const dayLong = 86_400_000;
const days = 30;

/** Finds packages of this registry and those that were fetched, as far as the caller may read them. Takes any text. */
export async function searchPackages(
  citadel: Citadel,
  caller: Caller,
  text: string,
  { limit = 20 }: SearchOptions = {},
): Promise<readonly Hit[]> {
  const shelf = await openShelf(citadel);
  try {
    await follow(citadel, shelf);
    await count(citadel, shelf);
    const most = Math.min(Math.max(Math.trunc(limit), 1), 250);
    const hits: Hit[] = [];
    for (const hit of find(shelf, text)) {
      if (!(await readable(citadel, caller, hit))) continue;
      hits.push(hit);
      if (hits.length >= most) break;
    }
    return hits;
  } finally {
    shelf.close();
  }
}

/** Names of a registry behind this one may be read by all who may read here. */
async function readable(
  { registry }: Citadel,
  caller: Caller,
  { name, origin }: Hit,
): Promise<boolean> {
  try {
    if (origin === "here") return (await registry.known(name, caller)) !== undefined;
    return await registry.elsewhere(name, caller);
  } catch (error) {
    if (errorCode(error) !== undefined) return false;
    throw error;
  }
}

/** Brings the index to the state of the catalog. */
async function follow(citadel: Citadel, { db, index }: Shelf): Promise<void> {
  const catalog = await citadel.current();
  const statement = db.prepare("SELECT name, etag FROM packages WHERE origin = 'here'");
  statement.setReturnArrays(true);
  const have = new Map(statement.all() as unknown as [string, string | null][]);
  const now = catalog.etags();
  const differ = [...now].filter(([name, etag]) => have.get(name) !== etag).map(([name]) => name);
  const gone = [...have.keys()].filter((name) => !now.has(name));
  for (let at = 0; at < differ.length || at === 0; at += 1000) {
    const rows = catalog
      .rows(differ.slice(at, at + 1000))
      .map(({ name, version, description, keywords, deprecated = null }): Row => ({
        ...{ name, origin: "here", etag: now.get(name) ?? null },
        ...{ version, description, keywords, deprecated },
      }));
    if (rows.length > 0 || gone.length > 0) index(rows, at === 0 ? gone : []);
  }
}

/** Renews the downloads once an hour. */
async function count({ downloads }: Citadel, { db }: Shelf): Promise<void> {
  const now = Date.now();
  const counted = db.prepare("SELECT value FROM facts WHERE name = 'counted'").get()?.["value"];
  if (now - Number(counted ?? 0) < 3_600_000) return;
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  const sums = new Map<string, number>();
  for await (const { counts } of downloads.read(day(now - (days - 1) * dayLong), day(now)))
    for (const [name, versions] of counts)
      for (const one of versions.values()) sums.set(name, (sums.get(name) ?? 0) + one);
  const set = db.prepare("UPDATE packages SET downloads = ? WHERE name = ?");
  transaction(db, () => {
    db.exec("UPDATE packages SET downloads = 0 WHERE downloads <> 0");
    for (const [name, sum] of sums) set.run(sum, name);
    db.prepare("INSERT OR REPLACE INTO facts VALUES ('counted', ?)").run(now);
  });
}

interface Found {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly origin: string;
  readonly deprecated: string | null;
  readonly downloads: number;
  readonly fetched: string | null;
  readonly symbol: string | null;
}

const columns =
  "p.name, p.version, p.description, p.origin, p.deprecated, p.downloads, p.fetched, NULL AS symbol";
const popular = "ORDER BY p.deprecated IS NOT NULL, p.downloads DESC, length(p.name), p.name";
/** rows of one place that are looked at */
const most = 1000;

/** All hits, best first, each once. */
function* find({ db }: Shelf, typed: string): Generator<Hit> {
  const words = wordsOf(typed);
  const seen = new Set<string>();
  const asked = words.join("-");
  if (asked === "") return;
  const places: readonly (readonly [Match, () => readonly Found[]])[] = [
    ["name", () => exact(asked, words)],
    ["prefix", () => prefix(asked)],
    ["symbol", () => symbols(words)],
    ["part", () => parts(words)],
    ["text", () => prose(words)],
    ["similar", () => similar(asked)],
  ];
  const all = (sql: string, ...values: readonly string[]): readonly Found[] =>
    db.prepare(sql).all(...values) as unknown as Found[];

  const exact = (name: string, parts: readonly string[]): readonly Found[] =>
    all(
      `SELECT ${columns} FROM packages p WHERE p.lower IN (?, ?) OR p.bare IN (?, ?)
       ORDER BY p.lower NOT IN (?, ?), p.downloads DESC, p.name LIMIT ${most}`,
      ...[name, parts.join(""), name, parts.join(""), name, parts.join("")],
    );
  const prefix = (name: string): readonly Found[] =>
    all(
      `SELECT ${columns} FROM packages p WHERE p.lower >= ?1 AND p.lower < ?2 OR p.bare >= ?1 AND p.bare < ?2
       ${popular} LIMIT ${most}`,
      ...[name, `${name}\u{10ffff}`],
    );
  const symbols = (asked: readonly string[]): readonly Found[] => {
    const word = asked.length === 1 ? asked[0] : asked.join("");
    if (word === undefined || word.length < 2) return [];
    // what is called like it, then what begins like it; of members the last part counts too
    return all(
      `SELECT ${columns.replace("NULL", "s.name")} FROM symbols s JOIN packages p ON p.id = s.id
       WHERE s.symbol >= ?1 AND s.symbol < ?2 OR s.symbol LIKE ?3 ESCAPE '\\'
       ORDER BY s.symbol <> ?1 AND s.symbol NOT LIKE ?3 ESCAPE '\\', p.downloads DESC, length(s.symbol), p.name LIMIT ${most}`,
      ...[word, `${word}\u{10ffff}`, `%.${word.replace(/[\\%_]/g, "\\$&")}`],
    );
  };
  const parts = (asked: readonly string[]): readonly Found[] => {
    const long = asked.filter((word) => word.length >= 3);
    if (long.length === 0 || long.length < asked.length) return [];
    return all(
      `SELECT ${columns} FROM names s CROSS JOIN packages p ON p.id = s.rowid WHERE s.names MATCH ? ${popular} LIMIT ${most}`,
      `name : (${long.map(quoted).join(" AND ")})`,
    );
  };
  const prose = (asked: readonly string[]): readonly Found[] => {
    const searched = asked.filter((word) => /[\p{L}\p{N}]/u.test(word)).map(quoted);
    const last = searched.at(-1);
    if (last === undefined) return [];
    const of = (expression: string) =>
      all(
        `SELECT ${columns} FROM prose s CROSS JOIN packages p ON p.id = s.rowid WHERE s.prose MATCH ?
         ORDER BY p.deprecated IS NOT NULL, bm25(s.prose, 8, 4, 1) * (1 + log(1 + p.downloads) / 10) LIMIT ${most}`,
        expression,
      );
    const found = of([...searched.slice(0, -1), `${last} *`].join(" AND "));
    if (found.length > 0 || searched.length === 1) return found;
    // all but one of them
    const others = searched.map(
      (_, left) => `(${searched.filter((__, n) => n !== left).join(" AND ")})`,
    );
    return of(others.join(" OR "));
  };
  const similar = (name: string): readonly Found[] => {
    if (name.length < 4) return [];
    const grams = Array.from({ length: name.length - 2 }, (_, i) => name.slice(i, i + 3));
    const near = all(
      `SELECT ${columns}, p.bare FROM names s CROSS JOIN packages p ON p.id = s.rowid WHERE s.names MATCH ?
       ORDER BY bm25(s.names) LIMIT 200`,
      `name : (${[...new Set(grams)].map(quoted).join(" OR ")})`,
    );
    const by = new Map(
      near.flatMap(
        (row) =>
          [
            [row.name, row],
            [row.name.replace(/^@[^/]*\//, ""), row],
          ] as const,
      ),
    );
    return nearest(name, by.keys()).flatMap((one) => by.get(one) ?? []);
  };

  for (const [match, of] of places)
    for (const row of of()) {
      if (seen.has(row.name)) continue;
      seen.add(row.name);
      const { symbol, deprecated, fetched, name, version, description, origin, downloads } = row;
      yield {
        ...{ name, version, description, origin, match },
        ...(symbol !== null && { symbol }),
        ...(deprecated !== null && { deprecated }),
        downloads,
        ...(fetched !== null && { fetched }),
      };
    }
}

/** What was typed, in lower case: at most 500 characters and 16 words. */
const wordsOf = (text: string): string[] =>
  text
    .slice(0, 500)
    .toWellFormed()
    .toLowerCase()
    .replace(/\p{Cc}/gu, " ")
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 16);

/** A string for FTS5, in which nothing is syntax. */
const quoted = (word: string): string => `"${word.replaceAll('"', '""')}"`;
