import type { Driver } from "../driver/index.ts";
import { sha256 } from "./codec.ts";
import { Damage } from "./damage.ts";
import { keep } from "./immutable.ts";
import { manifestKey } from "./keys.ts";
import type { Crash, Manifests } from "./types.ts";

/** Manifests over a driver; `grace` in ms. */
export function openManifests(driver: Driver, grace: number, crash: Crash): Manifests {
  return {
    async put(bytes) {
      const hash = sha256(bytes);
      const key = manifestKey(hash);
      await keep(driver, key, bytes.byteLength, grace / 2, (condition) =>
        driver.put(key, bytes, { ...condition, relaxed: true }),
      );
      crash("manifest");
      return hash;
    },

    async get(hash) {
      const key = manifestKey(hash);
      const item = await driver.get(key);
      if (item && sha256(item.body) !== hash)
        throw new Damage("damaged", key, `the manifest ${key} is damaged: its SHA-256 is another`);
      return item?.body;
    },
  };
}
