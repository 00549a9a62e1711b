import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { storeCode, type Driver } from "@citadel/core/driver";
import { test } from "vitest";
import { tempFolder } from "../../support/temp.ts";
import { bodyOf, chunksOf } from "./content.ts";

const MiB = 1024 * 1024;

/** What every driver without a server promises, and only they can be asked for. */
export function defineEmbeddedTests(
  name: string,
  {
    url,
    open,
    leftovers,
  }: {
    /** a store below a folder */
    url(folder: string): string;
    open(url: URL): Driver;
    /** what is in the store below that folder besides its objects, by name; asked when it is closed and swept */
    leftovers(folder: string): Promise<readonly string[]>;
  },
): void {
  test(`${name}: H4: three processes, killed again and again, append to one document by compare-and-set: none is lost, none comes twice`, async () => {
    const temp = await tempFolder(`${name}-cas`);
    const acknowledged: string[] = [];
    const running = new Map<number, Child>();
    let started = 0;
    const start = (slot: number): void => {
      const one = child(url(temp.path), "append", `w${started++}`, (id) =>
        acknowledged.push(id as string),
      );
      running.set(slot, one);
    };
    for (const slot of [0, 1, 2]) start(slot);
    try {
      for (let round = 0; round < 10; round++) {
        const enough = acknowledged.length + 25;
        while (acknowledged.length < enough) await pause(10);
        await running.get(round % 3)!.kill();
        start(round % 3);
      }
    } finally {
      for (const one of running.values()) await one.kill();
    }
    const driver = open(new URL(url(temp.path)));
    await driver.open();
    const ids = JSON.parse(Buffer.from((await driver.get("d/chain"))!.body).toString()) as string[];
    assert.equal(new Set(ids).size, ids.length, "an id came twice");
    const there = new Set(ids);
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
    for (const writer of new Set(ids.map((id) => id.split(".")[0]))) {
      const numbers = ids
        .filter((id) => id.startsWith(`${writer}.`))
        .map((id) => Number(id.split(".")[1]));
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        "out of order",
      );
    }
    await driver.close();
    await temp.remove();
  });

  test(`${name}: H4: killed in the middle of puts and streams, every object is old or new and whole, and a sweep leaves nothing`, async () => {
    const temp = await tempFolder(`${name}-kill`);
    const acknowledged = new Map<string, number>();
    for (let round = 1; round <= 6; round++) {
      let said = 0;
      const one = child(url(temp.path), "fill", String(round), (value) => {
        const { key, seed } = value as { key: string; seed: number };
        acknowledged.set(key, seed);
        said++;
      });
      while (said < 4 + round) await pause(2);
      await pause(Math.random() * 30);
      await one.kill();
    }
    const driver = open(new URL(url(temp.path)));
    await driver.open();
    const seen = new Map<string, number>();
    for (const { key } of (await driver.list()).entries) {
      const item = (await driver.get(key))!;
      const seed = Number(item.meta?.["seed"]);
      assert.ok(Buffer.from(item.body).equals(bodyOf(seed, item.size)), `${key} is not whole`);
      seen.set(key, seed);
    }
    for (const [key, seed] of acknowledged) {
      const [, , n] = key.split("/");
      // the last write may have arrived without its acknowledgement
      if (key.startsWith("d/")) assert.ok(seen.get(key)! >= seed, `${key} went back`);
      else if (seen.has(key)) assert.equal(seen.get(key), seed);
      else assert.equal((Number(n) + 3) % 7, 6, `${key} is lost, and was not deleted on purpose`);
    }
    await driver.sweep!({ olderThanMs: 0 });
    assert.equal((await driver.sweep!({ olderThanMs: 0 })).removed, 0);
    await driver.close();
    assert.deepEqual(await leftovers(temp.path), []);
    await temp.remove();
  });

  test(`${name}: H10: 300 MB in and out take a few MB of memory`, async () => {
    const temp = await tempFolder(`${name}-stream`);
    const said: { got: number; writing: number; reading: number }[] = [];
    const one = child(url(temp.path), "stream", "", (value) =>
      said.push(value as (typeof said)[0]),
    );
    await one.ended;
    const [result] = said;
    assert.equal(result?.got, 300 * MiB);
    // what waits for the garbage collector is in it, hence not the handful of chunks that are in use
    assert.ok(result.writing < 64 * MiB, `writing took ${result.writing / MiB} MiB`);
    assert.ok(result.reading < 150 * MiB, `reading took ${result.reading / MiB} MiB`);
    await temp.remove();
  }, 120_000);

  test(`${name}: a full disk is FULL, harms nothing that was there, and is over when there is room again`, async ({
    skip,
  }) => {
    const temp = await tempFolder(`${name}-full`);
    const disk = await tmpfs(`${temp.path}/disk`, "12m");
    if (typeof disk === "string") return skip(disk);
    const driver = open(new URL(url(disk.path)));
    try {
      await driver.open();
      await driver.put("d/old", bodyOf(1, 1000));
      await driver.write("b/room", chunksOf(2, 3 * MiB));
      const source = async function* () {
        for (let n = 0; n < 300; n++) yield bodyOf(n, 100_000);
      };
      assert.equal(await codeOf(driver.write("b/huge", source())), "FULL");
      assert.equal(await codeOf(driver.put("d/huge", bodyOf(3, 30 * MiB))), "FULL");
      const many = await Promise.all(
        Array.from({ length: 40 }, (_, n) => codeOf(driver.put(`d/${n}`, bodyOf(n, 500_000)))),
      );
      assert.ok(many.includes("FULL"));
      for (const [n, code] of many.entries()) {
        assert.ok(code === "FULL" || code === undefined, code);
        const item = await driver.get(`d/${n}`);
        if (code === undefined) assert.ok(Buffer.from(item!.body).equals(bodyOf(n, 500_000)));
        else assert.equal(item, undefined);
      }
      assert.ok(Buffer.from((await driver.get("d/old"))!.body).equals(bodyOf(1, 1000)));
      assert.equal(await driver.head("b/huge"), undefined);
      await driver.delete("b/room").catch(() => {});
      await driver.sweep!({ olderThanMs: 0 });
      await disk.grow("64m");
      await driver.put("d/old", bodyOf(4, 2000));
      assert.equal((await driver.get("d/old"))?.size, 2000);
    } finally {
      await driver.close();
      disk.unmount();
      await temp.remove();
    }
  });

  test(`${name}: a disk that cannot be written to is DENIED`, async ({ skip }) => {
    const temp = await tempFolder(`${name}-ro`);
    const disk = await tmpfs(`${temp.path}/disk`, "4m");
    if (typeof disk === "string") return skip(disk);
    try {
      disk.readOnly();
      const driver = open(new URL(url(disk.path)));
      assert.equal(await codeOf(driver.open()), "DENIED");
      await driver.close();
    } finally {
      disk.unmount();
      await temp.remove();
    }
  });

  test(`${name}: a place below a file, and one where nothing can be made, fail at open and at once`, async () => {
    for (const folder of ["/etc/passwd/x", "/proc/none/x"]) {
      const driver = open(new URL(url(folder)));
      assert.ok(storeCode(await driver.open().catch((error: unknown) => error)));
      await driver.close();
    }
  });
}

export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return storeCode(error) ?? String(error);
  }
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

interface Child {
  readonly ended: Promise<void>;
  kill(): Promise<void>;
}

function child(url: string, task: string, name: string, said: (value: unknown) => void): Child {
  const script = fileURLToPath(new URL("child.ts", import.meta.url));
  const process_: ChildProcess = spawn(process.execPath, [script, url, task, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: process_.stdout! }).on("line", (line) => said(JSON.parse(line)));
  const ended = new Promise<void>((resolve) => {
    process_.on("close", () => resolve());
  });
  return {
    ended,
    async kill() {
      process_.kill("SIGKILL");
      await ended;
    },
  };
}

/** A small disk of its own, or why there is none. */
async function tmpfs(path: string, size: string) {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return "only root can mount a tmpfs";
  await mkdir(path);
  const mount = (...args: string[]): void =>
    void execFileSync("mount", args, { stdio: ["ignore", "ignore", "pipe"] });
  try {
    mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path);
  } catch (error) {
    return `no tmpfs here: ${(error as Error).message.trim()}`;
  }
  assert.match(await readFile("/proc/mounts", "utf8"), new RegExp(path));
  return {
    path,
    readOnly: () => mount("-o", "remount,ro", path),
    grow: async (to: string) => mount("-o", `remount,size=${to}`, path),
    unmount: () => void execFileSync("umount", ["-l", path]),
  };
}
