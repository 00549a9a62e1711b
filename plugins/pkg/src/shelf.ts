import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { DatabaseSync } from "node:sqlite";
import type { Citadel } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import { transaction } from "@citadel/core/sqlite";
import type { OutlineItem } from "@citadel/core/documents";
import type { PackageDocuments } from "./documents.ts";

/** Goes up with every change of the tables. */
const version = 1;

/**
 * - `documents`: what was fetched, gzipped JSON.
 * - `packages`: what can be found: every package of the registry, and what was fetched of others. `etag` is that of the catalog's row.
 * - `names`: trigrams of names and of what packages export, same ids. `prose`: words, stemmed, same ids.
 * - `symbols`: what packages export, in lower case.
 */
const schema = `
CREATE TABLE documents (
  name TEXT NOT NULL, version TEXT NOT NULL, integrity TEXT, fetched INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (name, version)
) WITHOUT ROWID;
CREATE TABLE packages (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, lower TEXT NOT NULL, bare TEXT NOT NULL, origin TEXT NOT NULL,
  etag TEXT, version TEXT NOT NULL, description TEXT NOT NULL, keywords TEXT NOT NULL, deprecated TEXT,
  downloads INTEGER NOT NULL DEFAULT 0, fetched TEXT
);
CREATE INDEX packages_lower ON packages (lower);
CREATE INDEX packages_bare ON packages (bare);
CREATE TABLE symbols (symbol TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (symbol, name, id)) WITHOUT ROWID;
CREATE INDEX symbols_id ON symbols (id);
CREATE VIRTUAL TABLE names USING fts5 (name, symbols, content = '', contentless_delete = 1, tokenize = 'trigram');
CREATE VIRTUAL TABLE prose USING fts5 (
  keywords, description, readme, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = ${version};
`;

/** What stands in `packages`. */
export interface Row {
  readonly name: string;
  readonly origin: string;
  readonly etag: string | null;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly deprecated: string | null;
}

/** Documents that were fetched and the index of all that can be searched: one SQLite file per store. */
export interface Shelf {
  readonly db: DatabaseSync;
  /** The documents of a version; of the one fetched last without a version. */
  get(name: string, version?: string): PackageDocuments | undefined;
  put(documents: PackageDocuments): void;
  /** Makes rows of the registry's packages what they are now. @param gone names that are there no more */
  index(rows: readonly Row[], gone: readonly string[]): void;
  close(): void;
}

/** @throws E_STORE_UNAVAILABLE */
export async function openShelf({ dirs, backends }: Citadel): Promise<Shelf> {
  const id = createHash("sha256")
    .update(backends[0]?.url ?? "")
    .digest("hex")
    .slice(0, 16);
  const db = await open(join(dirs.data, "documents", `${id}.db`));
  const byName = db.prepare("SELECT id, origin, fetched FROM packages WHERE name = ?");
  const drop = db.prepare("DELETE FROM packages WHERE id = ?");
  const dropNames = db.prepare("DELETE FROM names WHERE rowid = ?");
  const dropProse = db.prepare("DELETE FROM prose WHERE rowid = ?");
  const dropSymbols = db.prepare("DELETE FROM symbols WHERE id = ?");
  const add = db.prepare(
    `INSERT INTO packages (id, name, lower, bare, origin, etag, version, description, keywords, deprecated, fetched, downloads)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addNames = db.prepare("INSERT INTO names (rowid, name, symbols) VALUES (?, ?, ?)");
  const addProse = db.prepare(
    "INSERT INTO prose (rowid, keywords, description, readme) VALUES (?, ?, ?, ?)",
  );
  const addSymbol = db.prepare("INSERT OR IGNORE INTO symbols (symbol, name, id) VALUES (?, ?, ?)");
  const read = db.prepare("SELECT content FROM documents WHERE name = ? AND version = ?");
  const newest = db.prepare(
    "SELECT content FROM documents WHERE name = ? ORDER BY fetched DESC LIMIT 1",
  );
  const keep = db.prepare(
    "INSERT OR REPLACE INTO documents (name, version, integrity, fetched, content) VALUES (?, ?, ?, ?, ?)",
  );
  const popular = db.prepare("SELECT downloads FROM packages WHERE id = ?");
  const parsed = (row: Record<string, unknown> | undefined): PackageDocuments | undefined =>
    row && (JSON.parse(gunzipSync(row["content"] as Uint8Array).toString()) as PackageDocuments);

  const get: Shelf["get"] = (name, wanted) =>
    parsed(wanted === undefined ? newest.get(name) : read.get(name, wanted));

  const remove = (row: number): void => {
    for (const statement of [drop, dropNames, dropProse, dropSymbols]) statement.run(row);
  };

  /** Writes all that can be found of a package. */
  function write(row: Row, fetched: PackageDocuments | undefined): void {
    const known = byName.get(row.name)?.["id"] as number | undefined;
    const downloads = known === undefined ? 0 : Number(popular.get(known)?.["downloads"]);
    if (known !== undefined) remove(known);
    const lower = row.name.toLowerCase();
    const bare = lower.slice(lower.indexOf("/") + 1);
    const { lastInsertRowid } = add.run(
      ...([known ?? null, row.name, lower, bare, row.origin, row.etag, row.version] as const),
      ...([row.description, row.keywords.join(" "), row.deprecated] as const),
      ...([fetched?.version ?? null, downloads] as const),
    );
    const key = Number(lastInsertRowid);
    const symbols = symbolsOf(fetched?.outline.items ?? []);
    addNames.run(key, lower, symbols.join(" ").toLowerCase());
    addProse.run(key, row.keywords.join(" "), row.description, fetched?.readme?.text ?? "");
    for (const symbol of symbols) addSymbol.run(symbol.toLowerCase(), symbol, key);
  }

  return {
    db,
    get,
    put: (documents) =>
      transaction(db, () => {
        const { name, version: at, integrity, fetchedAt, origin } = documents;
        keep.run(name, at, integrity, Date.parse(fetchedAt), gzipSync(JSON.stringify(documents)));
        const row = db.prepare("SELECT * FROM packages WHERE name = ?").get(name);
        const ours = row?.["origin"] === "here" && origin === "here";
        write(
          {
            name,
            origin,
            etag: ours ? (row["etag"] as string | null) : null,
            version: ours ? String(row["version"]) : at,
            description: documents.description,
            keywords: documents.keywords,
            deprecated: ours ? (row["deprecated"] as string | null) : null,
          },
          documents,
        );
      }),
    index: (rows, gone) =>
      transaction(db, () => {
        for (const row of rows) {
          const fetched = byName.get(row.name)?.["fetched"];
          write(row, typeof fetched === "string" ? get(row.name, fetched) : undefined);
        }
        for (const name of gone) {
          const row = byName.get(name);
          if (row) remove(Number(row["id"]));
        }
      }),
    close: () => db.close(),
  };
}

/** Names that a package exports, with those of members as `Class.member`; at most 5,000. */
const symbolsOf = (items: readonly OutlineItem[]): string[] =>
  [
    ...new Set(
      items.flatMap(({ name, members = [] }) => [
        ...(/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) && name !== "default" ? [name] : []),
        ...members.filter((one) => /^\w+$/.test(one.name)).map((one) => `${name}.${one.name}`),
      ]),
    ),
  ].slice(0, 5000);

async function open(path: string): Promise<DatabaseSync> {
  const { DatabaseSync: Database } = await import("node:sqlite");
  let db: DatabaseSync | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    db = new Database(path, { timeout: 5000 });
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    const opened = db;
    const at = () => Number(opened.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (at() === 0) transaction(opened, () => at() === 0 && opened.exec(schema));
    if (at() === version) return opened;
    throw new Error(`it is of version ${at()}, and this program reads ${version}`);
  } catch (error) {
    db?.close();
    throw new CitadelError("E_STORE_UNAVAILABLE", `the documents ${path} cannot be opened`, {
      hint: ["move the file away: documents can be fetched again"],
      cause: error,
    });
  }
}
