import { randomUUID } from "node:crypto";
import type { Driver } from "../driver/driver.ts";
import { walk } from "../store/walk.ts";

const prefix = "n/token-use/";
const minute = 60_000;
/** ms between two writes */
const pause = 10_000;
/** ms that a day is remembered */
const kept = 400 * 24 * 3_600_000;

/** When tokens were used last, to the minute. What the last seconds before a crash saw may be missing. */
export interface Uses {
  note(id: string): void;
  /** ms since 1970 by token id, of all servers; those that were not used are missing */
  lastUsed(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** writes what was noted */
  close(): Promise<void>;
}

/**
 * Each process writes its own documents, one a day (`n/token-use/<day>/<process>`), so that no two ever wait for each other;
 * who asks takes the newest of all.
 */
export function createUses(driver: Driver): Uses {
  const me = randomUUID().slice(0, 13);
  const others = new Map<
    string,
    { readonly etag: string; readonly uses: ReadonlyMap<string, number> }
  >();
  let day = "";
  let mine = new Map<string, number>();
  let changed = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (!changed) return writing;
    changed = false;
    const key = `${prefix}${day}/${me}`;
    const body = Buffer.from(JSON.stringify(Object.fromEntries(mine)));
    const expires = driver.caps.ttl === "none" ? {} : { expires: Date.now() + kept };
    writing = writing
      .then(() => driver.put(key, body, { ...expires, relaxed: true }))
      // only a time to look at; the next write has it
      .then(
        () => {},
        () => void (changed = true),
      );
    return writing;
  };

  return {
    note(id) {
      const now = Math.floor(Date.now() / minute);
      if (mine.get(id) === now) return;
      const today = new Date(now * minute).toISOString().slice(0, 10);
      if (today !== day) {
        void write();
        day = today;
        mine = new Map();
      }
      mine.set(id, now);
      changed = true;
      timer ??= setTimeout(() => void write(), pause).unref();
    },

    async lastUsed(ids) {
      const wanted = new Set(ids);
      const found = new Map<string, number>();
      const take = (uses: ReadonlyMap<string, number>): void => {
        for (const [id, at] of uses)
          if (wanted.has(id)) found.set(id, Math.max(at * minute, found.get(id) ?? 0));
      };
      for await (const { key, etag } of walk(driver, prefix)) {
        if (key.endsWith(me) && key.includes(day)) continue;
        const known = others.get(key);
        if (known && known.etag === etag) take(known.uses);
        else {
          const item = await driver.get(key);
          if (!item) continue;
          const uses = parse(item.body);
          others.set(key, { etag: item.etag, uses });
          take(uses);
        }
      }
      take(mine);
      return found;
    },

    close: write,
  };
}

function parse(body: Uint8Array): ReadonlyMap<string, number> {
  const value: unknown = JSON.parse(Buffer.from(body).toString());
  return new Map(
    Object.entries(typeof value === "object" && value !== null ? value : {}).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    ),
  );
}
