import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { storeCode, type Driver, type Key } from "@citadel/core/driver";
import { LocalRegistry } from "@citadel/plugin-local";
import { bin } from "../cli/cli.ts";
import { citadelEnv } from "./citadel.ts";

/** Every key with the hash of its bytes, its meta and its expiry. */
export async function inventory(driver: Driver): Promise<Record<Key, string>> {
  const all: Record<Key, string> = {};
  let after: Key | undefined;
  do {
    const page = await driver.list(after === undefined ? {} : { after });
    for (const { key } of page.entries) {
      const item = await driver.get(key);
      const hash = createHash("sha256").update(item!.body).digest("hex");
      all[key] = JSON.stringify([hash, item!.expires ?? null, item!.meta ?? {}]);
    }
    after = page.next;
  } while (after !== undefined);
  return all;
}

/** Publishes so many packages, small and large, some of them with two versions. */
export async function fill(home: string, store: string, packages: number): Promise<void> {
  await using registry = await LocalRegistry.open({ home, store });
  for (let n = 0; n < packages; n++) {
    // one in 65,536 would begin as a tarball does
    const content = Buffer.concat([Buffer.of(0), randomBytes(n % 20 === 0 ? 300_000 : 500 + n)]);
    await registry.publishPackage(`p${n}`, "1.0.0", "demo", content);
    if (n % 10 === 0) await registry.publishPackage(`p${n}`, "1.1.0", "demo", `content ${n}`);
  }
}

/** Starts a copy and kills it as soon as `enough` of it has arrived in `target`; whether it was still running. */
export async function interrupted(
  home: string,
  [from, to]: readonly [string, string],
  target: Driver,
  enough: (driver: Driver) => Promise<boolean>,
): Promise<boolean> {
  const child = spawn(process.execPath, [bin, "store:copy", from, to, "--yes"], {
    env: citadelEnv(home),
    stdio: "ignore",
  });
  const ended = once(child, "close");
  while (child.exitCode === null && !(await enough(target))) await pause(20);
  child.kill("SIGKILL");
  await ended;
  return child.signalCode === "SIGKILL";
}

/** Whether a store has so many keys below a prefix, at most 1000. */
export const some =
  (prefix: string, count: number) =>
  async (driver: Driver): Promise<boolean> => {
    try {
      return (await driver.list({ prefix, limit: count })).entries.length === count;
    } catch (error) {
      if (storeCode(error) === "UNAVAILABLE") return false;
      throw error;
    }
  };
