import type { Driver, Key } from "./driver/index.ts";
import type { Notices } from "./notices/notices.ts";

/** when a good one ended last; no document: it says nothing of the registry */
const key: Key = "n/backup";

/** How a backup went, as whoever made it says. */
export interface Backup {
  readonly ok: boolean;
  /** where it lies, in words */
  readonly place?: string;
}

/** Backups are made by programs around a server; here they say how it went. */
export interface Backups {
  /** One has ended now: hooks are told, and a good one is remembered. */
  finished(backup: Backup): Promise<void>;
  /** ms since 1970 when a good one ended last; undefined: never */
  last(): Promise<number | undefined>;
}

export const createBackups = (driver: Driver, notices: Pick<Notices, "note">): Backups => ({
  async finished({ ok, place }) {
    if (ok) await driver.put(key, Buffer.from(JSON.stringify({ v: 1, at: Date.now() })));
    await notices.note("backup.finished", {
      result: ok ? "ok" : "failed",
      ...(place !== undefined && { place }),
    });
  },
  async last() {
    const item = await driver.get(key);
    return item && (JSON.parse(Buffer.from(item.body).toString()) as { at: number }).at;
  },
});
