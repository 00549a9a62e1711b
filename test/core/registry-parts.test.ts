import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import {
  baseName,
  checkName,
  checkNewName,
  checkTag,
  checkVersion,
  packageKind,
  revisionOf,
  scopeOf,
  shortManifest,
  spool,
  storeManifest,
  tarballFile,
  tarballOf,
  uuidOf,
  type JsonObject,
  type PackageEvent,
  type PackageState,
} from "@citadel/core/registry";

import { tempFolder } from "../support/temp.ts";
import { codeOf } from "./registry-harness.ts";

const refused = (check: () => unknown): string | undefined => {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("names", () => {
  test.each([
    "a",
    "a-b.c_d",
    "@s/p",
    "@a-b/c.d",
    "constructor",
    "tostring",
    "0",
    "-",
    "con",
    "a".repeat(214),
  ])("%s is a name", (name) => {
    expect(checkNewName(name)).toBe(name);
  });
  test.each(["JSONStream", "events", "x!", "toString"])("%s may be read but not made", (name) => {
    expect(checkName(name)).toBe(name);
    expect(refused(() => checkNewName(name))).toBe("E_INVALID_NAME");
  });
  // hardening.md, attacks 1 to 5
  test.each(
    [
      [
        "",
        ".",
        "..",
        ".a",
        "_a",
        " a",
        "a ",
        "a b",
        "a/b",
        "@a",
        "@/a",
        "@a/",
        "@a/b/c",
        "@a/.b",
        "@../b",
        "@a/..",
        "../a",
      ],
      [
        "..%2fa",
        "%2e%2e",
        "a\\b",
        "a\0",
        "a\n",
        "é",
        "node_modules",
        "favicon.ico",
        "__proto__",
        "@__proto__/a",
        "@a/__proto__",
      ],
      ["a".repeat(215), `@${"a".repeat(200)}/${"b".repeat(20)}`],
      [null, undefined, 1, {}, [], ["a"]],
    ].flat(),
  )("%j is no name", (name) => {
    expect(refused(() => checkName(name))).toBe("E_INVALID_NAME");
  });

  test("whatever passes is safe in paths and falls into scope and base name", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.webPath()), (text) => {
        for (const name of [text, `@${text}`, `@s/${text}`, `@${text}/p`]) {
          if (refused(() => checkName(name)) !== undefined) continue;
          const scope = scopeOf(name);
          expect(scope === undefined ? baseName(name) : `@${scope}/${baseName(name)}`).toBe(name);
          for (const part of [scope ?? "x", baseName(name)]) {
            expect(part).toMatch(/^[^./\\%\s][^/\\%\s]*$/);
            expect(encodeURIComponent(part)).toBe(part);
          }
        }
      }),
    );
  });

  test("tarballs are called by the name without scope", () => {
    expect(tarballFile("@s/p", "1.0.0-a")).toBe("p-1.0.0-a.tgz");
  });
});

describe("versions and tags", () => {
  test.each(["1.0.0", "0.0.0", "1.2.3-a.1", "1.0.0-0A.is.legal", "999999999.0.0"])(
    "%s is a version",
    (version) => {
      expect(checkVersion(version)).toBe(version);
    },
  );
  test("build metadata is cut off", () => {
    expect(checkVersion("1.0.0+a.b")).toBe("1.0.0");
    expect(checkVersion("1.0.0-x+01")).toBe("1.0.0-x");
  });
  test.each([
    "",
    "1",
    "1.0",
    "v1.0.0",
    "=1.0.0",
    " 1.0.0",
    "1.0.0 ",
    "01.0.0",
    "1.0.0-01",
    "1.0.0beta/..",
    "latest",
    "1.0.0/x",
    "__proto__",
    null,
    1,
    {},
  ])("%j is no version", (version) => {
    expect(refused(() => checkVersion(version))).toBe("E_INVALID_VERSION");
  });
  test("numbers of npm's first years stay as they are", () => {
    expect(checkVersion("1.0.0beta2")).toBe("1.0.0beta2");
    expect(checkVersion("2.0.0rc.1")).toBe("2.0.0rc.1");
  });
  test("strict semver 2.0", () => {
    const id = fc.stringMatching(/^(0|[1-9]\d{0,3}|\d*[a-zA-Z-][\da-zA-Z-]{0,5})$/);
    const number = fc.nat(10_000);
    fc.assert(
      fc.property(number, number, number, fc.array(id, { maxLength: 3 }), (a, b, c, pre) => {
        const version = `${a}.${b}.${c}${pre.length > 0 ? `-${pre.join(".")}` : ""}`;
        expect(checkVersion(version)).toBe(semver.valid(version));
      }),
    );
  });
  test.each(["latest", "next", "beta-1", "v", "feature/one", "ä", "constructor", "a b"])(
    "%s is a tag",
    (tag) => {
      expect(checkTag(tag)).toBe(tag);
    },
  );
  test.each([
    "",
    " ",
    "1",
    "1.x",
    "x",
    "*",
    "^1",
    ">=1 <2",
    "1.0.0",
    "v1",
    "a\n",
    "a\0",
    " next",
    "\ud800",
    "__proto__",
    "t".repeat(215),
    null,
    1,
  ])("%j is no tag", (tag) => {
    expect(refused(() => checkTag(tag))).toBe("E_INVALID_TAG");
  });
});

describe("manifests as stored", () => {
  const inspected = { fileCount: 3, unpackedSize: 99, hasShrinkwrap: false, hasBindingGyp: false };
  const stored = (manifest: JsonObject, more: Partial<typeof inspected> = {}): JsonObject =>
    JSON.parse(
      Buffer.from(
        storeManifest({
          manifest,
          name: "@s/a",
          version: "1.0.0",
          publisher: { name: "alice", email: "a@b.c" },
          maintainers: [{ name: "alice", email: "a@b.c" }],
          tarball: { integrity: "sha512-x", shasum: "0" },
          inspected: { ...inspected, ...more },
        }),
      ).toString(),
    ) as JsonObject;

  test("every field of the publisher stays, in order; identity, people and dist are the registry's", () => {
    const manifest =
      JSON.parse(`{"name":"@s/a","description":"d","version":"1.0.0+1","_id":"evil@6","custom":{"z":1,"a":[null]},
      "maintainers":[{"name":"evil"}],"_npmUser":{"name":"evil"},"readme":"# no","readmeFilename":"R.md","deprecated":"x",
      "_attachments":{},"gitHead":"abc","bin":"./x.js","__proto__":{"polluted":true},
      "dist":{"tarball":"http://evil","signatures":[1],"shasum":"1","attestations":{}},"license":"MIT"}`) as JsonObject;
    const kept = stored(manifest);
    expect(Object.keys(kept)).toEqual(
      "name description version _id custom maintainers _npmUser readmeFilename gitHead bin __proto__ license dist".split(
        " ",
      ),
    );
    expect(kept).toMatchObject({
      version: "1.0.0",
      _id: "@s/a@1.0.0",
      custom: { z: 1, a: [null] },
      maintainers: [{ name: "alice", email: "a@b.c" }],
      _npmUser: { name: "alice", email: "a@b.c" },
      bin: { a: "./x.js" },
      dist: { integrity: "sha512-x", shasum: "0", fileCount: 3, unpackedSize: 99 },
    });
    expect(kept["dist"]).toEqual({
      integrity: "sha512-x",
      shasum: "0",
      fileCount: 3,
      unpackedSize: 99,
    });
  });

  test("any manifest stays what it was in every other field, and ends with the two braces that views need", () => {
    const own = new Set([
      "name",
      "version",
      "bin",
      "_id",
      "_npmUser",
      "maintainers",
      "dist",
      "readme",
      "deprecated",
    ]);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const fields = Object.entries(extra).filter(
          ([key]) => !key.startsWith("_") && !own.has(key),
        );
        const manifest = {
          ...Object.fromEntries(fields),
          name: "@s/a",
          version: "1.0.0",
        } as JsonObject;
        const bytes = storeManifest({
          manifest,
          name: "@s/a",
          version: "1.0.0",
          publisher: { name: "a", email: "" },
          maintainers: [],
          tarball: { integrity: "i", shasum: "s" },
          inspected,
        });
        const text = Buffer.from(bytes).toString();
        expect(text.endsWith("}}")).toBe(true);
        const spliced = JSON.parse(`${text.slice(0, -2)},"tarball":"t"}}`) as JsonObject;
        expect(spliced).toMatchObject({ dist: { tarball: "t", fileCount: 3 } });
        for (const [key] of fields)
          expect(JSON.stringify(spliced[key])).toBe(JSON.stringify(manifest[key]));
      }),
    );
  });

  test("flags come from the tarball, and nothing is invented", () => {
    expect(stored({})).not.toHaveProperty("_hasShrinkwrap");
    expect(stored({ _hasShrinkwrap: true })).toMatchObject({ _hasShrinkwrap: false });
    expect(stored({}, { hasShrinkwrap: true })).toMatchObject({ _hasShrinkwrap: true });
    expect(stored({}, { hasBindingGyp: true })).toMatchObject({ gypfile: true });
    expect(stored({ gypfile: false }, { hasBindingGyp: true })).toMatchObject({ gypfile: false });
    expect(stored({})).not.toHaveProperty("gypfile");
  });

  test("the short form has the fields of protocol.md 4.2 and no other", () => {
    const full = stored({
      ...{
        dependencies: { b: "1" },
        peerDependenciesMeta: {},
        libc: ["musl"],
        cpu: ["x64"],
        engines: { node: "*" },
      },
      ...{
        description: "no",
        readme: "no",
        keywords: [],
        scripts: { test: "x" },
        bundledDependencies: ["b"],
      },
    });
    const short = shortManifest(full);
    expect(Object.keys(short)).toEqual(
      "name version dependencies bundledDependencies peerDependenciesMeta engines cpu libc dist".split(
        " ",
      ),
    );
    expect(short["dist"]).toBe(full["dist"]);
  });

  test.each([
    [{ scripts: { install: "x" } }, {}, true],
    [{ scripts: { preinstall: "x" } }, {}, true],
    [{ scripts: { postinstall: "x" } }, {}, true],
    [{ scripts: { test: "x", prepare: "x" } }, {}, undefined],
    [{ hasInstallScript: true }, {}, undefined],
    [{}, { hasBindingGyp: true }, true],
    [{ gypfile: false }, { hasBindingGyp: true }, undefined],
  ])("hasInstallScript of %j with %j is %j", (manifest, more, expected) => {
    expect(shortManifest(stored(manifest as JsonObject, more))["hasInstallScript"]).toBe(expected);
  });
});

describe("the package document", () => {
  const version = fc.constantFrom("1.0.0", "1.0.1", "2.0.0-a", "3.0.0");
  const word = fc.constantFrom("latest", "next", "constructor", "ü");
  const who = fc.constantFrom("alice", "bob");
  const event: fc.Arbitrary<PackageEvent> = fc.oneof(
    fc.record({
      type: fc.constant("publish" as const),
      version,
      tags: fc.uniqueArray(word),
      record: fc.record(
        {
          manifest: fc.stringMatching(/^[\w-]{43}$/),
          integrity: fc.string(),
          size: fc.nat(),
          time: fc.nat(),
          by: who,
          readme: fc.stringMatching(/^[\w-]{43}$/),
          deprecated: fc.string({ minLength: 1 }),
        },
        { requiredKeys: ["manifest", "integrity", "size", "time", "by"] },
      ),
    }),
    fc.record({ type: fc.constant("tag" as const), tag: word, version }),
    fc.record({ type: fc.constant("untag" as const), tag: word }),
    fc.record({
      type: fc.constant("deprecate" as const),
      versions: fc.array(version),
      message: fc.string(),
    }),
    fc.record({ type: fc.constant("unpublish" as const), versions: fc.array(version) }),
    fc.record({ type: fc.constant("owners" as const), owners: fc.array(who) }),
    fc.record({ type: fc.constant("star" as const), user: who, on: fc.boolean() }),
  );

  test("encodes and decodes to the same state, however it came about", () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1 }), (events) => {
        const kind = packageKind();
        const fresh = packageKind();
        const change = { at: 5, who: { name: "alice", via: "npm" }, name: "a" } as const;
        let state: PackageState | undefined;
        for (const one of events) {
          state = kind.reduce(state, one, change);
          // texts that were put together and texts made from nothing are the same
          const text = kind.encode(state);
          expect(text).toBe(fresh.encode(structuredClone(state)));
          expect(kind.decode(JSON.parse(text))).toEqual(state);
        }
      }),
    );
  });

  test("an event leaves the state before it as it was", () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 2 }), (events) => {
        const kind = packageKind();
        const change = { at: 5, who: { name: "alice", via: "npm" }, name: "a" } as const;
        let state = kind.reduce(undefined, events[0]!, change);
        for (const one of events.slice(1)) {
          const before = structuredClone(state);
          const after = kind.reduce(state, one, change);
          expect(state).toEqual(before);
          state = after;
        }
      }),
    );
  });

  test("a publish into thousands of versions prints one record, not all", () => {
    const kind = packageKind();
    const change = { at: 5, who: { name: "alice", via: "npm" }, name: "a" } as const;
    let printed = 0;
    const publish = (i: number): PackageEvent => {
      const record = { manifest: `m${i}`, integrity: `i${i}`, size: 1, time: 1, by: "alice" };
      const watched = {
        ...record,
        get size() {
          return (++printed, 1);
        },
      };
      return { type: "publish", version: `1.0.${i}`, tags: ["latest"], record: watched };
    };
    let state = kind.reduce(undefined, publish(0), change);
    for (let i = 1; i < 3000; i++) state = kind.reduce(state, publish(i), change);
    kind.encode(state);
    printed = 0;
    const text = kind.encode(kind.reduce(state, publish(3000), change));
    expect(printed).toBe(1);
    expect((JSON.parse(text) as { versions: unknown[] }).versions).toHaveLength(3001);
  });

  test("revision and uuid", () => {
    const document = { rev: 7, tip: "abcdefghijklmnopqrstuvwxyz" } as Parameters<
      typeof revisionOf
    >[0];
    expect(revisionOf(document)).toBe("7-abcdefghijklmnop");
    expect(uuidOf("a", "1.0.0", "m")).toBe(uuidOf("a", "1.0.0", "m"));
    expect(uuidOf("a", "1.0.0", "m")).not.toBe(uuidOf("a", "1.0.0", "n"));
  });
});

describe("spool", () => {
  async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
  }
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));

  test("a small tarball stays in memory", async () => {
    const folder = await tempFolder("spool");
    try {
      const dir = join(folder.path, "new");
      const spooled = await spool(chunks(bytes, 999), { limit: 5000, dir, memory: 5000 });
      expect(spooled).toMatchObject(tarballOf(bytes));
      await spooled.dispose();
      expect(await readdir(folder.path)).toEqual([]);
    } finally {
      await folder.remove();
    }
  });

  test("a large one goes to a file that only this user can read, and can be read again", async () => {
    const folder = await tempFolder("spool");
    try {
      const dir = join(folder.path, "new");
      const { content, dispose, ...rest } = await spool(chunks(bytes, 999), {
        limit: 5000,
        dir,
        memory: 1000,
      });
      const { content: _, ...expected } = tarballOf(bytes);
      expect(rest).toMatchObject(expected);
      const [file = ""] = await readdir(dir);
      expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600);
      if (content instanceof Uint8Array) throw new Error("it is in memory");
      for (let i = 0; i < 2; i++)
        expect(Buffer.concat(await Array.fromAsync(content.stream()))).toEqual(bytes);
      await dispose();
      await dispose();
      expect(await readdir(dir)).toEqual([]);
    } finally {
      await folder.remove();
    }
  });

  test("what is too long or fails leaves nothing behind", async () => {
    const folder = await tempFolder("spool");
    try {
      const options = { limit: 4000, dir: folder.path, memory: 10 };
      expect(await codeOf(spool(chunks(bytes, 100), options))).toBe("E_TOO_LARGE");
      const failing = (async function* () {
        yield bytes;
        throw new Error("the line is cut");
      })();
      await expect(spool(failing, { ...options, limit: 9999 })).rejects.toThrow("the line is cut");
      expect(await readdir(folder.path)).toEqual([]);
    } finally {
      await folder.remove();
    }
  });
});
