/** A part of a WHERE clause over `names n`, with its values in order. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** A search as typed, taken apart. */
export interface Query {
  /** words that every hit has, each as the beginning of a word */
  readonly words: readonly string[];
  /** names that are asked for literally */
  readonly exact: readonly string[];
  /** what a name that is asked for begins with; empty for none */
  readonly prefix: string;
  /** any of each list; lower case */
  readonly keywords: readonly string[];
  readonly scopes: readonly string[];
  readonly authors: readonly string[];
  readonly maintainers: readonly string[];
  readonly is: ReadonlyMap<string, boolean>;
}

/** Letters and digits as SQLite's `unicode61` sees them; a word without any has nothing to look for. */
const searchable = /[\p{L}\p{N}]/u;

/** Never fails: what is no qualifier is a word. Takes the first 500 characters and 16 words. */
export function parseQuery(text: string): Query {
  const words: string[] = [];
  const lists = {
    keywords: [] as string[],
    scope: [] as string[],
    author: [] as string[],
    maintainer: [] as string[],
  };
  const is = new Map<string, boolean>();
  let boost = true;
  // FTS5 reads a NUL as the end of the query.
  const typed = text
    .slice(0, 500)
    .toWellFormed()
    .replace(/\p{Cc}/gu, " ")
    .trim();
  for (const part of typed.split(/\s+/).filter(Boolean)) {
    const colon = part.indexOf(":");
    const [name, value] = [part.slice(0, Math.max(colon, 0)), part.slice(colon + 1)];
    if (value && Object.hasOwn(lists, name)) {
      const values = value.toLowerCase().split(",").filter(Boolean);
      lists[name as keyof typeof lists].push(...values);
    } else if (value && (name === "is" || name === "not")) is.set(value, name === "is");
    else if (name === "boost-exact") boost = value !== "false";
    else words.push(part);
  }
  const name = words.join("-");
  return {
    words: words.filter((word) => searchable.test(word)).slice(0, 16),
    exact: boost && words.length > 0 ? [...new Set([name, name.toLowerCase()])] : [],
    prefix: name.toLowerCase(),
    keywords: lists.keywords,
    scopes: lists.scope.map((scope) => scope.replace(/^@/, "")),
    authors: lists.author,
    maintainers: lists.maintainer,
    is,
  };
}

/** An FTS5 expression; undefined when the query needs none. Every word is a quoted string, so no input is syntax. */
export function matchOf(query: Query, columns = "name keywords description"): string | undefined {
  const parts = [];
  if (query.words.length > 0)
    parts.push(`{${columns}} : (${query.words.map((word) => `${quote(word)} *`).join(" AND ")})`);
  for (const column of ["keywords", "authors", "maintainers"] as const) {
    const values = query[column];
    // Narrows; who is left is compared in full by `conditionsOf`.
    if (values.length > 0 && values.every((value) => searchable.test(value)))
      parts.push(
        `${column === "authors" ? "author" : column} : (${values.map(quote).join(" OR ")})`,
      );
  }
  return parts.length > 0 ? parts.join(" AND ") : undefined;
}

const quote = (word: string) => `"${word.replaceAll('"', '""')}"`;

/** What full text cannot say, as SQL over `names n`, with its values in order. */
export function conditionsOf(query: Query, visible?: Condition): Condition {
  const sql = ["n.versions > 0", ...(visible ? [`(${visible.sql})`] : [])];
  const values: string[] = [...(visible?.values ?? [])];
  const anyOf = (list: readonly string[], condition: (marks: string) => string) => {
    if (list.length === 0) return;
    sql.push(condition(list.map(() => "?").join()));
    values.push(...list);
  };
  const within = (path: string) => (marks: string) =>
    `EXISTS (SELECT 1 FROM json_each(n.info, '$.${path}') WHERE lower(value) IN (${marks}))`;
  anyOf(query.scopes, (marks) => `n.scope IN (${marks})`);
  anyOf(query.keywords, within("keywords"));
  anyOf(query.maintainers, within("maintainers"));
  for (const [flag, on] of query.is) {
    const condition = flags.get(flag);
    if (condition) sql.push(on ? condition : `NOT (${condition})`);
  }
  return { sql: sql.join(" AND "), values };
}

const flags: ReadonlyMap<string, string> = new Map([
  ["deprecated", "n.deprecated IS NOT NULL"],
  ["unstable", "(n.version LIKE '0.%' OR n.version LIKE '%-%')"],
  // No advisories are known to the catalog.
  ["insecure", "0"],
]);
