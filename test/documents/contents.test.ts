// B6, attack 25: looking into tarballs, whatever somebody packed.
import { Readable } from "node:stream";
import { createGzip, gzipSync } from "node:zlib";
import { contentOf, contentsOf, textDiff } from "@citadel/core/documents";
import { describe, expect, test } from "vitest";

import { tarOf, type TarEntry } from "../support/packages.ts";

const tarball = (entries: readonly TarEntry[]): Readable =>
  Readable.from([gzipSync(tarOf(entries))]);

describe("B6: the files of a tarball", () => {
  test("are those that npm would unpack, with what names their content", async () => {
    const entries: TarEntry[] = [
      { path: "package/a.js", content: "first" },
      { path: "anything/lib\\b.js", content: "b" },
      { path: "package/", type: "Directory" },
      { path: "package/link", type: "SymbolicLink", linkpath: "/etc/passwd" },
      { path: "package/../../up.js", content: "up" },
      { path: "alone.js", content: "beside the folder" },
      { path: "package/a.js", content: "last" },
      { path: "package/copy.js", content: "last" },
    ];
    const { files, cut } = await contentsOf(tarball(entries));
    expect(cut).toBe(false);
    expect(files.map(({ path, size, entry }) => [path, size, entry])).toEqual([
      ["a.js", 4, 6],
      ["copy.js", 4, 7],
      ["lib/b.js", 1, 1],
    ]);
    const [a, copy, b] = files;
    expect(a?.hash).toBe(copy?.hash);
    expect(a?.hash).not.toBe(b?.hash);
    expect((await contentOf(tarball(entries), a!)).toString()).toBe("last");
  });

  test("content that is not what was listed is not shown", async () => {
    const [file] = (await contentsOf(tarball([{ path: "package/a.js", content: "a" }]))).files;
    const other = tarball([{ path: "package/a.js", content: "b" }]);
    await expect(contentOf(other, file!)).rejects.toMatchObject({ code: "E_INTEGRITY" });
  });

  test("attack 25: a million of them are not all looked at", async () => {
    const one = tarOf([{ path: "package/x", content: "" }]).subarray(0, 512);
    const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
    let blocks = 0;
    const source = Readable.from(
      (function* () {
        for (; blocks < 1000; blocks++) yield many;
      })(),
    ).pipe(createGzip({ level: 1 }));
    const { cut, files } = await contentsOf(source);
    expect([cut, files.length]).toEqual([true, 1]);
    expect(blocks).toBeLessThan(500);
  });

  test("attack 25: a bomb is not unpacked to its end", async () => {
    const zeros = Buffer.alloc(2 ** 20);
    const header = tarOf([{ path: "package/zeros", content: zeros }]).subarray(0, 512);
    let blocks = 0;
    const source = Readable.from(
      (function* () {
        for (; blocks < 2000; blocks++) yield Buffer.concat([header, zeros]);
      })(),
    ).pipe(createGzip({ level: 1 }));
    expect((await contentsOf(source)).cut).toBe(true);
    expect(blocks).toBeLessThan(1000);
  });

  test.each([
    ["no gzip", Buffer.from("hello")],
    ["compressed twice", gzipSync(gzipSync(tarOf([{ path: "package/a", content: "a" }])))],
    [
      "cut off",
      gzipSync(tarOf([{ path: "package/a", content: "a".repeat(9999) }])).subarray(0, 60),
    ],
  ])("%s is said to be none", async (_, bytes) => {
    await expect(contentsOf(Readable.from([bytes]))).rejects.toMatchObject({
      code: "E_INVALID_TARBALL",
    });
  });
});

describe("B6: differences of texts", () => {
  test("are hunks with three lines around", async () => {
    const lines = Array.from({ length: 20 }, (_, n) => `line ${n}`);
    const changed = lines.with(10, "other");
    expect(await textDiff(lines.join("\n"), changed.join("\n"))).toEqual([
      {
        ...{ before: 8, after: 8 },
        lines: [
          ...[" line 7", " line 8", " line 9", "-line 10", "+other"],
          ...[" line 11", " line 12", " line 13"],
        ],
      },
    ]);
  });

  test("texts that have nothing in common are given up", async () => {
    const noise = (seed: number): string =>
      Array.from({ length: 60_000 }, (_, n) => `${(n * seed) % 99_991}`).join("\n");
    expect(await textDiff(noise(7919), noise(104_729))).toBeUndefined();
  });
});
