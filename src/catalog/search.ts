import type { DatabaseSync } from "node:sqlite";
import { conditionsOf, matchOf, parseQuery, type Condition, type Query } from "./query.ts";
import { rowOf, type NameRecord } from "./rows.ts";
import type { SearchHit, SearchQuery } from "./types.ts";

/** Hits beyond this many are counted but not shown. */
const deepest = 10_000;

/** Where a hit was found, best first; within one place the newest comes first. */
interface Place {
  readonly score: number;
  /** SQL that yields `id`s of `names n`, newest first, at most `?` */
  readonly sql: string;
  readonly values: readonly string[];
}

/** Full text over names, keywords and descriptions. Never fails because of what the text holds. */
export function search(
  db: DatabaseSync,
  { text, size = 20, from = 0 }: SearchQuery,
  visible?: Condition,
): { total: number; items: SearchHit[] } {
  const query = parseQuery(text);
  const first = clamp(from, deepest);
  const wanted = Math.min(first + clamp(size, 250), deepest);
  const scores = new Map<number, number>();
  for (const { sql, values, score } of places(query, visible)) {
    if (scores.size >= wanted) break;
    // A later place holds the earlier ones' hits again, so it is asked for as many as are wanted in all.
    for (const { id } of db.prepare(sql).all(...values, wanted) as { id: number }[])
      if (!scores.has(id)) scores.set(id, score);
  }
  const page = [...scores].slice(first, wanted);
  const rows = new Map(
    (
      db
        .prepare("SELECT * FROM names WHERE id IN (SELECT value FROM json_each(?))")
        .all(JSON.stringify(page.map(([id]) => id))) as unknown as NameRecord[]
    ).map((row) => [row.id, row]),
  );
  const items = page.flatMap(([id, score]) => {
    const row = rows.get(id);
    return row ? [{ package: rowOf(row), score }] : [];
  });
  return { total: count(db, query, visible), items };
}

const clamp = (value: number, most: number) =>
  Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), 0), most) : most;

function* places(query: Query, visible: Condition | undefined): Generator<Place> {
  const { sql, values } = conditionsOf(query, visible);
  const named = (score: number, condition: string, names: readonly string[]) => ({
    score,
    sql: `SELECT n.id FROM names n WHERE ${condition} AND ${sql} ORDER BY n.id DESC LIMIT ?`,
    values: [...names, ...values],
  });
  for (const [score, column] of [
    [1, "name"],
    [0.9, "bare"],
  ] as const)
    if (query.exact.length > 0)
      yield named(score, `n.${column} IN (${query.exact.map(() => "?").join()})`, query.exact);
  if (query.prefix) {
    const range = [query.prefix, `${query.prefix}\u{10ffff}`];
    yield named(0.8, "(n.name >= ? AND n.name < ? OR n.bare >= ? AND n.bare < ?)", [
      ...range,
      ...range,
    ]);
  }
  const searched = (score: number, match: string) => ({
    score,
    sql:
      "SELECT n.id FROM search s CROSS JOIN names n ON n.id = s.rowid " +
      `WHERE s.search MATCH ? AND ${sql} ORDER BY s.rowid DESC LIMIT ?`,
    values: [match, ...values],
  });
  if (query.words.length > 0)
    for (const [score, columns] of [
      [0.6, "name"],
      [0.4, "name keywords"],
      [0.2, "name keywords description"],
    ] as const)
      yield searched(score, matchOf(query, columns) as string);
  else if (!query.prefix) {
    const match = matchOf(query);
    yield match === undefined ? named(0.2, "1", []) : searched(0.2, match);
  }
}

/** All hits. The full text finds every name that begins with what was typed, unless there is nothing to look for in it. */
function count(db: DatabaseSync, query: Query, visible: Condition | undefined): number {
  const { sql, values } = conditionsOf(query, visible);
  const match = matchOf(query);
  const filtered = values.length > 0 || query.is.size > 0 || visible !== undefined;
  if (query.words.length === 0 && query.prefix) {
    const range = [query.prefix, `${query.prefix}\u{10ffff}`];
    return counted(
      db,
      `FROM names n WHERE (n.name >= ? AND n.name < ? OR n.bare >= ? AND n.bare < ?) AND ${sql}`,
      [...range, ...range, ...values],
    );
  }
  if (match === undefined) return counted(db, `FROM names n WHERE ${sql}`, values);
  return filtered
    ? counted(
        db,
        `FROM search s CROSS JOIN names n ON n.id = s.rowid WHERE s.search MATCH ? AND ${sql}`,
        [match, ...values],
      )
    : counted(db, "FROM search WHERE search MATCH ?", [match]);
}

const counted = (db: DatabaseSync, from: string, values: readonly string[]): number =>
  Number(db.prepare(`SELECT count(*) AS n ${from}`).get(...values)?.["n"]);
