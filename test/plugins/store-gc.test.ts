import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { LocalRegistry } from "@citadel/plugin-local";
import sqlite from "@citadel/driver-sqlite";
import { afterAll, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("store-gc");
afterAll(() => folder.remove());

test("A7: store:gc removes what nothing refers to, asks about a shorter grace, and keeps the rest", async () => {
  const home = join(folder.path, "home");
  const url = `sqlite:${folder.path}/store.db`;
  const lost = `b/sha512/aa/aa${"0".repeat(126)}`;
  {
    await using registry = await LocalRegistry.open({ home, store: url });
    await registry.publishPackage("kept", "1.0.0", "demo", "content");
    const driver = sqlite(new URL(url));
    await driver.open();
    await driver.put(lost, randomBytes(100));
    await driver.close();
  }
  const gc = async (...args: string[]) => {
    const ran = await citadel(home, ["store:gc", "--json", "--store", url, ...args]);
    return { code: ran.code, ...(JSON.parse(ran.stdout) as { items?: string[]; bytes?: number }) };
  };
  expect(await gc()).toMatchObject({ code: 0, items: [] });
  expect(await gc("--grace", "0", "-n")).toMatchObject({ code: 0, items: [lost], bytes: 100 });
  expect((await gc("--grace", "0")).code, "nobody can be asked").toBe(2);
  expect((await gc("--grace", "soon")).code).toBe(2);
  expect(await gc("--grace", "0", "--yes")).toMatchObject({ code: 0, items: [lost] });
  expect(await gc("--grace", "0", "--yes")).toMatchObject({ code: 0, items: [] });
  const sound = await citadel(home, ["verify", "--store", url]);
  expect(sound.code, sound.output).toBe(0);
  await using registry = await LocalRegistry.open({ home, store: url });
  const found = await registry.resolvePackage("demo", "kept", "1.0.0");
  expect(Buffer.from(await found.content()).toString()).toBe("content");
});
