// E3: the outline of a package's API, from declarations, JSDoc or names.
import { mkdir, realpath, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { outlineOf, type Outline, type Tree } from "@citadel/core/documents";
import { onTestFinished, expect, test } from "vitest";
import { tempFolder } from "../support/temp.ts";

/** A package with these files. */
async function tree(files: Readonly<Record<string, string>>, manifest: object = {}): Promise<Tree> {
  const temp = await tempFolder("outline");
  onTestFinished(() => temp.remove());
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(temp.path, file)), { recursive: true });
    await writeFile(join(temp.path, file), text);
  }
  return {
    root: await realpath(temp.path),
    manifest: manifest as never,
    files: Object.keys(files),
  };
}

const lines = ({ items }: Outline): string[] =>
  items.flatMap(({ kind, signature, members = [] }) => [
    `${kind}: ${signature}`,
    ...members.map((one) => `  ${one.kind}: ${one.signature}`),
  ]);

test("E3: every kind of declaration, as it is written, without bodies, privates and internals", async () => {
  const text = `
    import { Foreign } from "elsewhere";
    /** Adds. @param a first */
    export declare function add(a: number, b?: number): number;
    export declare function add(a: string): string;
    /** @deprecated use add */
    export declare const sum: (a: number) => number;
    export declare const limit = 5;
    export declare let level: "low" | "high";
    export interface Shape<T> extends Foreign { /** wide */ width: number; area(scale?: T): number; readonly [key: string]: unknown }
    export declare abstract class Box<T> implements Shape<T> {
      private secret; protected near: number; #hard;
      constructor(width: number);
      static of<U>(u: U): Box<U>;
      /** @deprecated */
      width: number;
      get size(): number;
      area(scale?: T): number;
      [key: string]: unknown;
    }
    export type Either<A, B> = A /* this */ | B;
    export declare class Odd { toString(): string; __proto__: number; hasOwnProperty: boolean }
    export declare enum Colour { Red = 0, Green = 1 }
    export declare namespace Deep { function inner(): void }
    /** @internal */
    export declare function hidden(): void;
    export default Box;
  `;
  const outline = await outlineOf(
    await tree(
      { "a.d.ts": text, "a.js": "" },
      { name: "a", exports: { ".": { types: "./a.d.ts", default: "./a.js" } } },
    ),
  );
  expect(lines(outline)).toEqual([
    "function: function add(a: number, b?: number): number\nfunction add(a: string): string",
    "function: const sum: (a: number) => number",
    "constant: limit: 5",
    'variable: let level: "low" | "high"',
    "interface: interface Shape<T> extends Foreign",
    "  property: width: number",
    "  method: area(scale?: T): number",
    "  property: readonly [key: string]: unknown",
    "class: abstract class Box<T> implements Shape<T>",
    "  constructor: constructor(width: number)",
    "  property: width: number",
    "  property: get size(): number",
    "  method: area(scale?: T): number",
    "  property: [key: string]: unknown",
    "  method: static of<U>(u: U): Box<U>",
    "type: type Either<A, B> = A | B",
    "class: class Odd",
    "  method: toString(): string",
    "  property: __proto__: number",
    "  property: hasOwnProperty: boolean",
    "enum: enum Colour",
    "  member: Red = 0",
    "  member: Green = 1",
    "namespace: namespace Deep",
    "  function: function inner(): void",
    "class: abstract class Box<T> implements Shape<T>",
  ]);
  expect(outline.items[0]).toMatchObject({
    ...{ name: "add", subpath: ".", file: "a.d.ts", line: 4, doc: "Adds.\n\n@param a first" },
  });
  expect(outline.items[1]).toMatchObject({ name: "sum", deprecated: "use add" });
  expect(outline.items[5]?.members?.[1]).toMatchObject({ name: "width", deprecated: "" });
  expect(outline).toMatchObject({
    ...{ unresolved: ["elsewhere"], entries: [{ subpath: ".", file: "a.d.ts", from: "types" }] },
  });
});

test("E3: without declarations JSDoc is read, in CommonJS too; without that, names", async () => {
  const common = await outlineOf(
    await tree(
      {
        "index.js": "const add = require('./add'); module.exports = { add, answer: 42 };",
        "add.js":
          "/** Adds. @param {number} a @returns {string} */\nmodule.exports = (a) => a + '';",
      },
      { name: "c" },
    ),
  );
  expect(lines(common)).toEqual([
    "function: function add(a: number): string",
    "constant: answer: number",
  ]);
  expect(common.entries).toEqual([{ subpath: ".", file: "index.js", from: "jsdoc" }]);
  const bare = await outlineOf(
    await tree(
      { "m.mjs": "export function go(a) { return a }\nexport const n = 1" },
      { exports: "./m.mjs" },
    ),
  );
  expect(lines(bare)).toEqual(["function: function go(a: any): any", "constant: n: 1"]);
  expect(bare.entries[0]?.from).toBe("exports");
});

test("E3: what several entry points export is listed once", async () => {
  const outline = await outlineOf(
    await tree(
      {
        "a.d.ts": "export declare const a: 1;",
        "b.d.ts": 'export * from "./a.js"; export declare const b: 2;',
        "a.js": "",
        "b.js": "",
      },
      {
        exports: {
          "./b": "./b.js",
          ".": "./a.js",
          "./p/*": "./p/*.js",
          "./package.json": "./package.json",
        },
      },
    ),
  );
  expect(outline.items.map(({ name, subpath, also }) => [name, subpath, also])).toEqual([
    ["a", ".", ["./b"]],
    ["b", "./b", undefined],
  ]);
});

test("E3: a package reads nothing outside of itself", async () => {
  const outside = await tree({ "secret.d.ts": "export declare const password: 'hunter2';" });
  const outline = await outlineOf(
    await tree(
      {
        "index.d.ts": `/// <reference path="${outside.root}/secret.d.ts" />
          export * from "${outside.root}/secret.js"; export declare const own: 1;`,
      },
      { types: "index.d.ts" },
    ),
  );
  expect(lines(outline)).toEqual(["constant: const own: 1"]);
});

test("E3: more than 20 MiB of types are listed by name", async () => {
  const large = await outlineOf(
    await tree(
      {
        "index.d.ts": 'export { huge } from "./huge.js"; export declare function go(): void;',
        "huge.d.ts": `export declare const huge: 1; // ${"x".repeat(21 * 2 ** 20)}`,
      },
      { types: "index.d.ts" },
    ),
  );
  expect(large).toMatchObject({ limited: "size" });
  expect(lines(large)).toEqual(["export: huge", "export: go"]);
});
