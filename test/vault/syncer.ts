// A process of its own that brings two stores to the same state, and dies by SIGKILL at the n-th change of one of them.
import type { Driver } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { openVault } from "@citadel/core/vault";
import file from "@citadel/driver-file";

const [own = "", other = "", folder = "", identity = "", count = ""] = process.argv.slice(2);
const changing: readonly string[] = ["put", "write", "delete"];
let left = Number(count);

/** Dies before the change on odd counts, after it on even ones. */
function deadly(driver: Driver): Driver {
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (!changing.includes(String(name))) return method;
      return async (...args: unknown[]) => {
        if (--left === 0) process.kill(process.pid, "SIGKILL");
        const result = await method(...args);
        if (--left === 0) process.kill(process.pid, "SIGKILL");
        return result;
      };
    },
  });
}

const open = async (path: string) => {
  const driver = file(new URL(`file:${path}`));
  await driver.open();
  return openStore({ driver: deadly(driver), grace: 60_000, memory: 1e6 });
};
const vault = openVault({
  ...{ store: await open(own), folder, storeId: "test", who: { name: "local", via: "cli" } },
  ...{ passphrase: async () => "", from: { file: identity } },
});
const { ahead, behind } = await vault.sync({
  url: "file:",
  id: "replica",
  store: await open(other),
});
console.log(JSON.stringify({ ahead, behind }));
process.exit(0);
