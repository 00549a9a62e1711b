import type { DatabaseSync } from "node:sqlite";
import { transaction } from "../sqlite.ts";

/** A secret as SQL can ask for it; its value is sealed. */
export interface SecretRow {
  readonly name: string;
  readonly scope: string;
  readonly type: string;
  /** ms since 1970 */
  readonly created: number;
  readonly updated: number;
  readonly expires?: number;
  /** SHA-256 (base64url) of the sealed record */
  readonly record: string;
  /** undefined: it is gone */
  sealed(): Promise<Uint8Array | undefined>;
}

/** What the table `secrets` adds up to. */
export interface SecretStats {
  readonly total: number;
  readonly expired: number;
  readonly scopes: readonly {
    readonly scope: string;
    readonly secrets: number;
    readonly expired: number;
  }[];
}

/** Records that the table has not got yet, with their bytes. */
export async function freshRecords(
  db: DatabaseSync,
  rows: readonly SecretRow[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const known = new Set(
    db
      .prepare("SELECT record FROM secrets")
      .all()
      .map(({ record }) => record),
  );
  const fresh = new Map<string, Uint8Array>();
  for (const { record, sealed } of rows) {
    const bytes = known.has(record) ? undefined : await sealed();
    if (bytes) fresh.set(record, bytes);
  }
  return fresh;
}

/** Makes the table `secrets` hold these rows and no others, of which nothing is left in the file or its journal. */
export function writeSecretRows(
  db: DatabaseSync,
  rows: readonly SecretRow[],
  fresh: ReadonlyMap<string, Uint8Array>,
): void {
  db.exec("PRAGMA secure_delete = ON");
  try {
    replaceRows(db, rows, fresh);
  } finally {
    db.exec("PRAGMA secure_delete = OFF");
  }
  // while another process reads the journal it stays; the next change empties it, or the last process to close it
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function replaceRows(
  db: DatabaseSync,
  rows: readonly SecretRow[],
  fresh: ReadonlyMap<string, Uint8Array>,
): void {
  transaction(db, () => {
    const known = db.prepare("SELECT record, sealed FROM secrets").all();
    const sealed = new Map([
      ...known.map((row) => [row["record"], row["sealed"]] as [string, Uint8Array]),
      ...fresh,
    ]);
    db.exec("DELETE FROM secrets");
    const insert = db.prepare("INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const { name, scope, type, created, updated, expires, record } of rows) {
      const bytes = sealed.get(record);
      if (bytes) insert.run(name, scope, type, created, updated, expires ?? null, record, bytes);
    }
  });
}

/** @param now ms since 1970 */
export function secretStats(db: DatabaseSync, now: number): SecretStats {
  const scopes = db
    .prepare(
      `SELECT scope, count(*) AS secrets, count(CASE WHEN expires_at <= ? THEN 1 END) AS expired
       FROM secrets GROUP BY scope ORDER BY scope`,
    )
    .all(now) as unknown as SecretStats["scopes"];
  const total = (key: "secrets" | "expired") => scopes.reduce((sum, each) => sum + each[key], 0);
  return {
    total: total("secrets"),
    expired: total("expired"),
    scopes: scopes.map((row) => ({ ...row })),
  };
}
