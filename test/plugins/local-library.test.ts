import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LocalRegistry, openLocalRegistry } from "@citadel/plugin-local";
import { afterAll, describe, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { pack, sha512 } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("local-library");
afterAll(() => folder.remove());
let homes = 0;
const newHome = () => join(folder.path, String(++homes));

describe("A12 LocalRegistry", () => {
  test("publishes text, bytes, streams, files and tarballs and gives them back", async () => {
    const home = newHome();
    await using registry = await LocalRegistry.open({ home });
    const tarball = pack({ name: "@demo/e", version: "1.0.0" });
    const path = join(folder.path, "f.txt");
    await writeFile(path, "from a file");
    const contents = {
      a: ["some text", Buffer.from("some text")],
      b: [Buffer.from([0, 1, 2, 255]), Buffer.from([0, 1, 2, 255])],
      c: [createReadStream(path, { highWaterMark: 1 }), Buffer.from("from a file")],
      d: [{ path }, Buffer.from("from a file")],
      e: [tarball, tarball],
    } as const;
    for (const [name, [content, expected]] of Object.entries(contents)) {
      const published = await registry.publishPackage(name, "1.0.0", "demo", content);
      const found = await registry.resolvePackage("demo", name, "^1.0.0");
      expect(found).toMatchObject({
        name: `@demo/${name}`,
        uuid: published.uuid,
        integrity: published.integrity,
      });
      expect(Buffer.from(await found.content()).equals(expected), name).toBe(true);
      expect(Buffer.concat(await Array.fromAsync(found.stream())).equals(expected)).toBe(true);
      const written = await found.writeTo(join(folder.path, `out-${name}`));
      expect((await readFile(written)).equals(expected)).toBe(true);
    }
    // The command line sees the same packages.
    const ran = await citadel(home, ["local:list-packages", "--json"]);
    expect((JSON.parse(ran.stdout) as { items: object[] }).items).toHaveLength(5);
  });

  test("metadata, tags, lists, statistics, schema and clean-up", async () => {
    await using registry = await openLocalRegistry({ home: newHome() });
    for (const name of ["a", "b", "c"])
      await registry.publishPackage(
        name,
        "1.0.0",
        "demo",
        name,
        { description: `about ${name}`, keywords: ["k"] },
        { fileName: `${name}.js` },
      );
    await registry.publishPackage("a", "2.0.0-rc.1", "demo", "next", {}, { tag: "next" });
    await registry.publishPackage("plain", "1.0.0", "", "1");
    expect((await registry.resolvePackage("demo", "a", "next")).version).toBe("2.0.0-rc.1");
    expect((await registry.listPackages()).map(({ name }) => name)).toEqual([
      "@demo/a",
      "@demo/b",
      "@demo/c",
      "plain",
    ]);
    expect(await registry.listPackages("@demo", { after: "@demo/a", limit: 1 })).toMatchObject([
      { name: "@demo/b", description: "about b", keywords: ["k"] },
    ]);
    const stats = await registry.getRegistryStats();
    expect(stats.packages).toMatchObject({ total: 4, versions: 5, current: true });
    expect(stats.backends.every(({ ok }) => ok)).toBe(true);
    expect((await registry.getDatabaseSchema()).map(({ name }) => name)).toContain("packages");
    expect(await registry.cleanup({ dryRun: true })).toMatchObject({ items: [], dryRun: true });
  });

  test("long work says how far it is", async () => {
    await using registry = await openLocalRegistry({ home: newHome() });
    const path = join(folder.path, "noise.bin");
    await writeFile(path, randomBytes(3_000_000));
    const heard = new Map<string, { done: number; total?: number }[]>();
    await registry.publishPackage("a", "1.0.0", "demo", { path }, {}, {
      onProgress: ({ phase, ...at }) => void heard.set(phase, [...(heard.get(phase) ?? []), at]),
    }); // prettier-ignore
    expect([...heard.keys()]).toEqual(["packing", "checking", "storing"]);
    for (const steps of heard.values()) {
      expect(steps.map(({ done }) => done)).toEqual(
        steps.map(({ done }) => done).toSorted((a, b) => a - b),
      );
      expect(steps.at(-1)?.done).toBe(steps.at(-1)?.total);
    }
  });

  test("errors carry the codes of the table", async () => {
    await using registry = await openLocalRegistry({ home: newHome() });
    await registry.publishPackage("a", "1.0.0", "demo", "1");
    await expect(registry.publishPackage("a", "1.0.0", "demo", "2")).rejects.toMatchObject({
      code: "E_VERSION_EXISTS",
    });
    await expect(registry.resolvePackage("demo", "b", "latest")).rejects.toMatchObject({
      code: "E_PACKAGE_NOT_FOUND",
    });
    await expect(registry.publishPackage("b", "1.0.0", "demo", failing())).rejects.toThrow(
      "the source failed",
    );
    await expect(registry.resolvePackage("demo", "b", "latest")).rejects.toMatchObject({
      code: "E_PACKAGE_NOT_FOUND",
    });
  });

  test("of 20 publishes of one version at once exactly one wins, and it is what resolves", async () => {
    await using registry = await openLocalRegistry({ home: newHome() });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        registry.publishPackage("race", "1.0.0", "demo", `number ${n}`),
      ),
    );
    const won = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : [],
    );
    expect(won).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: "E_VERSION_EXISTS" });
    const found = await registry.resolvePackage("demo", "race", "1.0.0");
    expect(found.integrity).toBe(won[0]?.integrity);
    expect(sha512(await found.content())).toBe(won[0]?.file?.integrity);
  });

  test("a plain Node program opens it in memory", async () => {
    const script = `
      import { LocalRegistry } from "@citadel/plugin-local";
      await using registry = await LocalRegistry.open({ store: "memory:", home: process.argv[2] });
      await registry.publishPackage("a", "1.0.0", "demo", "hello");
      const found = await registry.resolvePackage("demo", "a", "latest");
      process.stdout.write(await found.content());`;
    const args = ["--input-type=module", "-e", script, "--", newHome()];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: import.meta.dirname,
    });
    expect(stdout).toBe("hello");
  });

  test("a large file goes in and out in constant memory", { timeout: 120_000 }, async () => {
    const path = join(folder.path, "large.bin");
    const size = 300 * 2 ** 20;
    const file = await open(path, "w");
    const block = randomBytes(2 ** 20);
    for (let at = 0; at < size; at += block.length) {
      block.writeUInt32LE(at, 0);
      // Compressible, so that the tarball stays below its limit; the content does not.
      await file.write(
        at % (8 * block.length) === 0 ? block : Buffer.alloc(block.length, at & 0xff),
      );
    }
    await file.close();
    const script = `
      import { LocalRegistry } from "@citadel/plugin-local";
      const [path, home, out] = process.argv.slice(1);
      await using registry = await LocalRegistry.open({ home });
      await registry.publishPackage("large", "1.0.0", "demo", { path });
      const found = await registry.resolvePackage("demo", "large", "1.0.0");
      await found.writeTo(out);
      process.stdout.write(JSON.stringify({ rss: process.resourceUsage().maxRSS, file: found.file }));`;
    const out = join(folder.path, "large.out");
    const args = ["--input-type=module", "-e", script, "--", path, newHome(), out];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: import.meta.dirname,
    });
    const said = JSON.parse(stdout) as { rss: number; file: { size: number } };
    expect(said.file.size).toBe(size);
    expect(said.rss * 1024).toBeLessThan(size);
    expect((await readFile(out)).equals(await readFile(path))).toBe(true);
  });
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("some");
  throw new Error("the source failed");
}
