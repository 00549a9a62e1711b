import { storeCode, type Driver, type Key } from "../driver/index.ts";
import { logger } from "../log.ts";
import { walk } from "../store/walk.ts";

const prefix = "n/notices/";
const keyOf = (seq: number): Key => `${prefix}${String(seq).padStart(12, "0")}`;
/** ms that a notice is kept */
const kept = 30 * 86_400_000;
/** notices after which old ones are looked for */
const tidying = 100;
/** turns of a note that others are faster than */
const attempts = 64;

/** What hooks are told of besides changes of packages that are published here. */
export const noticeTypes = [
  ...(["package.quarantined", "package.released"] as const),
  ...(["key.created", "key.revoked", "key.expiring"] as const),
  ...(["auth.failed_burst", "client.blocked", "alert.firing", "alert.resolved"] as const),
  ...(["config.changed", "backup.finished", "storage.quota"] as const),
] as const;
export type NoticeType = (typeof noticeTypes)[number];

export interface Notice {
  readonly seq: number;
  readonly type: NoticeType;
  /** ms since 1970 */
  readonly time: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What happened to a registry, in one order for all servers of a store, for 30 days. */
export interface Notices {
  /** Never rejects: what it is about has happened, whether anybody hears of it or not. */
  note(type: NoticeType, data: Notice["data"]): Promise<void>;
  /** Number of the newest. */
  newest(): Promise<number>;
  /** Those with a higher number, in order. */
  after(seq: number): AsyncIterable<Notice>;
  read(seq: number): Promise<Notice | undefined>;
}

/**
 * Notices at `n/notices/<number>`: each is written where there is none yet, so that of several writers one has a number.
 * @param noted hears of those of this process
 */
export function createNotices(driver: Driver, noted: () => void = () => {}): Notices {
  const log = logger("notices");
  let last = 0;

  const newest = async (): Promise<number> => {
    for await (const { key } of walk(driver, prefix, keyOf(last)))
      last = Number(key.slice(prefix.length));
    return last;
  };
  const read = async (seq: number): Promise<Notice | undefined> => {
    const item = await driver.get(keyOf(seq));
    return item && ({ seq, ...JSON.parse(Buffer.from(item.body).toString()) } as Notice);
  };
  const tidy = async (): Promise<void> => {
    for await (const { key } of walk(driver, prefix)) {
      const seq = Number(key.slice(prefix.length));
      const found = await read(seq);
      // the newest says how far the numbers have come
      if (seq === last || (found && Date.now() - found.time < kept)) return;
      await driver.delete(key);
    }
  };
  const append = async (notice: Omit<Notice, "seq">): Promise<void> => {
    const body = Buffer.from(JSON.stringify(notice));
    for (let n = 0; n < attempts; n++) {
      const seq = (await newest()) + 1;
      try {
        await driver.put(keyOf(seq), body, { ifAbsent: true });
        last = seq;
        if (seq % tidying === 0) await tidy();
        return;
      } catch (error) {
        const code = storeCode(error);
        // when the answer got lost it may be there twice
        if (code !== "CONFLICT" && code !== "UNKNOWN") throw error;
      }
    }
    throw new Error("too many others are faster");
  };

  return {
    newest,
    read,
    async note(type, data) {
      try {
        await append({ type, time: Date.now(), data });
        noted();
      } catch (error) {
        log("not noted", { type, error });
      }
    },
    async *after(seq) {
      for await (const { key } of walk(driver, prefix, keyOf(seq))) {
        const found = await read(Number(key.slice(prefix.length)));
        if (found) yield found;
      }
    },
  };
}
