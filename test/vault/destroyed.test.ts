import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import sqlite from "@citadel/driver-sqlite";
import { expect, onTestFinished, test } from "vitest";
import { run as grep } from "../support/run.ts";
import { until } from "../support/until.ts";
import { seat } from "./seat.ts";

test("D1, attack: of a destroyed version nothing is left in the database, its journal, or the catalog, while others have them open", async () => {
  const { home, run, json, fill } = await seat();
  // a server that stays, so that closing the last connection cleans up nothing
  const store = join(home, "data", "registry.db");
  const driver = sqlite(new URL(`sqlite:${store}`));
  await driver.open();
  onTestFinished(() => driver.close());
  await driver.list({});
  await fill({ "default/a": "one", "default/b": "kept" });
  const { path } = await json(["local:db-schema"]);
  const catalog = new DatabaseSync(String(path));
  onTestFinished(() => catalog.close());
  const sealed = (name: string) => {
    const row = catalog.prepare("SELECT sealed FROM secrets WHERE name = ?").get(name);
    return JSON.parse(Buffer.from(row?.["sealed"] as Uint8Array).toString()) as {
      ciphertext: string;
    };
  };
  const [doomed, kept] = [sealed("a").ciphertext, sealed("b").ciphertext];
  await fill({ "default/a": "two" });
  // by another process: closing a file of a database here would drop the locks that this one has on it
  const holding = async (text: string) =>
    (await grep("grep", ["-rlaF", text, join(home, "data")])).stdout.split("\n").filter(Boolean);
  expect(await holding(doomed)).not.toEqual([]);

  const destroyed = await run(["secrets:destroy", "a", "--versions", "1", "--yes"]);
  expect(destroyed.code, destroyed.output).toBe(0);
  expect(await holding(doomed)).toEqual([]);
  expect((await holding(kept)).length).toBeGreaterThan(1);
});

test("D1: while somebody reads the journal the deletion is done, and the next sweep empties it", async () => {
  const { path } = await seat();
  const file = join(path, "other.db");
  const driver = sqlite(new URL(`sqlite:${file}?journal=wal`));
  await driver.open();
  onTestFinished(() => driver.close());
  const canary = Buffer.from("canary-of-what-is-to-be-forgotten");
  await driver.put("m/x", canary);
  const reader = new DatabaseSync(file);
  onTestFinished(() => reader.close());
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM entry").get();
  await driver.delete("m/x", { forget: true, timeoutMs: 50 });
  expect(await driver.head("m/x")).toBeUndefined();
  const left = async () =>
    (await grep("grep", ["-laF", String(canary), file, `${file}-wal`])).stdout !== "";
  expect(await left()).toBe(true);
  reader.exec("COMMIT");
  await driver.sweep?.();
  await until(async () => !(await left()));
});
