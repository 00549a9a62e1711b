// H11: what lockfiles of every client and version name, and what a prefetch does with it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readLockfile } from "@citadel/plugin-sync";
import { liar, type Liar } from "../servers/liar.ts";
import { oneProcess } from "../support/one-process.ts";
import { pack, sha1, sha512 } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { serveDocument, stock } from "../upstream/behind.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("lockfiles");
let there: Liar;
const bytes = new Map<string, Buffer>();

beforeAll(async () => {
  there = await liar();
  const packages: Record<string, string[]> = {
    one: ["1.0.0", "1.1.0"],
    "@scope/two": ["2.0.0"],
    three: ["3.0.0-beta.1"],
  };
  for (const [name, versions] of Object.entries(packages)) {
    const { tarballs } = stock(there, name, { versions: Object.fromEntries(versions.map((version) => [version, {}])) }); // prettier-ignore
    for (const [version, tarball] of tarballs) bytes.set(`${name}@${version}`, tarball);
  }
});
afterAll(async () => {
  await there[Symbol.asyncDispose]();
  await folder.remove();
});

const hash = (what: string) => sha512(bytes.get(what)!);
const address = (name: string, version: string) =>
  `${there.url}/${name}/-/${name.slice(name.lastIndexOf("/") + 1)}-${version}.tgz`;

/** The same project in every form: `one` twice, a scope, an alias, something optional that nobody has, something from git. */
const lockfiles = (): Record<string, string> => ({
  "npm 1": JSON.stringify({
    name: "project",
    lockfileVersion: 1,
    dependencies: {
      one: { version: "1.0.0", resolved: address("one", "1.0.0"), integrity: hash("one@1.0.0") },
      "@scope/two": {
        version: "2.0.0",
        resolved: address("@scope/two", "2.0.0"),
        integrity: hash("@scope/two@2.0.0"),
        dependencies: {
          one: {
            version: "1.1.0",
            resolved: address("one", "1.1.0"),
            integrity: hash("one@1.1.0"),
          },
          inside: { version: "1.0.0", bundled: true },
        },
      },
      alias: {
        version: "npm:three@3.0.0-beta.1",
        resolved: address("three", "3.0.0-beta.1"),
        integrity: hash("three@3.0.0-beta.1"),
      },
      spare: { version: "9.9.9", optional: true },
      odd: { version: "git+ssh://git@host.example/odd.git#aabbcc", from: "odd@git" },
    },
  }),
  "npm 3": JSON.stringify({
    name: "project",
    lockfileVersion: 3,
    packages: {
      "": { name: "project", workspaces: ["packages/*"] },
      "packages/mine": { version: "1.0.0" },
      "node_modules/mine": { resolved: "packages/mine", link: true },
      "node_modules/one": {
        version: "1.0.0",
        resolved: address("one", "1.0.0"),
        integrity: hash("one@1.0.0"),
      },
      // as with omit-lockfile-registry-resolved
      "node_modules/@scope/two": { version: "2.0.0", integrity: hash("@scope/two@2.0.0") },
      "node_modules/@scope/two/node_modules/one": {
        version: "1.1.0",
        integrity: `sha1-${Buffer.from(sha1(bytes.get("one@1.1.0")!), "hex").toString("base64")} ${hash("one@1.1.0")}`,
      },
      "node_modules/@scope/two/node_modules/inside": { version: "1.0.0", inBundle: true },
      "node_modules/alias": {
        name: "three",
        version: "3.0.0-beta.1",
        integrity: hash("three@3.0.0-beta.1"),
      },
      "node_modules/spare": { version: "9.9.9", optional: true },
      "node_modules/odd": {
        version: "1.0.0",
        resolved: "git+ssh://git@host.example/odd.git#aabbcc",
      },
    },
  }),
  "pnpm 5.4": `lockfileVersion: 5.4
packages:
  /one/1.0.0:
    resolution: {integrity: ${hash("one@1.0.0")}}
  /one/1.1.0_three@3.0.0:
    resolution: {integrity: ${hash("one@1.1.0")}}
  /@scope/two/2.0.0:
    resolution: {integrity: ${hash("@scope/two@2.0.0")}}
  /three/3.0.0-beta.1:
    resolution: {integrity: ${hash("three@3.0.0-beta.1")}}
  /spare/9.9.9:
    resolution: {integrity: ${hash("one@1.0.0")}}
    optional: true
  host.example/odd/aabbcc:
    resolution: {tarball: https://host.example/odd/tar.gz/aabbcc}
`,
  "pnpm 6.0": `lockfileVersion: '6.0'
packages:
  /one@1.0.0:
    resolution: {integrity: ${hash("one@1.0.0")}}
  /one@1.1.0(three@3.0.0)(@scope/two@2.0.0):
    resolution: {integrity: ${hash("one@1.1.0")}}
  /@scope/two@2.0.0:
    resolution: {integrity: ${hash("@scope/two@2.0.0")}}
  /three@3.0.0-beta.1:
    resolution: {integrity: ${hash("three@3.0.0-beta.1")}}
  /spare@9.9.9:
    resolution: {integrity: ${hash("one@1.0.0")}}
    optional: true
  git@host.example+odd/aabbcc:
    resolution: {type: git, repo: "git@host.example:odd.git", commit: aabbcc}
`,
  "pnpm 9.0": `lockfileVersion: '9.0'
packages:
  one@1.0.0:
    resolution: {integrity: ${hash("one@1.0.0")}}
  one@1.1.0:
    resolution: {integrity: ${hash("one@1.1.0")}}
  '@scope/two@2.0.0':
    resolution: {integrity: ${hash("@scope/two@2.0.0")}}
  three@3.0.0-beta.1:
    resolution: {integrity: ${hash("three@3.0.0-beta.1")}}
  spare@9.9.9:
    resolution: {integrity: ${hash("one@1.0.0")}}
  odd@https://host.example/odd/tar.gz/aabbcc:
    resolution: {tarball: https://host.example/odd/tar.gz/aabbcc}
snapshots:
  one@1.0.0: {}
  one@1.1.0(three@3.0.0-beta.1): {}
  '@scope/two@2.0.0': {}
  three@3.0.0-beta.1: {}
  spare@9.9.9:
    optional: true
`,
  "yarn 1": `# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.
# yarn lockfile v1


"@scope/two@^2.0.0":
  version "2.0.0"
  resolved "${address("@scope/two", "2.0.0")}#${sha1(bytes.get("@scope/two@2.0.0")!)}"

"alias@npm:three@^3.0.0-beta.1":
  version "3.0.0-beta.1"
  resolved "${address("three", "3.0.0-beta.1")}"
  integrity ${hash("three@3.0.0-beta.1")}

one@1.0.0, one@^1.0.0:
  version "1.0.0"
  resolved "${address("one", "1.0.0")}#${sha1(bytes.get("one@1.0.0")!)}"
  integrity ${hash("one@1.0.0")}

one@~1.1.0:
  version "1.1.0"
  resolved "${address("one", "1.1.0")}"
  integrity ${hash("one@1.1.0")}

"odd@git+ssh://git@host.example/odd.git":
  version "1.0.0"
  resolved "git+ssh://git@host.example/odd.git#aabbcc"
`,
  "yarn berry 8": `# This file is generated by running "yarn install" inside your project.

__metadata:
  version: 8
  cacheKey: 10c0

"@scope/two@npm:^2.0.0":
  version: 2.0.0
  resolution: "@scope/two@npm:2.0.0"
  checksum: 10c0/abcdef
  languageName: node
  linkType: hard

"alias@npm:three@^3.0.0-beta.1":
  version: 3.0.0-beta.1
  resolution: "three@npm:3.0.0-beta.1"
  languageName: node
  linkType: hard

"one@npm:1.0.0, one@npm:^1.0.0":
  version: 1.0.0
  resolution: "one@npm:1.0.0"
  languageName: node
  linkType: hard

"one@npm:~1.1.0":
  version: 1.1.0
  resolution: "one@npm:1.1.0::__archiveUrl=${encodeURIComponent(address("one", "1.1.0"))}"
  languageName: node
  linkType: hard

"one@patch:one@npm%3A1.0.0#optional!builtin<compat/one>":
  version: 1.0.0
  resolution: "one@patch:one@npm%3A1.0.0#optional!builtin<compat/one>::version=1.0.0&hash=aa"
  languageName: node
  linkType: hard

"odd@git+ssh://git@host.example/odd.git":
  version: 1.0.0
  resolution: "odd@git+ssh://git@host.example/odd.git#commit=aabbcc"
  languageName: node
  linkType: hard

"project@workspace:.":
  version: 0.0.0-use.local
  resolution: "project@workspace:."
  languageName: unknown
  linkType: soft

"spare@npm:9.9.9":
  version: 9.9.9
  resolution: "spare@npm:9.9.9"
  conditions: os=darwin
  languageName: node
  linkType: hard
`,
  "bun 1": `{
  "lockfileVersion": 1,
  "workspaces": { "": { "name": "project" } },
  "packages": {
    "@scope/two": ["@scope/two@2.0.0", "", {}, "${hash("@scope/two@2.0.0")}"],
    "@scope/two/one": ["one@1.1.0", "", {}, "${hash("one@1.1.0")}"],
    "alias": ["three@3.0.0-beta.1", "", {}, "${hash("three@3.0.0-beta.1")}"],
    "mine": ["mine@workspace:packages/mine"],
    "odd": ["odd@git+ssh://git@host.example/odd.git#aabbcc", {}, "host.example-odd-aabbcc"],
    "one": ["one@1.0.0", "", {}, "${hash("one@1.0.0")}"],
    "spare": ["spare@9.9.9", "", { "os": "darwin" }, "${hash("one@1.0.0")}"], // a comma behind the last
  },
}
`,
});

const lockfileOf = async (text: string) => {
  const file = join(folder.path, "read");
  await writeFile(file, text);
  return readLockfile(file);
};

let homes = 0;
async function prefetch(
  text: string,
  {
    home = join(folder.path, `home-${homes++}`),
    env = {} as NodeJS.ProcessEnv,
    args = [] as string[],
  } = {},
) {
  // prettier-ignore
  await mkdir(home, { recursive: true });
  const file = join(home, "lock");
  await writeFile(file, text);
  const upstream = { CITADEL_UPSTREAM: JSON.stringify([{ name: "liar", url: `${there.url}/` }]) };
  const ran = await citadel(home, ["sync:prefetch", file, "--json", ...args], { env: { ...upstream, ...env } }); // prettier-ignore
  const said = JSON.parse(ran.stdout) as {
    format: string;
    tarballs: number;
    failed: { name: string; code: string }[];
    missing: { name: string }[];
    skipped: { what: string }[];
    error?: { code: string; message: string };
  };
  return { ...said, code: ran.code, home };
}
const asked = (from = 0) => there.requests.slice(from).map(({ url }) => url);

describe("H11 lockfiles", () => {
  test.each([
    "npm 1",
    "npm 3",
    "pnpm 5.4",
    "pnpm 6.0",
    "pnpm 9.0",
    "yarn 1",
    "yarn berry 8",
    "bun 1",
  ])("H11: %s: what it names", async (format) => {
    // prettier-ignore
    const read = await lockfileOf(lockfiles()[format]!);
    expect(read.format).toBe(format);
    expect(read.locked.map(({ name, version, optional }) => [name, version, optional])).toEqual([
      ["@scope/two", "2.0.0", undefined],
      ["one", "1.0.0", undefined],
      ["one", "1.1.0", undefined],
      ...(format === "yarn 1" ? [] : [["spare", "9.9.9", true]]),
      ["three", "3.0.0-beta.1", undefined],
    ]);
    expect(read.skipped.map(({ what }) => what)).toEqual([expect.stringContaining("odd")]);
    const known = read.locked.filter(({ name, integrity }) => name !== "spare" && integrity);
    // the checksums of berry are those of its own archives
    expect(known.length).toBe(format.startsWith("yarn berry") ? 0 : 4);
  });

  test("H11: each tarball is fetched once; hashes of yarn 1 may be SHA-1 alone", async () => {
    const from = there.requests.length;
    const found = await prefetch(lockfiles()["yarn 1"]!);
    expect(found).toMatchObject({ format: "yarn 1", code: 0, tarballs: 4, failed: [], skipped: [{ what: expect.stringContaining("odd") as string }] }); // prettier-ignore
    expect(
      asked(from)
        .filter((url) => url?.endsWith(".tgz"))
        .toSorted((a = "", b = "") => (a < b ? -1 : 1)),
    ).toEqual([
      // prettier-ignore
      "/@scope/two/-/two-2.0.0.tgz",
      "/one/-/one-1.0.0.tgz",
      "/one/-/one-1.1.0.tgz",
      "/three/-/three-3.0.0-beta.1.tgz",
    ]);
  });

  test("H11: what is warm is not asked for again, also when the other registry is gone", async () => {
    const { home } = await prefetch(lockfiles()["npm 3"]!);
    const from = there.requests.length;
    const again = await prefetch(lockfiles()["npm 3"]!, { home });
    expect(again).toMatchObject({ code: 0, tarballs: 4 });
    expect(asked(from).filter((url) => url?.endsWith(".tgz"))).toEqual([]);
  });

  const npm = (entries: Record<string, object>): string =>
    JSON.stringify({ lockfileVersion: 3, packages: entries });

  test("H11: a hash that the tarball does not have: listed, exit code 6", async () => {
    const found = await prefetch(npm({
      "node_modules/one": { version: "1.0.0", integrity: hash("one@1.1.0") },
      "node_modules/three": { version: "3.0.0-beta.1", integrity: hash("three@3.0.0-beta.1") },
    })); // prettier-ignore
    expect(found).toMatchObject({ code: 6, tarballs: 1, failed: [{ name: "one", code: "E_INTEGRITY" }] }); // prettier-ignore
  });

  test("H11: a version that nobody has is exit code 4; several sorts of failure are 1", async () => {
    const none = { "node_modules/one": { version: "7.0.0" } };
    expect(await prefetch(npm(none))).toMatchObject({ code: 4, failed: [{ code: "E_VERSION_NOT_FOUND" }] }); // prettier-ignore
    serveDocument(there, "broken", { name: "other", versions: {} });
    const two = await prefetch(npm({ ...none, "node_modules/broken": { version: "1.0.0" } }));
    expect(two).toMatchObject({ code: 1, failed: [{ name: "broken", code: "E_REMOTE_ANSWER" }, { name: "one" }] }); // prettier-ignore
  });

  test("H11: private names never leave, and neither do those that are published here", async () => {
    const home = join(folder.path, "private");
    await mkdir(home, { recursive: true });
    const file = join(home, "mine.tgz");
    const mine = pack({ name: "mine", version: "1.0.0" });
    await writeFile(file, mine);
    const published = await citadel(home, ["local:publish", "mine", "1.0.0", "-", "-f", file]);
    expect(published.code, published.output).toBe(0);
    const from = there.requests.length;
    const found = await prefetch(npm({
      "node_modules/mine": { version: "1.0.0", integrity: sha512(mine) },
      "node_modules/@acme/secret": { version: "1.0.0" },
      "node_modules/@acme/spare": { version: "1.0.0", optional: true },
      "node_modules/one": { version: "1.0.0" },
    }), { home, env: { CITADEL_UPSTREAM_PRIVATE: "@acme/*" } }); // prettier-ignore
    expect(found).toMatchObject({
      code: 4,
      tarballs: 2,
      failed: [{ name: "@acme/secret", code: "E_PACKAGE_NOT_FOUND" }],
      missing: [{ name: "@acme/spare" }],
    });
    expect(asked(from).join()).not.toMatch(/acme|mine/);
  });

  test("H11, attack 2: what is no lockfile, a hostile one, and a binary one", async () => {
    const wrong = (text: string, code: string) =>
      expect(lockfileOf(text), text.slice(0, 80)).rejects.toMatchObject({ code });
    const none = ["", "hello", "{", "{}", "[1]", '{"lockfileVersion":3,"packages":[]}', "lockfileVersion: '6.0'\n\t: x", "lockfileVersion: '99.0'\n", '{"lockfileVersion":1,"workspaces":{},"packages":{"a":1}}']; // prettier-ignore
    for (const text of none) await wrong(text, "E_INVALID_DOCUMENT");
    for (const name of ["../../etc", "@scope/../../etc", "@scope/..", "__proto__"])
      await wrong(npm({ [`node_modules/${name}`]: { version: "1.0.0" } }), "E_INVALID_DOCUMENT");
    await wrong(npm({ "node_modules/one": { version: "1.0.0", integrity: hash("one@1.0.0") }, "node_modules/a/node_modules/one": { version: "1.0.0", integrity: hash("one@1.1.0") } }), "E_INTEGRITY"); // prettier-ignore
    await wrong("#!/usr/bin/env bun\nbun-lockfile-format-v0\n\0\0", "E_USAGE");
    const deep = `{"lockfileVersion":1,"dependencies":${'{"a":{"version":"9.0.0","dependencies":'.repeat(5000)}{}${"}}".repeat(5000)}}`; // prettier-ignore
    expect((await lockfileOf(deep)).locked).toHaveLength(1);
    const traversal = { "node_modules/one": { version: "../../../1.0.0" } };
    expect((await lockfileOf(npm(traversal))).skipped).toHaveLength(1);
    const said = await prefetch("hello");
    expect(said).toMatchObject({ code: 2, error: { code: "E_INVALID_DOCUMENT" } });
  });
});

describe("H11 bundles", () => {
  test("H11: all of it or no file; a bundle that was tampered with adds nothing", async () => {
    const home = join(folder.path, "bundle");
    const { home: warm } = await prefetch(lockfiles()["npm 3"]!, { home });
    const env = { CITADEL_UPSTREAM: JSON.stringify([{ name: "liar", url: `${there.url}/` }]) };
    const out = join(home, "out.tar");
    const bad = join(home, "bad");
    await writeFile(bad, JSON.stringify({ lockfileVersion: 3, packages: { "node_modules/one": { version: "1.0.0" }, "node_modules/none": { version: "1.0.0" } } })); // prettier-ignore
    const refused = await citadel(warm, ["sync:bundle", bad, "-o", out, "--json"], { env });
    expect(refused.code).toBe(4);
    await expect(readFile(out)).rejects.toThrow("ENOENT");

    const wrote = await citadel(warm, ["sync:bundle", join(home, "lock"), "-o", out, "--json"], { env }); // prettier-ignore
    expect(JSON.parse(wrote.stdout)).toMatchObject({ packages: 3, versions: 4, failed: [] });
    const whole = await readFile(out);
    const place = whole.indexOf(bytes.get("one@1.1.0")!.subarray(0, 64));
    expect(place).toBeGreaterThan(0);
    const changed = Buffer.from(whole);
    changed[place + 70] = (changed[place + 70] ?? 0) ^ 1;
    const other = join(folder.path, "air");
    for (const hostile of [changed, whole.subarray(0, whole.length / 2)]) {
      await writeFile(out, hostile);
      const failed = await citadel(other, ["local:import", out]);
      expect(failed.code, failed.output).not.toBe(0);
      const list = await citadel(other, ["local:list-packages", "--json"]);
      expect(JSON.parse(list.stdout)).toMatchObject({ items: [] });
    }
    await writeFile(out, whole);
    const loaded = await citadel(other, ["local:import", out, "--json"]);
    expect(JSON.parse(loaded.stdout)).toMatchObject({ packages: { added: 3 }, versions: { added: 4 } }); // prettier-ignore
    const sound = await citadel(other, ["verify"]);
    expect(sound.code, sound.output).toBe(0);
    const latest = await citadel(other, ["local:resolve", "three", "latest", "-", "--json"]);
    expect(JSON.parse(latest.stdout)).toMatchObject({ version: "3.0.0-beta.1" });
  });
});
