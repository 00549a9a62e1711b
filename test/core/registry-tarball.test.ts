import { randomBytes } from "node:crypto";
import { createGzip, gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { describe, expect, test } from "vitest";
import { inspect, type RegistryLimits, type Tarball } from "@citadel/core/registry";

import { pack, tarOf, type TarEntry } from "../support/packages.ts";
import { codeOf } from "./registry-harness.ts";

const limits: RegistryLimits = { tarball: 2 ** 30, unpacked: 16 * 2 ** 20, files: 100 };
const packageJson = { path: "package/package.json", content: '{"name":"a","version":"1.0.0"}' };
const of = (...entries: TarEntry[]): Buffer => gzipSync(tarOf(entries));

/** The same bytes as a stream of small chunks, which takes the other way through the code. */
function streamed(bytes: Uint8Array, size = 1000): Tarball["content"] {
  return {
    size: bytes.length,
    async *stream() {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    },
  };
}

describe("what a tarball says about itself", () => {
  test("files, sizes, readme and flags, in memory and as a stream", async () => {
    const files = {
      "README.txt": "plain",
      "readme.md": "# a",
      "lib/README.md": "no",
      "npm-shrinkwrap.json": "{}",
      "binding.gyp": "{}",
    };
    const tarball = pack({ name: "a", version: "1.0.0" }, files);
    const inspected = await inspect(tarball, limits);
    expect(inspected).toMatchObject({
      packageJson: { name: "a", version: "1.0.0" },
      readme: "# a",
      readmeFilename: "readme.md",
      fileCount: 7,
      hasShrinkwrap: true,
      hasBindingGyp: true,
    });
    for (const size of [1, 7, 1000])
      expect(await inspect(streamed(tarball, size), limits)).toEqual(inspected);
  });

  test("any name of the root folder, a byte-order mark, folders, and several gzip members", async () => {
    const tar = tarOf([
      { path: "my-thing/", type: "Directory" },
      { path: "my-thing/package.json", content: '\uFEFF{"name":"a"}' },
    ]);
    const members = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
    for (const content of [members, streamed(members)])
      expect(await inspect(content, limits)).toMatchObject({
        packageJson: { name: "a" },
        fileCount: 1,
      });
  });

  test("zeros behind the gzip and anything behind the archive's end are ignored, as npm does", async () => {
    const tarball = of(packageJson);
    const behindGzip = Buffer.concat([tarball, Buffer.alloc(100)]);
    const behindTar = gzipSync(Buffer.concat([tarOf([packageJson]), tarOf([packageJson])]));
    for (const bytes of [behindGzip, behindTar])
      for (const content of [bytes, streamed(bytes)])
        expect(await inspect(content, limits)).toMatchObject({ fileCount: 1 });
  });

  test("links inside the package count as nothing", async () => {
    const tarball = of(
      packageJson,
      { path: "package/lib/index.js", type: "SymbolicLink", linkpath: "../main.js" },
      { path: "package/copy.js", type: "Link", linkpath: "package/main.js" },
      { path: "package/main.js", content: "1" },
    );
    expect(await inspect(tarball, limits)).toMatchObject({ fileCount: 2 });
  });
});

describe("attacks 6 and 24: hostile tarballs", () => {
  const link = (
    path: string,
    linkpath: string,
    type: TarEntry["type"] = "SymbolicLink",
  ): TarEntry => ({
    path,
    linkpath,
    type: type ?? "SymbolicLink",
  });
  const tar = tarOf([packageJson, { path: "package/index.js", content: "1".repeat(5000) }]);
  const badChecksum = Buffer.from(tar);
  badChecksum[0] = 0x41;
  const whole = gzipSync(tar);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 6]! ^= 1;
  const longHeader = Buffer.alloc(512);
  new Header({ path: "pax", type: "ExtendedHeader", size: 2 * 2 ** 20 }).encode(longHeader);

  const hostile: Record<string, Buffer> = {
    "a link out of the package": of(packageJson, link("package/x", "../../etc/passwd")),
    "a link to an absolute path": of(packageJson, link("package/x", "/etc/passwd")),
    "a link to a Windows path": of(packageJson, link("package/x", "C:\\Windows")),
    "a link out by backslashes": of(packageJson, link("package/x", "..\\..\\etc")),
    "a link to the folder above": of(packageJson, link("package/x", "..")),
    "a link out through a link": of(
      packageJson,
      link("package/a/b", ".."),
      link("package/x", "a/b/../.."),
    ),
    "a file through a link": of(packageJson, link("package/a", "lib"), {
      path: "package/A/x",
      content: "1",
    }),
    "a hard link out of the package": of(packageJson, link("package/x", "../etc/passwd", "Link")),
    "a hard link to another root": of(packageJson, link("package/x", "etc/passwd", "Link")),
    "a package.json that is a link": of(
      { path: "package/x", content: "{}" },
      link("package/package.json", "x"),
    ),
    "an absolute path": of(packageJson, { path: "/etc/cron.d/x" }),
    "a Windows path": of(packageJson, { path: "C:/x" }),
    "a path that leads outside": of(packageJson, { path: "package/../../x" }),
    "the same by backslashes": of(packageJson, { path: "package\\..\\..\\x" }),
    "a device": of(packageJson, { path: "package/null", type: "CharacterDevice" }),
    "two package.json": of(packageJson, packageJson),
    "a package.json in two roots": of(packageJson, { ...packageJson, path: "other/package.json" }),
    "a package.json in another case": of(packageJson, {
      ...packageJson,
      path: "package/PACKAGE.json",
    }),
    "a package.json by another path": of(packageJson, {
      ...packageJson,
      path: "package//./package.json",
    }),
    "a package.json beside the root": of(packageJson, { ...packageJson, path: "package.json" }),
    "no package.json": of({ path: "package/index.js", content: "1" }),
    "a package.json too deep": of({ ...packageJson, path: "package/a/package.json" }),
    "a package.json that is no JSON": of({ ...packageJson, content: "{name:1}" }),
    "a package.json that is no object": of({ ...packageJson, content: "[]" }),
    "no entries": gzipSync(Buffer.alloc(1024)),
    "no tar": gzipSync("hello ".repeat(500)),
    "a bad checksum": gzipSync(badChecksum),
    "a tar that is cut off": gzipSync(tar.subarray(0, 3000)),
    "a gzip that is cut off": whole.subarray(0, -20),
    "a gzip with a wrong checksum": damaged,
    "no gzip": tar,
    nothing: Buffer.alloc(0),
    "garbage behind the gzip": Buffer.concat([whole, Buffer.from("trailing garbage")]),
    "gzip inside gzip": gzipSync(whole),
    "an oversized extended header": gzipSync(
      Buffer.concat([longHeader, Buffer.alloc(2 ** 21), tar]),
    ),
  };

  test.each(Object.entries(hostile))("%s", async (_, bytes) => {
    for (const content of [bytes, streamed(bytes), streamed(bytes, 1)])
      expect(await codeOf(inspect(content, limits))).toBe("E_INVALID_TARBALL");
  });

  test("too many entries", async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ path: `package/${i}` }));
    for (const content of [of(packageJson, ...many), streamed(of(packageJson, ...many))])
      expect(await codeOf(inspect(content, limits))).toBe("E_TOO_LARGE");
  });

  test("a gzip bomb is refused at the limit, before and behind the end of the archive", async () => {
    const zeros = Buffer.alloc(64 * 2 ** 20);
    const before = of(packageJson, { path: "package/zeros", content: zeros });
    const behind = gzipSync(Buffer.concat([tarOf([packageJson]), zeros]));
    for (const bytes of [before, behind])
      for (const content of [bytes, streamed(bytes)])
        expect(await codeOf(inspect(content, limits))).toBe("E_TOO_LARGE");
  });

  test("a stream of half a gigabyte is read in constant memory", async () => {
    const size = 512 * 2 ** 20;
    const block = randomBytes(2 ** 20);
    const header = Buffer.alloc(512);
    new Header({ path: "package/big", type: "File", size }).encode(header);
    const head = tarOf([packageJson]).subarray(0, -1024);
    const content: Tarball["content"] = {
      size,
      async *stream() {
        const gzip = createGzip({ level: 0 });
        const source = (function* () {
          yield head;
          yield header;
          for (let i = 0; i < size; i += block.length) yield block;
          yield Buffer.alloc(1024);
        })();
        const pumped = (async () => {
          for (const part of source)
            if (!gzip.write(part)) await new Promise((resolve) => gzip.once("drain", resolve));
          gzip.end();
        })();
        yield* gzip as AsyncIterable<Buffer>;
        await pumped;
      },
    };
    let most = 0;
    const start = process.memoryUsage().arrayBuffers;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - start);
    }, 5);
    const inspected = await inspect(content, { ...limits, unpacked: 2 ** 30 });
    clearInterval(timer);
    expect(inspected).toMatchObject({
      fileCount: 2,
      unpackedSize: size + packageJson.content.length,
    });
    expect(most).toBeLessThan(100 * 2 ** 20);
  });

  test("a source that fails ends the inspection with its error", async () => {
    const content: Tarball["content"] = {
      size: 10,
      async *stream() {
        yield whole.subarray(0, 20);
        throw new Error("the disk is gone");
      },
    };
    await expect(inspect(content, limits)).rejects.toThrow("the disk is gone");
  });

  test("random damage never passes for something else than a refusal or the same package", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = Buffer.from(whole);
          bytes[at]! ^= flip;
          const outcome = await inspect(bytes, limits).then(
            ({ packageJson }) => JSON.stringify(packageJson),
            (error: unknown) => (error as { code?: string }).code,
          );
          expect([packageJson.content, "E_INVALID_TARBALL", "E_TOO_LARGE"]).toContain(outcome);
        },
      ),
    );
  });
});
