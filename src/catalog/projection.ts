import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { segment } from "../driver/key.ts";
import type { PackageState, VersionRecord } from "../registry/types.ts";
import { infoOf } from "./rows.ts";
import type { Need } from "./summary.ts";
import { transaction } from "../sqlite.ts";
import type { Stored } from "./stored.ts";
import type { PackageRow } from "./types.ts";

/** A version as the table `packages` has it. */
export interface VersionRow {
  readonly uuid: string;
  readonly version: string;
  readonly record: VersionRecord;
  readonly stored: Stored;
}

/** One document as it is to stand in the catalog. */
export interface Fold {
  readonly name: string;
  /** etag of the row when the document was read; the fold is dropped when another process was faster */
  readonly before: string | undefined;
  /** undefined: the document is gone */
  readonly after?: {
    readonly etag: string;
    readonly state: PackageState;
    /** undefined when no version is live */
    readonly row: PackageRow | undefined;
    /** names of the programs of the version that stands for the package */
    readonly programs: readonly string[];
    /** what that version depends on */
    readonly needs: readonly Need[];
    /** versions that are new or have changed since `before` */
    readonly written: readonly VersionRow[];
    /** versions that are live no more, or everything that is not in `state` when unknown */
    readonly removed: readonly string[] | "rest";
  };
}

/** Writes of the catalog, each one statement away from SQLite. */
export function projection(db: DatabaseSync) {
  const byName = db.prepare("SELECT id, etag FROM names WHERE name = ?");
  const taken = db.prepare("SELECT 1 FROM names WHERE id = ? AND name <> ?");
  const dropName = db.prepare("DELETE FROM names WHERE id = ?");
  const dropText = db.prepare("DELETE FROM search WHERE rowid = ?");
  const addName = db.prepare(
    `INSERT INTO names (id, name, key, etag, scope, bare, version, versions, size, created, modified, deprecated, restricted, info)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const dropHolders = db.prepare("DELETE FROM holders WHERE id = ?");
  const addHolder = db.prepare(
    "INSERT OR REPLACE INTO holders (kind, who, id, write) VALUES (?, ?, ?, ?)",
  );
  const dropPrograms = db.prepare("DELETE FROM programs WHERE id = ?");
  const addProgram = db.prepare("INSERT OR REPLACE INTO programs (program, id) VALUES (?, ?)");
  const dropNeeds = db.prepare("DELETE FROM needs WHERE id = ?");
  const addNeed = db.prepare(
    "INSERT OR REPLACE INTO needs (name, id, kind, range) VALUES (?, ?, ?, ?)",
  );
  const addText = db.prepare(
    "INSERT INTO search (rowid, name, keywords, description, author, maintainers) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const addVersion = db.prepare(
    `INSERT OR REPLACE INTO packages
     (uuid, name, version, scope, metadata, integrity, compressed, encrypted, size, stored_size, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const dropVersion = db.prepare("DELETE FROM packages WHERE name = ? AND version = ?");
  const dropVersions = db.prepare(
    "DELETE FROM packages WHERE name = ? AND version NOT IN (SELECT value FROM json_each(?))",
  );
  const known = db.prepare("SELECT version, metadata FROM packages WHERE name = ?");
  const inRange = db.prepare("SELECT name, etag FROM names WHERE key > ? AND key <= ?");

  const etagOf = (name: string) => byName.get(name)?.["etag"] as string | undefined;

  function write({ name, after }: Fold) {
    const old = byName.get(name)?.["id"] as number | undefined;
    if (old !== undefined) {
      dropName.run(old);
      dropText.run(old);
      dropHolders.run(old);
      dropPrograms.run(old);
      dropNeeds.run(old);
    }
    if (!after) {
      dropVersions.run(name, "[]");
      return;
    }
    const { etag, state, row, programs, needs, written, removed } = after;
    const bare = name.slice(name.indexOf("/") + 1);
    const scope = name.startsWith("@") ? name.slice(1, name.indexOf("/")) : null;
    const modified = row?.modified ?? state.created;
    let id = rowId(modified, name);
    while (taken.get(id, name)) id++;
    addName.run(
      id,
      name,
      segment(name),
      etag,
      scope,
      bare,
      row?.version ?? "",
      row?.versions ?? 0,
      row?.size ?? 0,
      state.created,
      modified,
      row?.deprecated ?? null,
      Number(state.visibility === "restricted"),
      row ? infoOf(row) : "{}",
    );
    for (const owner of state.owners) addHolder.run("owner", owner, id, 1);
    for (const [team, right] of state.teams ?? [])
      addHolder.run("team", team, id, Number(right === "write"));
    for (const user of state.stars) addHolder.run("star", user, id, 0);
    for (const program of programs) addProgram.run(program, id);
    for (const { name: needed, kind, range } of needs) addNeed.run(needed, id, kind, range);
    if (row)
      addText.run(
        id,
        // `socket.io` is also found as `socketio`.
        `${name} ${bare.replace(/[^\p{L}\p{N}]/gu, "")}`,
        row.keywords.join("\n"),
        row.description,
        `${row.author ?? ""} ${row.publisher}`,
        row.maintainers.join("\n"),
      );
    for (const { uuid, version, record, stored } of written)
      addVersion.run(
        uuid,
        name,
        version,
        scope,
        metadataOf(record),
        record.integrity,
        Number(stored.compressed),
        Number(stored.encrypted),
        record.size,
        stored.size ?? record.size,
        record.time,
        record.time,
      );
    if (removed === "rest") dropVersions.run(name, JSON.stringify([...state.versions.keys()]));
    else for (const version of removed) dropVersion.run(name, version);
  }

  return {
    etagOf,
    /** What the table holds of a package: version → metadata. */
    versionsOf: (name: string) =>
      new Map(
        known
          .all(name)
          .map((row) => [row["version"] as string, row["metadata"] as string] as const),
      ),
    /** Name → etag of the rows whose keys lie after `after` and up to `upTo`. */
    between: (after: string, upTo: string | undefined) =>
      new Map(
        inRange
          .all(segment(after), upTo === undefined ? "\u{10ffff}" : segment(upTo))
          .map((row) => [row["name"] as string, row["etag"] as string] as const),
      ),
    /** Writes all in one transaction, but for those that another process wrote since; returns the ones written. */
    apply: (folds: readonly Fold[]): Fold[] =>
      transaction(db, () => {
        const fresh = folds.filter(({ name, before }) => etagOf(name) === before);
        fresh.forEach(write);
        return fresh;
      }),
  };
}

/** What `packages.metadata` holds; alike for a record just published and the same one read back. */
export const metadataOf = ({ manifest, size, by, readme, deprecated }: VersionRecord): string =>
  JSON.stringify({ manifest, size, by, readme, deprecated });

/** Seconds of `modified` above 20 bits of the name's hash: newer is greater, and a rebuild gives the same. */
function rowId(modified: number, name: string): number {
  const hash = createHash("sha256").update(name).digest().readUIntBE(0, 3) >> 4;
  return Math.max(0, Math.trunc(modified / 1000)) * 2 ** 20 + hash;
}
