import { setTimeout as pause } from "node:timers/promises";
import { storeCode, type Driver, type Entry, type Key } from "../driver/index.ts";

const ATTEMPTS = 6;

/**
 * Stores an object whose key says what it holds, so that doing it twice does it once. One that lies there already is
 * put again when it is older than `refresh` ms, so that a collection under way lets it be, or has the wrong size.
 *
 * @param put stores it, under the condition that nothing is there when asked so
 * @throws what the driver says when it cannot be written
 */
export async function keep(
  driver: Driver,
  key: Key,
  size: number,
  refresh: number,
  put: (condition: { readonly ifAbsent?: true }) => Promise<Entry>,
): Promise<void> {
  // a store without conditions can still hold what never changes
  let condition: { ifAbsent?: true } = driver.caps.cas === "none" ? {} : { ifAbsent: true };
  for (let attempt = 1; ; attempt++) {
    try {
      await put(condition);
      return;
    } catch (error) {
      const code = storeCode(error);
      if (code === "CONFLICT") {
        const found = await driver.head(key);
        if (found?.size === size && found.modified > Date.now() - refresh) return;
        // old, damaged, or taken away since: without a condition the next put makes it new
        condition = {};
        if (attempt < ATTEMPTS) continue;
      }
      if (attempt >= ATTEMPTS || (code !== "UNKNOWN" && code !== "UNAVAILABLE")) throw error;
      await pause(Math.random() * 8 * 2 ** attempt);
    }
  }
}
