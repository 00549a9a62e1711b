import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DriverFactory } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { newIdentity, openVault, secretText } from "@citadel/core/vault";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { run } from "../support/run.ts";
import { startStores } from "../support/stores.ts";
import { tempFolder } from "../support/temp.ts";
import { passphrase, place } from "./place.ts";

const { stores, stop } = await startStores(["Redis", "PostgreSQL", "S3"]);
afterAll(stop);

const table: [driver: string, store: (folder: string) => string | undefined][] = [
  ["sqlite", (folder) => `sqlite:${join(folder, "one.db")}`],
  ["file", (folder) => `file:${join(folder, "one")}`],
  ["redis", (folder) => stores.Redis?.(folder)["CITADEL_STORE"]],
  ["postgres", (folder) => stores.PostgreSQL?.(folder)["CITADEL_STORE"]],
  ["s3", (folder) => stores.S3?.(folder)["CITADEL_STORE"]],
];

test.each(table)(
  "vault attack 8: two processes set one secret 50 times each, %s: no lost version",
  async (name, storeIn) => {
    const temp = await tempFolder("vault-parallel");
    onTestFinished(() => temp.remove());
    const url = storeIn(temp.path);
    // its server is not on this machine
    if (url === undefined) return;
    const module = import.meta.resolve(`@citadel/driver-${name}`);
    const folder = join(temp.path, "vault");
    const identity = await newIdentity();
    const open = async () => {
      const { default: factory } = (await import(module)) as { default: DriverFactory };
      const driver = factory(new URL(url));
      await driver.open();
      const store = openStore({ driver, grace: 60_000, memory: 1e6 });
      const vault = openVault({
        ...{ store, folder, storeId: "test", who: { name: "test", via: "cli" } },
        ...{ passphrase: async () => passphrase, from: { known: identity } },
      });
      return { store, vault };
    };
    const made = await open();
    await made.vault.init();
    await made.store.close();
    const file = join(temp.path, "identity");
    await writeFile(file, secretText(identity), { mode: 0o600 });

    const writer = join(import.meta.dirname, "writer.ts");
    const ran = await Promise.all(
      ["ann", "bob"].map((who) =>
        run(process.execPath, [writer, module, url, folder, file, who, "50"]),
      ),
    );
    for (const { code, output } of ran) expect(code, output).toBe(0);
    const numbers = ran.flatMap(({ stdout }) => stdout.trim().split("\n").map(Number));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));

    const { store, vault } = await open();
    const values: string[] = [];
    for (let version = 1; version <= 100; version++)
      values.push((await vault.get({ name: "shared" }, { version })).value.toString());
    for (const who of ["ann", "bob"])
      expect(values.filter((value) => value.startsWith(who))).toEqual(
        Array.from({ length: 50 }, (_, i) => `${who} ${i + 1}`),
      );
    expect((await vault.audit({ verify: true })).problems).toEqual([]);
    await store.close();
  },
);

test("vault attack 8: 50 sets at once in one process, no lost version", async () => {
  const { open } = await place();
  await open().init();
  const [one, two] = [open(), open()];
  const done = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      (i % 2 ? one : two).set({ name: "shared" }, Buffer.from(`value ${i}`)),
    ),
  );
  const numbers = done.map(({ version }) => version).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});
