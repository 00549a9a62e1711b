// H7: what a publish may not do. Attack 6, tarballs that lead outside, is in test/core/registry-tarball.test.ts and test/faults/input.test.ts.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { pack, publishDocument, type PublishDocument } from "../support/packages.ts";
import { base, place, type Place } from "../serve/place.ts";

const one = { name: "one", version: "1.0.0" };

const read = async (here: Place, name: string) => (await here.ask(`/${name}?write=true`)).json();

/** Files that were taken in and not thrown away. */
const spooled = (here: Place) => readdir(join(here.folder, "data/tmp")).catch(() => []);

async function refused(
  here: Place,
  spoil: (document: PublishDocument) => void,
  token: string,
): Promise<any> {
  const document = publishDocument(base, one, pack(one));
  spoil(document);
  const got = await here.ask("/one", { method: "PUT", token, body: document });
  expect(got.status, got.text).toBe(400);
  expect(await spooled(here)).toEqual([]);
  return got.json();
}

describe("attack 3: the name of a file is derived, what a client calls it is only compared", () => {
  test.each([
    "../../one-1.0.0.tgz",
    "..\\one-1.0.0.tgz",
    "/etc/one-1.0.0.tgz",
    "two-1.0.0.tgz",
    "@evil/one-1.0.0.tgz",
    "one-1.0.1.tgz",
    "one-1.0.0.tgz\u0000",
    "one-1.0.0.tgz/../../x",
    "ONE-1.0.0.tgz",
  ])("%j", async (file) => {
    await using here = await place();
    const token = await here.signIn("ann");
    await refused(
      here,
      (document) => {
        const [attachment] = Object.values(document._attachments);
        document._attachments = { [file]: attachment! };
      },
      token,
    );
    expect((await here.ask("/one")).status).toBe(404);
  });
});

describe("attack 21: a manifest says what its tarball does, or is refused", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["dependencies", { dependencies: { evil: "1.0.0" } }, /dependencies\.evil/],
    ["optional dependencies", { optionalDependencies: { evil: "*" } }, /Dependencies\.evil/],
    ["peer dependencies", { peerDependencies: { evil: "*" } }, /peerDependencies\.evil/],
    ["bundled dependencies", { bundleDependencies: ["evil"] }, /bundleDependencies\.evil/],
    ["scripts", { scripts: { postinstall: "curl evil" } }, /scripts\.postinstall/],
    ["bin", { bin: { npm: "./evil.js" } }, /bin\.npm/],
    ["the name", { name: "two" }, /two/],
    ["the version", { version: "2.0.0" }, /2\.0\.0/],
  ])("%s", async (_, lie, named) => {
    await using here = await place();
    const token = await here.signIn("ann");
    const { code, error } = await refused(
      here,
      (document) => Object.assign(document.versions["1.0.0"]!, lie),
      token,
    );
    expect([code, error]).toEqual(["E_MANIFEST_MISMATCH", expect.stringMatching(named)]);
    expect((await here.ask("/one")).status).toBe(404);
  });

  test("nor may the tarball do more than the manifest says", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const inside = { ...one, scripts: { postinstall: "curl evil" }, dependencies: { evil: "1" } };
    const document = publishDocument(base, one, pack(inside));
    const got = await here.ask("/one", { method: "PUT", token, body: document });
    expect([got.status, got.json().code]).toEqual([400, "E_MANIFEST_MISMATCH"]);
  });
});

describe("attack 22: a published version cannot be changed through the metadata", () => {
  test.each<[string, (document: any) => void, status: number]>([
    [
      "a version is added",
      ({ versions }) => (versions["6.6.6"] = { ...versions["1.0.0"], version: "6.6.6" }),
      400,
    ],
    [
      "another integrity",
      ({ versions }) => (versions["1.0.0"].dist.integrity = "sha512-AAAA"),
      400,
    ],
    ["another shasum", ({ versions }) => (versions["1.0.0"].dist.shasum = "0".repeat(40)), 200],
    [
      "another tarball",
      ({ versions }) => (versions["1.0.0"].dist.tarball = "http://evil.invalid/one-1.0.0.tgz"),
      200,
    ],
    ["dependencies", ({ versions }) => (versions["1.0.0"].dependencies = { evil: "1" }), 200],
    ["scripts", ({ versions }) => (versions["1.0.0"].scripts = { postinstall: "evil" }), 200],
    ["a bin", ({ versions }) => (versions["1.0.0"].bin = { npm: "evil.js" }), 200],
    ["who published it", ({ versions }) => (versions["1.0.0"]._npmUser = { name: "bob" }), 200],
    ["another date", ({ time }) => (time["1.0.0"] = "2001-01-01T00:00:00.000Z"), 200],
    ["a signature", ({ versions }) => (versions["1.0.0"].dist.signatures = []), 200],
  ])("%s", async (_, spoil, status) => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.publish(token, one);
    const before = await read(here, "one");
    // deprecations come by the first, for which nothing but messages counts
    for (const [path, expected] of [
      ["/one", 200],
      [`/one/-rev/${before._rev}`, status],
    ] as const) {
      const document = structuredClone(before);
      spoil(document);
      const got = await here.ask(path, { method: "PUT", token, body: document });
      expect(got.status, got.text).toBe(expected);
      const after = await read(here, "one");
      expect([after.versions, after.time["1.0.0"]]).toEqual([
        before.versions,
        before.time["1.0.0"],
      ]);
    }
  });
});

describe("attack 23: one publish is one version, and it is the one that is attached", () => {
  test.each<[string, (document: PublishDocument) => void]>([
    ["two versions", (d) => (d.versions["6.6.6"] = { ...one, version: "6.6.6" })],
    ["two tarballs", (d) => (d._attachments["one-6.6.6.tgz"] = Object.values(d._attachments)[0]!)],
    ["the tarball of another", (d) => (d.versions = { "6.6.6": { ...one, version: "6.6.6" } })],
    ["a tag to another", (d) => (d["dist-tags"] = { latest: "6.6.6" })],
  ])("%s", async (_, spoil) => {
    await using here = await place();
    const token = await here.signIn("ann");
    await refused(here, spoil, token);
    await here.publish(token, { ...one, version: "0.9.0" });
    await refused(here, spoil, token);
    expect(Object.keys((await read(here, "one")).versions)).toEqual(["0.9.0"]);
  });
});
