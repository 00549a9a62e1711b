import { Agent } from "node:http";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect } from "vitest";

import { type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { pack, packument, publishDocument, put, sha512, tarballOf } from "../support/packages.ts";

const { citadel } = oneProcess();

/** One publish that was tried, and what its client heard. */
export interface Tried {
  readonly name: string;
  readonly version: string;
  readonly tarball: Buffer;
  /** the answer was a success; false: a refusal or no answer at all */
  acknowledged: boolean;
}

/** A version with content of its own; every fifth is too large for the documents driver. */
export function draft(name: string, version: string, serial: number): Tried {
  const filler = Buffer.alloc(serial % 5 === 4 ? 90_000 : 500, `${name}@${version} `);
  for (let i = 0; i < filler.length; i += 3) filler[i] = (i * serial * 31) & 0xff;
  const tarball = pack({ name, version }, { "filler.bin": filler }, 0);
  return { name, version, tarball, acknowledged: false };
}

/** Publishes all of them, `parallel` at a time, until done or the server is gone; notes what was acknowledged. */
export async function publishAll(
  server: Server,
  token: string,
  all: readonly Tried[],
  parallel: number,
): Promise<void> {
  const queue = [...all];
  const agent = new Agent({ keepAlive: true, maxSockets: parallel });
  const worker = async () => {
    for (let one = queue.shift(); one && server.alive(); one = queue.shift()) {
      const { name, version, tarball } = one;
      const document = publishDocument(server.url, { name, version }, tarball);
      const answer = await put(server.url, token, document, agent).catch(() => undefined);
      if (answer && answer.status >= 300)
        throw new Error(`${one.name}@${one.version}: ${answer.status} ${answer.text()}`);
      one.acknowledged = answer !== undefined;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  agent.destroy();
}

/** Every acknowledged version is there; every other is there in full or not at all. Returns how many are there. */
export async function nothingHalf(server: Server, tried: readonly Tried[]): Promise<number> {
  let there = 0;
  for (const name of new Set(tried.map((one) => one.name))) {
    const full = await packument(server.url, name);
    const short = await packument(server.url, name, { form: "short" });
    expect(Object.keys(short?.versions ?? {})).toEqual(Object.keys(full?.versions ?? {}));
    for (const { version, tarball, acknowledged } of tried.filter((one) => one.name === name)) {
      const what = `${name}@${version}, ${acknowledged ? "acknowledged" : "not acknowledged"}`;
      const listed = full?.versions[version];
      if (acknowledged) expect(listed, what).toBeDefined();
      if (full && listed) {
        there++;
        expect(listed.dist.integrity, what).toBe(sha512(tarball));
        expect(short?.versions[version]?.dist.integrity, what).toBe(sha512(tarball));
        expect((await tarballOf(server.url, full, version)).equals(tarball), what).toBe(true);
      } else {
        const file = await request(`${server.url}/${name}/-/${name}-${version}.tgz`);
        expect(file.status, what).toBe(404);
        expect((await request(`${server.url}/${name}/${version}`)).status, what).toBe(404);
      }
    }
  }
  return there;
}

/** `citadel verify` finds no damage; returns how many of each kind of object it checked. */
export async function sound(home: string): Promise<Record<string, number>> {
  const ran = await citadel(home, ["verify", "--json"]);
  expect(ran.code, ran.output).toBe(0);
  const { items, checked } = JSON.parse(ran.stdout) as {
    items: unknown[];
    checked: Record<string, number>;
  };
  expect(items).toEqual([]);
  return checked;
}

/** The collector, without a grace time, leaves the objects of the versions and not one more. */
export async function collected(home: string, versions: number): Promise<void> {
  const env = { CITADEL_STORE_GRACE: "0s" };
  const ran = await citadel(home, ["local:cleanup", "--json"], { env });
  expect(ran.code, ran.output).toBe(0);
  const left = await stored(home);
  expect(left.filter((key) => key.startsWith("b/"))).toHaveLength(versions);
  expect(left.filter((key) => key.startsWith("m/"))).toHaveLength(versions);
  const again = await citadel(home, ["local:cleanup", "--json"], { env });
  expect(JSON.parse(again.stdout)).toMatchObject({
    objects: { removed: 0 },
    temporary: { removed: 0 },
  });
  expect(await sound(home)).toMatchObject({ blobs: versions, manifests: versions });
}

/** All keys of the default store as they lie on the disk, but for counts: the table of registry.db, and the files of blobs/. */
export async function stored(home: string): Promise<string[]> {
  const data = join(home, "data");
  const database = new DatabaseSync(join(data, "registry.db"), { readOnly: true });
  const keys = database
    .prepare("SELECT key FROM entry")
    .all()
    .map(({ key }) => String(key));
  database.close();
  const files = join(data, "blobs/keys");
  const entries = await readdir(files, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries)
    if (entry.isFile()) keys.push(join(entry.parentPath, entry.name).slice(files.length + 1));
  // counts, also of wrong passwords, are no part of what was asked for
  return keys.filter((key) => !/^[cnt]\//.test(key)).sort();
}
