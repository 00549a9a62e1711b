import type { DatabaseSync } from "node:sqlite";
import type { CacheRow } from "../cache/types.ts";
import { transaction } from "../sqlite.ts";

/** Makes the table `cache` hold these rows and no others. */
export function writeCacheRows(db: DatabaseSync, rows: readonly CacheRow[]): void {
  transaction(db, () => {
    db.exec("DELETE FROM cache");
    const insert = db.prepare(
      `INSERT OR REPLACE INTO cache (key, size, integrity, timestamp, ttl, access_count, last_accessed)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const { key, size, integrity, timestamp, ttl, access_count, last_accessed } of rows)
      insert.run(key, size, integrity, timestamp, ttl, access_count, last_accessed);
  });
}
