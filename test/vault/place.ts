import { join } from "node:path";
import memory from "@citadel/driver-memory";
import { openStore } from "@citadel/core/store";
import type { Driver } from "@citadel/core/driver";
import { openVault, type Vault } from "@citadel/core/vault";
import { onTestFinished } from "vitest";
import { tempFolder } from "../support/temp.ts";

export const passphrase = "correct horse battery";

export interface Place {
  readonly driver: Driver;
  /** of the machine */
  readonly folder: string;
  /** opens it anew, as the next command would; another machine with `folder` */
  open(options?: { readonly folder?: string; readonly passphrase?: string }): Vault;
}

/** A store in memory and a folder of one machine. */
export async function place(): Promise<Place> {
  const temp = await tempFolder("vault");
  onTestFinished(() => temp.remove());
  const driver = memory(new URL("memory:"));
  await driver.open();
  const own = join(temp.path, "vault");
  return {
    driver,
    folder: own,
    open: ({ folder = own, passphrase: word = passphrase } = {}) =>
      openVault({
        store: openStore({ driver, grace: 60_000, memory: 1e6 }),
        folder,
        storeId: "test",
        who: { name: "local", via: "cli" },
        passphrase: async () => word,
      }),
  };
}

/** Everything in the store, by key. */
export async function contents(driver: Driver): Promise<Map<string, Buffer>> {
  const all = new Map<string, Buffer>();
  for (let after: string | undefined; ;) {
    const page = await driver.list(after === undefined ? {} : { after });
    for (const { key } of page.entries) {
      const item = await driver.get(key);
      if (item) all.set(key, Buffer.from(item.body));
    }
    if (page.next === undefined) return all;
    after = page.next;
  }
}

/** Makes the store hold exactly this again. */
export async function bringBack(driver: Driver, all: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const key of (await contents(driver)).keys()) if (!all.has(key)) await driver.delete(key);
  for (const [key, bytes] of all) await driver.put(key, bytes);
}
