import { setImmediate as breathe } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";
import { LRUCache } from "lru-cache";
import { CitadelError, errorCode } from "../errors.ts";
import { smallBlob } from "../driver/index.ts";
import { logger } from "../log.ts";
import { uuidOf } from "../registry/revision.ts";
import type { JsonObject, PackageDocument, PackageState, Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import { writeCacheRows } from "./cache-rows.ts";
import { freshRecords, secretStats, writeSecretRows } from "./secret-rows.ts";
import { damaged, openDatabase, removeDatabase, whenFree } from "./database.ts";
import { metadataOf, projection, type Fold, type VersionRow } from "./projection.ts";
import { rowOf, type NameRecord } from "./rows.ts";
import { search } from "./search.ts";
import { storedAs } from "./stored.ts";
import { latestOf, needsOf, programsOf, summarize } from "./summary.ts";
import type { Catalog } from "./types.ts";
import { alike, dependents, everything, held, starred, visibleTo } from "./visible.ts";

export interface CatalogOptions {
  /** absolute path of the SQLite file; made when it is not there */
  readonly path: string;
  readonly registry: Pick<Registry, "packages">;
  readonly store: Pick<Store, "driver" | "manifests">;
  /** hears of what was skipped and will be healed by a later sync @default the log `citadel:catalog` */
  readonly warn?: (message: string) => void;
}

/** Rows written in one transaction: a few milliseconds, so that neither the event loop nor another process waits long. */
const batch = 500;
/** Documents read at once. */
const readers = 16;

/**
 * Opens the projection as it stands; call `sync()` for the newest state. A file that is damaged or of another version is
 * thrown away and made again.
 */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const { path, registry, store, warn = logger("catalog") } = options;
  const closing = new AbortController();
  const open = () => openDatabase(path, (db) => projection(db));
  let { db, prepared: rows } = await open();
  /** Syncs run one after another: one that is under way may be past a change that its second caller just made. */
  let turn: Promise<unknown> = Promise.resolve();
  /** What this process folded last, by name: a publish then writes one row and not one per version. */
  const folded = new LRUCache<string, { etag: string; state: PackageState }>({ max: 100 });

  /** Reads a document for the catalog; undefined when the row is up to date, or when the document cannot be read. */
  async function read(name: string): Promise<Fold | undefined> {
    const before = rows.etagOf(name);
    let document: PackageDocument | undefined;
    try {
      document = await registry.packages.read(name);
    } catch (error) {
      if (!isDamage(error)) throw error;
      warn(`${name} is left out of the catalog: ${(error as Error).message}`);
      return undefined;
    }
    if (document?.etag === before) return undefined;
    if (!document) return { name, before };
    const { etag, state } = document;
    const latest = latestOf(document);
    const manifest = latest === undefined ? {} : await manifestOf(document, latest);
    return {
      name,
      before,
      after: {
        // A row without its manifest is never up to date, so that it heals with the store.
        // Nor is one that a batch may change without a write to the document.
        etag: manifest && !state.pending ? etag : `${etag} incomplete`,
        state,
        row: latest === undefined ? undefined : summarize(document, latest, manifest ?? {}),
        programs: latest === undefined ? [] : programsOf(name, manifest ?? {}),
        needs: latest === undefined ? [] : needsOf(manifest ?? {}),
        ...(await versions(name, state, before)),
      },
    };
  }

  async function manifestOf(
    { name, state }: PackageDocument,
    version: string,
  ): Promise<JsonObject | undefined> {
    try {
      const bytes = await store.manifests.get(state.versions.get(version)?.manifest ?? "");
      if (bytes) return JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    warn(`the catalog lacks the description of ${name}: the manifest of ${version} cannot be read`);
    return undefined;
  }

  /** Which rows of `packages` to write: those that differ from what this process wrote last, or from what the table holds. */
  async function versions(name: string, state: PackageState, before: string | undefined) {
    const last = folded.get(name);
    const known = last && last.etag === before ? last.state.versions : undefined;
    const table = known ? undefined : rows.versionsOf(name);
    const changed = [...state.versions].filter(([version, record]) =>
      known ? known.get(version) !== record : table?.get(version) !== metadataOf(record),
    );
    const written: VersionRow[] = [];
    for await (const row of mapped(changed, readers, async ([version, record]) => ({
      uuid: uuidOf(name, version, record.manifest),
      version,
      record,
      stored: await storedAs(store.driver, record.integrity),
    })))
      written.push(row);
    const removed = known
      ? [...known.keys()].filter((version) => !state.versions.has(version))
      : ("rest" as const);
    return { written, removed };
  }

  async function apply(folds: readonly Fold[]): Promise<readonly Fold[]> {
    const done = await whenFree(() => rows.apply(folds), closing.signal);
    for (const { name, after } of done)
      if (after) folded.set(name, { etag: after.etag, state: after.state });
      else folded.delete(name);
    return done;
  }

  async function walk(signal: AbortSignal): Promise<{ changed: number }> {
    let changed = 0;
    let after: string | undefined;
    do {
      const page = await registry.packages.list({ ...(after !== undefined && { after }) });
      const have = rows.between(after ?? "", page.next);
      const listed = new Map(page.items.map(({ name, etag }) => [name, etag]));
      const differ = [...new Set([...listed.keys(), ...have.keys()])].filter(
        (name) => !listed.get(name) || listed.get(name) !== have.get(name),
      );
      let folds: Fold[] = [];
      let size = 0;
      for await (const fold of mapped(differ, readers, read)) {
        signal.throwIfAborted();
        changed++;
        if (!fold) continue;
        folds.push(fold);
        size += 1 + (fold.after?.written.length ?? 0);
        if (size < batch) continue;
        await apply(folds);
        await breathe();
        folds = [];
        size = 0;
      }
      if (folds.length > 0) await apply(folds);
      after = page.next;
      signal.throwIfAborted();
    } while (after !== undefined);
    return { changed };
  }

  async function rebuild() {
    db.close();
    folded.clear();
    await removeDatabase(path);
    ({ db, prepared: rows } = await open());
  }

  /** Broken pages are found by whoever reads them; the next sync then starts from nothing. */
  let broken = false;
  function query<T>(work: (db: DatabaseSync) => T): T {
    try {
      return work(db);
    } catch (error) {
      if (!damaged(error)) throw error;
      broken = true;
      throw new CitadelError("E_FAILED", `the catalog ${path} is damaged`, {
        hint: ["run it again: the catalog is made anew from the store"],
        cause: error,
      });
    }
  }

  async function sync(signal: AbortSignal): Promise<{ changed: number }> {
    try {
      if (broken) await rebuild();
      broken = false;
      return await walk(signal);
    } catch (error) {
      if (!damaged(error)) throw error;
      await rebuild();
      return walk(signal);
    }
  }

  return {
    path,
    sync({ signal } = {}) {
      const both = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
      const mine = turn.then(() => sync(both));
      turn = mine.catch(() => {});
      return mine;
    },
    async refresh(name) {
      try {
        for (let again = 0; again < 5; again++) {
          const fold = await read(name);
          if (!fold || (await apply([fold])).length > 0) return;
        }
      } catch (error) {
        if (!closing.signal.aborted)
          warn(`the catalog missed a change of ${name}: ${(error as Error).message}`);
      }
    },
    list({ scope, after = "", limit = 100, viewer } = {}) {
      const most = Math.min(Math.max(Math.trunc(limit), 1), 10_000);
      const found = query((db) => {
        const { sql, values } = visibleTo(db, viewer) ?? everything;
        return db
          .prepare(
            `SELECT * FROM names n WHERE versions > 0 AND name > ?
             ${scope === undefined ? "" : "AND scope = ?"} AND (${sql}) ORDER BY name LIMIT ?`,
          )
          .all(after, ...(scope === undefined ? [] : [scope]), ...values, most + 1);
      }) as unknown as NameRecord[];
      const items = found.slice(0, most).map(rowOf);
      const last = found.length > most ? items.at(-1)?.name : undefined;
      return { items, ...(last !== undefined && { next: last }) };
    },
    etags: () =>
      query((db) => {
        const statement = db.prepare("SELECT name, etag FROM names WHERE versions > 0");
        statement.setReturnArrays(true);
        return new Map(statement.all() as unknown as [string, string][]);
      }),
    rows: (names) =>
      (
        query((db) =>
          db
            .prepare(
              "SELECT * FROM names WHERE versions > 0 AND name IN (SELECT value FROM json_each(?))",
            )
            .all(JSON.stringify(names)),
        ) as unknown as NameRecord[]
      ).map(rowOf),
    search: (input, viewer) => query((db) => search(db, input, visibleTo(db, viewer))),
    held: (by, viewer) => query((db) => held(db, by, visibleTo(db, viewer))),
    alike: (name, viewer) => query((db) => alike(db, name, visibleTo(db, viewer))),
    dependents: (name, options = {}) =>
      query((db) => dependents(db, name, options.limit, visibleTo(db, options.viewer))),
    starred: (user, viewer) => query((db) => starred(db, user, visibleTo(db, viewer))),
    stats: () =>
      query((db) => {
        const scopes = db
          .prepare(
            `SELECT ifnull(scope, '') AS scope, count(*) AS packages, sum(versions) AS versions, sum(size) AS bytes
             FROM names WHERE versions > 0 GROUP BY 1 ORDER BY 1`,
          )
          .all() as unknown as {
          scope: string;
          packages: number;
          versions: number;
          bytes: number;
        }[];
        const total = (key: "packages" | "versions" | "bytes") =>
          scopes.reduce((sum, each) => sum + each[key], 0);
        return {
          packages: total("packages"),
          versions: total("versions"),
          bytes: total("bytes"),
          ...storedBytes(db),
          scopes: scopes.map(({ scope, packages, bytes }) => ({ scope, packages, bytes })),
        };
      }),
    schema: () =>
      query((db) =>
        db
          .prepare(
            `SELECT type, name, sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND name NOT LIKE 'search_%' ORDER BY rowid`,
          )
          .all(),
      ) as unknown as { type: string; name: string; sql: string }[],
    async noteSecrets(rows) {
      const fresh = await freshRecords(db, rows);
      await whenFree(() => writeSecretRows(db, rows, fresh), closing.signal);
    },
    secretStats: (now) => query((db) => secretStats(db, now)),
    noteCache: (entries) => whenFree(() => writeCacheRows(db, entries), closing.signal),
    close() {
      closing.abort(new CitadelError("E_CANCELLED", "the catalog was closed"));
      if (db.isOpen) db.close();
    },
  };
}

/** @see {@link Catalog.stats} */
function storedBytes(db: DatabaseSync): { storedBytes: number; smallBytes: number } {
  const sums = db
    .prepare(
      "SELECT sum(stored_size) AS all_of, sum(iif(size <= ?, stored_size, 0)) AS small FROM packages",
    )
    .get(smallBlob);
  return { storedBytes: Number(sums?.["all_of"]), smallBytes: Number(sums?.["small"]) };
}

const isDamage = (error: unknown) =>
  error instanceof SyntaxError || ["E_INTEGRITY", "E_HISTORY"].includes(errorCode(error) ?? "");

/** `work` over `items`, at most `width` under way, results in order. */
async function* mapped<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for (const item of items) {
    const result = work(item);
    // Nobody waits for the later ones once an earlier one has failed.
    result.catch(() => {});
    running.push(result);
    if (running.length >= width) yield await (running.shift() as Promise<R>);
  }
  while (running.length > 0) yield await (running.shift() as Promise<R>);
}
