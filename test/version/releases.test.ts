// E1: real pairs of releases are told apart, as tarballs and as folders.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VersionManager } from "@citadel/plugin-version";
import { extract } from "tar";
import { beforeAll, describe, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { openCorpus, type Corpus } from "../support/corpus.ts";
import { pack } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

let corpus: Corpus;
beforeAll(async () => {
  corpus = await openCorpus();
}, 120_000);

/** What the newer one changes for those who use it, which is not always what its authors called it. */
const releases: readonly (readonly [name: string, from: string, to: string, kind: string])[] = [
  ["chalk", "4.1.1", "4.1.2", "patch"],
  ["chalk", "4.1.2", "5.0.0", "major"],
  ["commander", "11.0.0", "11.1.0", "major"], // executableDir() may be null now
  ["commander", "11.1.0", "12.0.0", "major"],
  ["commander", "12.0.0", "12.1.0", "major"], // Option lost fullDescription
  ["eventemitter3", "5.0.0", "5.0.1", "patch"],
  ["execa", "7.1.1", "7.2.0", "minor"],
  ["execa", "8.0.0", "8.0.1", "minor"], // three types are exported now
  ["fs-extra", "10.1.0", "11.0.0", "major"],
  ["ky", "1.0.0", "1.0.1", "patch"],
  ["lru-cache", "10.0.3", "10.1.0", "minor"],
  ["mitt", "3.0.0", "3.0.1", "patch"],
  ["nanoid", "3.3.4", "3.3.5", "major"], // published without its entry points; 3.3.6 brought them back
  ["p-limit", "6.1.0", "6.2.0", "minor"],
  ["p-map", "7.0.1", "7.0.2", "patch"],
  ["p-queue", "7.4.1", "8.0.0", "major"],
  ["type-fest", "4.8.2", "4.8.3", "patch"],
  ["yaml", "2.3.1", "2.3.2", "patch"],
  ["yaml", "2.3.4", "2.4.0", "minor"],
  ["zustand", "4.3.9", "4.4.0", "minor"],
];

describe("E1 the kind of change between real releases", () => {
  test.each(releases)("%s %s to %s is %s", { timeout: 120_000 }, async (name, from, to, kind) => {
    const document = await corpus.packument(name);
    const [old, now] = await Promise.all(
      [from, to].map((version) => corpus.tarball(document, version)),
    );
    const found = await VersionManager.compareTarballs(old!, now!);
    expect(
      VersionManager.bumpFor(from, found.level),
      JSON.stringify(found.changes.slice(0, 5)),
    ).toBe(kind);
  });

  test.each([
    ["ky", "1.0.0", "1.0.1", "1.0.1"],
    ["lru-cache", "10.0.3", "10.1.0", "10.1.0"],
    ["p-queue", "7.4.1", "8.0.0", "8.0.0"],
  ])(
    "version:recommend on a folder: after %s %s comes %s",
    { timeout: 120_000 },
    async (name, from, to, next) => {
      const home = await tempFolder("recommend");
      const document = await corpus.packument(name);
      for (const version of [from, to]) {
        const cwd = join(home.path, version);
        await mkdir(cwd);
        const file = join(home.path, `${version}.tgz`);
        await writeFile(file, await corpus.tarball(document, version));
        await extract({ file, cwd, strip: 1 });
      }
      const published = await citadel(home.path, ["registry:publish", join(home.path, from)]);
      expect(published.code, published.output).toBe(0);
      const words = ["version:recommend", join(home.path, to), "--json"];
      const { stdout } = await citadel(home.path, words);
      expect(JSON.parse(stdout)).toMatchObject({ kind: "folder", package: name, base: from, next });
      await home.remove();
    },
  );
});

test("E1: of what is written differently the part is named, and what only refers to it is not", async () => {
  const declarations = (text: string) =>
    pack(
      { name: "parts", version: "1.0.0", types: "index.d.ts", main: "index.js" },
      { "index.d.ts": text },
    );
  const old = declarations(`
    export {};
    interface Inner { a: string }
    export declare class Grows { private x: number; self(): this; takes(f: (one: Grows) => void): void }
    export declare class Breaks { self(): this; get(): string; other(): void }
    export declare class Loses { kept(): void; lost(): void }
    export declare class Box<T> { get(): T }
    export declare class Tight<T> { set(value: T | string): void }
    export declare enum Colour { Red, Green }
    export declare enum Size { Small = 1 }
    export type Formatted = "a" | "b";
    export interface Uses { grows: Grows; box: Box<string> }
    export declare function make(grows: Grows): Breaks;
    export declare function inner(one: Inner): void;
    export declare namespace tools { function trim(text: string): string; function gone(): void }
  `);
  const now = declarations(`
    export {};
    interface Inner { a: number }
    export declare class Grows { private x: string; self(): this; takes(f: (one: Grows) => void): void; more(): number }
    export declare class Breaks { self(): this; get(): string | null; other(): void }
    export declare class Loses { kept(): void }
    export declare class Box<T> { get(): T; peek(): T | undefined }
    export declare class Tight<T> { set(value: T): void }
    export declare enum Colour { Red, Green, Blue }
    export declare enum Size { Small = 2 }
    export type Formatted =
      | "a"
      | "b";
    export interface Uses { grows: Grows; box: Box<string> }
    export declare function make(grows: Grows,): Breaks;
    export declare function inner(one: Inner): void;
    export declare namespace tools { function trim(text: string | undefined): string }
  `);
  const { changes } = await VersionManager.compareTarballs(old, now);
  expect(changes.map(({ level, what }) => `${level}: ${what}`).toSorted()).toEqual([
    "major: Breaks.get no longer fits what it was",
    "major: Loses lost lost",
    "major: Size lost or changed Small",
    "major: Tight.set no longer fits what it was",
    "major: inner no longer fits what it was",
    "major: tools.gone is no longer exported",
    "minor: Box has peek",
    "minor: Colour has Blue",
    "minor: Grows has more",
    "minor: tools.trim can do more",
  ]);
});
