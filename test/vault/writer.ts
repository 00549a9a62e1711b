// A process of its own that sets one secret many times, in the vault that a test has made.
import type { DriverFactory } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { openVault } from "@citadel/core/vault";

const [module = "", url = "", folder = "", file = "", name = "", count = ""] =
  process.argv.slice(2);
const { default: factory } = (await import(module)) as { default: DriverFactory };
const driver = factory(new URL(url));
await driver.open();
const store = openStore({ driver, grace: 60_000, memory: 1e6 });
const vault = openVault({
  ...{ store, folder, storeId: "test", who: { name, via: "cli" } },
  ...{ passphrase: async () => "", from: { file } },
});
for (let i = 1; i <= Number(count); i++) {
  const { version } = await vault.set({ name: "shared" }, Buffer.from(`${name} ${i}`));
  console.log(version);
}
await store.close();
