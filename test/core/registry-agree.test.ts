import { describe, expect, test } from "vitest";
import { agree, type JsonObject } from "@citadel/core/registry";

import { codeOf } from "./registry-harness.ts";

const base = { name: "@s/a", version: "1.0.0" };
const check = (
  inside: object,
  outside: object,
  hasBindingGyp = false,
): Promise<string | undefined> =>
  codeOf(
    agree({ packageJson: { ...base, ...inside } as JsonObject, hasBindingGyp }, {
      ...base,
      ...outside,
    } as JsonObject),
  );

describe("H7 what clients change on publish is no mismatch", () => {
  const same: Record<string, [inside: object, outside: object]> = {
    "nothing changed": [{ dependencies: { b: "1" } }, { dependencies: { b: "1" } }],
    "the version is cleaned": [{ version: "v1.0.0+5" }, {}],
    "a name with blanks": [{ name: " @s/a " }, {}],
    "dependencies as a list": [
      { dependencies: ["b >=1", "c@2", "d"] },
      { dependencies: { b: ">=1", c: "2", d: "" } },
    ],
    "dependencies as a text": [{ dependencies: "b@1 c" }, { dependencies: { b: "1", c: "" } }],
    "entries that are no text": [
      { dependencies: { b: "1", c: null, d: {} } },
      { dependencies: { b: "1" } },
    ],
    "optional ones put into dependencies": [
      { optionalDependencies: { b: "1" } },
      { dependencies: { b: "1" }, optionalDependencies: { b: "1" } },
    ],
    "optional ones taken out of dependencies": [
      { dependencies: { b: "0", c: "1" }, optionalDependencies: { b: "1" } },
      { dependencies: { c: "1" }, optionalDependencies: { b: "1" } },
    ],
    "workspace ranges": [
      { dependencies: { b: "workspace:^", c: "catalog:", d: "file:../d", e: "jsr:@x/e@1" } },
      { dependencies: { b: "^1.2.3", c: "1", d: "^2.0.0", e: "npm:@jsr/x__e@1" } },
    ],
    "git addresses": [
      { dependencies: { b: "u/b#v1", c: "git://github.com/u/c.git" } },
      { dependencies: { b: "git+https://github.com/u/b.git#v1", c: "github:u/c" } },
    ],
    "no development dependencies": [{ devDependencies: { b: "1" } }, {}],
    "any range": [{ dependencies: { b: "" } }, { dependencies: { b: "*" } }],
    "bundled by the other spelling": [
      { bundledDependencies: ["b"] },
      { bundleDependencies: ["b"] },
    ],
    "bundled as boolean": [
      { dependencies: { b: "1" }, bundleDependencies: true },
      { dependencies: { b: "1" }, bundleDependencies: ["b"] },
    ],
    "bundled as false": [{ bundleDependencies: false }, { bundleDependencies: [] }],
    "bundled as object": [{ bundleDependencies: { b: "1" } }, { bundleDependencies: ["b"] }],
    "scripts around a publish": [{ scripts: { prepare: "x", prepublishOnly: "y" } }, {}],
    "scripts that are no text": [{ scripts: { test: "x", a: 1 } }, { scripts: { test: "x" } }],
    "scripts with the path of .bin": [
      { scripts: { test: "./node_modules/.bin/mocha" } },
      { scripts: { test: "mocha" } },
    ],
    "the start script of old clients": [{}, { scripts: { start: "node server.js" } }],
    "bin as text": [{ bin: "./cli.js" }, { bin: { a: "cli.js" } }],
    "bin as text on both sides": [{ bin: "cli.js" }, { bin: "./cli.js" }],
    "bin as list": [{ bin: ["./bin/x", "bin/y"] }, { bin: { x: "bin/x", y: "bin/y" } }],
    "bin with a path in its name": [{ bin: { "@s/a": "cli.js" } }, { bin: { a: "cli.js" } }],
    "bin from publishConfig": [
      { bin: "src/cli.ts", publishConfig: { bin: "dist/cli.js" } },
      { bin: { a: "dist/cli.js" } },
    ],
    "bin from a folder": [
      { directories: { bin: "./bin" } },
      { bin: { x: "bin/x", y: "bin/sub/y" } },
    ],
    "empty bin": [{ bin: {} }, {}],
  };
  test.each(Object.entries(same))("%s", async (_, [inside, outside]) => {
    expect(await check(inside, outside)).toBe(undefined);
  });

  test("a binding.gyp adds an install script", async () => {
    expect(await check({}, { scripts: { install: "node-gyp rebuild" } }, true)).toBe(undefined);
    expect(await check({}, { scripts: { install: "node-gyp rebuild" } }, false)).toBe(
      "E_MANIFEST_MISMATCH",
    );
    expect(await check({}, { scripts: { install: "evil" } }, true)).toBe("E_MANIFEST_MISMATCH");
  });
});

describe("H7 attack 21: a real mismatch is refused", () => {
  const different: Record<string, [inside: object, outside: object]> = {
    name: [{ name: "@s/b" }, {}],
    version: [{ version: "1.0.1" }, {}],
    "no name": [{ name: null }, {}],
    "a hidden dependency": [{ dependencies: { evil: "1" } }, {}],
    "an invented dependency": [{}, { dependencies: { evil: "1" } }],
    "another range": [{ dependencies: { b: "1" } }, { dependencies: { b: "2" } }],
    "a workspace range that became an address": [
      { dependencies: { b: "workspace:*" } },
      { dependencies: { b: "https://evil.example/b.tgz" } },
    ],
    "another repository": [
      { dependencies: { b: "u/b" } },
      { dependencies: { b: "github:evil/b" } },
    ],
    "another commit": [{ dependencies: { b: "u/b#1" } }, { dependencies: { b: "github:u/b#2" } }],
    "a hidden optional dependency": [{ optionalDependencies: { evil: "1" } }, {}],
    "an optional dependency with another range": [
      { optionalDependencies: { b: "1" } },
      { optionalDependencies: { b: "2" } },
    ],
    "a hidden peer": [{ peerDependencies: { evil: "1" } }, {}],
    "an invented development dependency": [{}, { devDependencies: { evil: "1" } }],
    "a hidden bundle": [{ bundleDependencies: ["b"] }, {}],
    "a hidden install script": [{ scripts: { postinstall: "evil" } }, { scripts: {} }],
    "another install script": [{ scripts: { install: "evil" } }, { scripts: { install: "good" } }],
    "a prepare script that is invented": [{}, { scripts: { prepare: "evil" } }],
    "a hidden command": [{ bin: { ls: "evil.js" } }, {}],
    "another command": [{ bin: { a: "evil.js" } }, { bin: { a: "good.js" } }],
    "a command out of the folder": [{ directories: { bin: "bin" } }, { bin: { a: "lib/evil.js" } }],
    "a key of Object": [{ dependencies: JSON.parse('{"__proto__":"1"}') as object }, {}],
    "another key of Object": [{}, { dependencies: { constructor: "1" } }],
  };
  test.each(Object.entries(different))("%s", async (_, [inside, outside]) => {
    expect(await check(inside, outside)).toBe("E_MANIFEST_MISMATCH");
  });

  test("the error names the first differences and counts the rest", async () => {
    const dependencies = { b: "1", c: "2", d: "3", e: "4" };
    await expect(
      agree({ packageJson: { ...base, dependencies }, hasBindingGyp: false }, base),
    ).rejects.toThrow(
      /dependencies\.b is "1" in the tarball and absent in the manifest; .*and 1 more/,
    );
  });
});
