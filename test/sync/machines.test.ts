// E4, A11: two folders act as two machines over one bucket, by the real command line: an S3 server, and a folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LocalRegistry } from "@citadel/plugin-local";
import { afterAll, describe, expect, test } from "vitest";
import { startS3 } from "../servers/s3.ts";
import { citadelEnv, root, serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("sync");
const s3 = await startS3();
afterAll(async () => {
  await s3.stop();
  await folder.remove();
});

interface Item {
  readonly name: string;
  readonly standing: string;
  readonly done?: string;
  readonly ahead: number;
  readonly behind: number;
  readonly conflicts: readonly { what: string; ours: string; theirs: string }[];
}

/** A machine of its own: home, store, key. */
function machine(name: string, remote: string) {
  const home = join(folder.path, name);
  const env = { CITADEL_SYNC_REMOTE: remote };
  const call = (...args: string[]) => citadel(home, args, { env });
  return {
    home,
    env,
    call,
    async publish(name: string, version: string, content: string) {
      const file = join(folder.path, "index.js");
      await writeFile(file, content);
      const done = await call("local:publish", name, version, "-", "-f", file);
      expect(done.code, done.output).toBe(0);
    },
    async json(...args: string[]) {
      const ran = await call(...args, "--json");
      return { code: ran.code, ...(JSON.parse(ran.stdout) as { items: Item[] }) };
    },
    async content(name: string) {
      const ran = await call("local:resolve", name, "latest", "-", "-o", "-");
      return ran.stdout;
    },
    async sound(...store: string[]) {
      const ran = await call("verify", ...store);
      expect(ran.code, ran.output).toBe(0);
    },
  };
}

const differing = (items: readonly Item[]) => items.filter(({ standing }) => standing !== "same");

describe.each([
  ["an S3 bucket", () => `${s3.bucket()}`],
  ["a folder", () => `file:${folder.path}/bucket`],
])("E4 two machines over %s", (label, bucketOf) => {
  const bucket = bucketOf();
  const prefix = label.includes("S3") ? "s3" : "folder";
  const [a, b] = [machine(`${prefix}-a`, bucket), machine(`${prefix}-b`, bucket)];

  test(
    "E4, A11: only what is missing travels, conflicts are shown and decided, both and the bucket verify",
    { timeout: 120_000 },
    async () => {
      await a.publish("one", "1.0.0", "first");
      await a.publish("two", "1.0.0", "x".repeat(200_000));
      const first = await a.json("sync:upload");
      expect(first.code).toBe(0);
      expect(first.items.map(({ name, done }) => [name, done])).toEqual([
        ["one", "uploaded"],
        ["two", "uploaded"],
      ]);
      expect(await a.json("sync:upload")).toMatchObject({ code: 0, bytes: 0 });
      expect(await b.json("sync:status")).toMatchObject({
        code: 3,
        items: [{ standing: "behind" }, { standing: "behind" }],
      });
      expect((await b.json("sync:download")).code).toBe(0);
      expect(await b.content("one")).toBe("first");
      await b.sound();

      // grown on both sides
      await a.publish("one", "1.1.0", "of a");
      await b.publish("one", "1.2.0", "of b");
      await a.publish("two", "2.0.0", "a says");
      await b.publish("two", "2.0.0", "b says");
      expect((await a.json("sync:upload")).code).toBe(0);
      const seen = await b.json("sync:status");
      expect(seen).toMatchObject({
        code: 5,
        items: [
          { name: "one", standing: "diverged", ahead: 1, behind: 1 },
          { name: "two", standing: "conflict", conflicts: [{ what: "version 2.0.0" }] },
        ],
      });
      const piped = await b.call("sync:upload");
      expect(piped.code).toBe(5);
      expect(piped.stdout).toMatch(
        /^one\tmerged\t1\t1\t\ntwo\tconflict\t1\t1\tversion 2\.0\.0: sha512-\S+ here, sha512-\S+ there\n$/,
      );
      expect(piped.stderr).toContain("--take two=ours");
      expect(await b.content("two")).toBe("b says");

      expect((await b.json("sync:upload", "--take", "two=theirs")).code).toBe(0);
      expect(await b.content("two")).toBe("a says");
      expect((await a.json("sync:download")).code).toBe(0);
      for (const each of [a, b]) {
        expect(differing((await each.json("sync:status")).items)).toEqual([]);
        expect(await each.content("one")).toBe("of b");
        await each.sound();
      }
      await a.sound("--store", bucket);
    },
  );

  test(
    "E4: what one machine signed verifies on the other, and npm installs it there",
    { timeout: 120_000 },
    async () => {
      const server = await serve({ home: b.home, env: b.env });
      try {
        const keys = await fetch(`${server.url}/-/npm/v1/keys`);
        expect(((await keys.json()) as { keys: unknown[] }).keys.length).toBeGreaterThan(1);
        const answer = await fetch(`${server.url}/one`);
        const { versions } = (await answer.json()) as { versions: Record<string, unknown> };
        expect(Object.keys(versions)).toEqual(["1.0.0", "1.1.0", "1.2.0"]);
      } finally {
        await server.stop();
      }
    },
  );
});

describe("E4 interrupted", () => {
  test(
    "E4: kill -9 during uploads and downloads of many packages; the next run goes on and all verifies",
    { timeout: 240_000 },
    async () => {
      const bucket = s3.bucket();
      const [a, b] = [machine("kill-a", bucket), machine("kill-b", bucket)];
      {
        await using registry = await LocalRegistry.open({ home: a.home });
        for (let n = 0; n < 60; n++)
          for (const version of ["1.0.0", "1.1.0"])
            await registry.publishPackage(`p${n}`, version, "many", `content ${n} ${version}`);
      }
      const kill = async (each: typeof a, command: string, ms: number): Promise<boolean> => {
        const child = spawn(process.execPath, [join(root, "bin/citadel.js"), command], {
          env: citadelEnv(each.home, each.env),
          stdio: "ignore",
        });
        const ended = once(child, "close");
        await pause(ms);
        child.kill("SIGKILL");
        await ended;
        return child.signalCode === "SIGKILL";
      };
      let killed = 0;
      for (const ms of [450, 600, 750]) if (await kill(a, "sync:upload", ms)) killed++;
      await a.sound("--store", bucket);
      expect((await a.json("sync:upload")).code).toBe(0);
      for (const ms of [450, 600]) if (await kill(b, "sync:download", ms)) killed++;
      await b.sound();
      expect((await b.json("sync:download")).code).toBe(0);
      expect(killed).toBeGreaterThan(0);
      for (const each of [a, b]) {
        const { items } = await each.json("sync:status");
        expect(items.length).toBe(61);
        expect(differing(items)).toEqual([]);
        await each.sound();
      }
      await a.sound("--store", bucket);
    },
  );

  test("E4: --views brings finished answers to the same store, and nothing of the history", async () => {
    const remote = s3.bucket();
    const a = machine("views", remote);
    await a.publish("one", "1.0.0", "first");
    const views = ["sync:upload", "--views", "https://cdn.example/"];
    const dry = await a.call(...views, "-n", "--json");
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      packages: { all: 1, changed: 1 },
    });
    const done = await a.call(...views, "--json");
    expect([done.code, JSON.parse(done.stdout)]).toMatchObject([
      0,
      { packages: { changed: 1 }, tarballs: { copied: 1 } },
    ]);
    const again = await a.call(...views, "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ packages: { all: 1, changed: 0 } });
    expect(await a.json("sync:status")).toMatchObject({
      items: [{ name: "one", standing: "ahead" }],
    });
    for (const wrong of [["one"], ["--take", "one=ours"]]) {
      const refused = await a.call(...views, ...wrong);
      expect(refused.code, refused.output).toBe(2);
    }
  });

  test("E4: usage: no remote, the own store, a bad name, a bad --take", async () => {
    const a = machine("usage", "");
    const none = await citadel(a.home, ["sync:status"]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("sync.remote")]);
    const own = await citadel(a.home, [
      "sync:status",
      "--store",
      `file:${folder.path}/own`,
      "--remote",
      `file:${folder.path}/own`,
    ]);
    expect([own.code, own.stderr]).toEqual([
      2,
      expect.stringContaining("the one of this registry"),
    ]);
    const remote = `file:${folder.path}/bucket`;
    const name = await citadel(a.home, ["sync:upload", "../x", "--remote", remote]);
    expect([name.code, name.stderr]).toEqual([2, expect.stringContaining("no name of a package")]);
    const take = await citadel(a.home, ["sync:upload", "--take", "mine", "--remote", remote]);
    expect([take.code, take.stderr]).toEqual([2, expect.stringContaining("--take <package>=ours")]);
  });
});
