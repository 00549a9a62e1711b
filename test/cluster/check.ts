import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";

import { seat } from "../clients/client.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools } from "../support/clients.ts";
import { until } from "../support/until.ts";
import type { Cluster } from "./cluster.ts";
import { differences, freshnessOf, searched, type Storm } from "./storm.ts";

const { citadel } = oneProcess();

/** Everything acknowledged is there, once, through every server, in the search too; and the store is sound. */
export async function check(
  storm: Storm,
  {
    urls,
    env,
    folder,
    log,
    ...cluster
  }: Pick<Cluster, "urls" | "env" | "folder" | "log"> & Partial<Cluster>,
  bound: number,
): Promise<void> {
  const { acknowledged, reads, installs, failures } = storm;
  console.log(
    `${acknowledged} publishes, ${reads} reads, ${installs} npm installs; ${cluster.kills?.() ?? "some"} servers killed, ${failures} requests tried again`,
  );
  expect(storm.violations).toEqual([]);
  expect(acknowledged).toBeGreaterThan(20);
  expect(reads).toBeGreaterThan(20);
  await cluster.settled?.();
  await sleep(bound);
  const names = [...storm.packages.keys()].toSorted();
  for (const url of urls()) {
    expect(await differences(url, storm)).toEqual([]);
    expect(await freshnessOf(url, "storm-shared")).toBe(bound > 0 ? `bounded=${bound}` : "strict");
    await until(async () => {
      const found = await searched(url);
      return names.every((name) => found.has(name));
    });
  }
  const verified = await citadel(join(folder, "home-0"), ["verify", "--json"], { env });
  expect(verified.code, verified.output).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ items: [] });
  expect(log()).not.toMatch(/E_FAILED|TypeError|UnhandledPromise/);
}

/** Installs `spec` with a real npm that has nothing in its caches; whether it worked. */
export const installer =
  ({ folder }: Pick<Cluster, "folder">) =>
  async (url: string, spec: string): Promise<boolean> => {
    const at = join(folder, `installer-${randomUUID()}`);
    const user = { name: "bob", password: "" };
    const npm = await seat(await clientTools(), "npm11", { folder: at, url }, user);
    await npm.client.configure();
    const { code } = await npm.client.add(join(at, "project"), [spec]);
    await rm(at, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    return code === 0;
  };

/** A real npm install of everything that the storm left, through one server. */
export async function installAll(storm: Storm, { urls, folder }: Cluster): Promise<void> {
  const [url = ""] = urls();
  const user = { name: "bob", password: "" };
  const npm = await seat(await clientTools(), "npm11", { folder, url }, user);
  await npm.client.configure();
  const ran = await npm.client.add(join(folder, "project"), [...storm.packages.keys()]);
  expect(ran.code, ran.output).toBe(0);
}
