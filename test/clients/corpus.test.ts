// A1 B2 H7: real packages in and out. What Citadel serves equals what the public registry serves, field by field.
import { Agent } from "node:http";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { everyVersionOf, newestOf, openCorpus, type Corpus } from "../support/corpus.ts";
import { request } from "../support/http.ts";
import {
  inUrl,
  packument,
  put,
  sha1,
  sha512,
  signIn,
  tarballOf,
  type Packument,
  type PublishDocument,
} from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

/** Fields of a version that differ, or that one side has alone, and why. */
const versionExceptions: Readonly<Record<string, string>> = {
  _npmUser: "set from the session that published here",
  maintainers: "the owners here",
  _npmOperationalInternal: "a note of the public registry to itself",
  deprecated: "said afterwards, in a document without attachments; compared on its own",
  dist: "compared on its own",
};
const distExceptions: Readonly<Record<string, string>> = {
  tarball: "the address of this registry",
  signatures: "made with the keys of the public registry",
  "npm-signature": "the same, in its old form",
  attestations: "an address at the public registry",
  fileCount: "counted here; old versions lack it there",
  unpackedSize: "counted here; old versions lack it there",
};
const documentExceptions: Readonly<Record<string, string>> = {
  _rev: "opaque",
  time: "the time of the publish here; compared by its keys",
  maintainers: "the owners here",
  users: "stars given there",
  versions: "compared one by one",
  _attachments: "always empty; some registries leave it out",
};
/** Fields that a registry copies to the top of the document from the version that `latest` names. */
const fromLatest = [
  "author",
  "bugs",
  "contributors",
  "description",
  "homepage",
  "keywords",
  "license",
  "readme",
  "readmeFilename",
  "repository",
];
/** What the registry adds to a version because it looked into the tarball. */
const added = ["_hasShrinkwrap", "gypfile"];
/** Fields of the short form, protocol section 4.2. */
const shortFields = [
  "name",
  "version",
  "deprecated",
  "dependencies",
  "optionalDependencies",
  "devDependencies",
  "bundleDependencies",
  "bundledDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "acceptDependencies",
  "bin",
  "directories",
  "engines",
  "funding",
  "cpu",
  "os",
  "libc",
  "_hasShrinkwrap",
];

type Version = Packument["versions"][string];

const without = (object: object, names: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !Object.hasOwn(names, name)));

/** The one change that a registry makes to a manifest: a bare `bin` becomes an object. */
function normal(version: Version): Record<string, unknown> {
  const { bin } = version;
  if (typeof bin !== "string") return version;
  return { ...version, bin: { [String(version["name"]).replace(/^.*\//, "")]: bin } };
}

let temp: Temp;
let server: Server;
let token: string;
let corpus: Corpus;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  temp = await tempFolder("corpus");
  corpus = await openCorpus();
  server = await serve({ home: join(temp.path, "registry") });
  token = await signIn(server.url, "ann");
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await server?.stop();
  await temp?.remove();
});

/** The document of the public registry, with these of its versions alone. */
function only(whole: Packument, versions: readonly string[]): Packument {
  const kept = (names: object) =>
    Object.fromEntries(Object.entries(names).filter(([name]) => versions.includes(name)));
  return {
    ...whole,
    versions: kept(whole.versions) as Packument["versions"],
    "dist-tags": Object.fromEntries(
      Object.entries(whole["dist-tags"]).filter(([, version]) => versions.includes(version)),
    ),
  };
}

/** Puts one version as npm would, and says it is deprecated when it is. */
async function bring(whole: Packument, version: string, tarball: Buffer): Promise<void> {
  const { name } = whole;
  const { deprecated, ...manifest } = whole.versions[version]!;
  const tags = Object.entries(whole["dist-tags"]).filter(([, to]) => to === version);
  const document: PublishDocument = {
    _id: name,
    name,
    access: null,
    "dist-tags": tags.length > 0 ? Object.fromEntries(tags) : { unnamed: version },
    versions: {
      [version]: { ...manifest, dist: { ...manifest.dist, integrity: sha512(tarball) } },
    },
    ...(whole["dist-tags"]["latest"] === version && typeof whole["readme"] === "string"
      ? { readme: whole["readme"] }
      : {}),
    _attachments: {
      [`${name}-${version}.tgz`]: {
        content_type: "application/octet-stream",
        data: tarball.toString("base64"),
        length: tarball.length,
      },
    },
  };
  const answer = await put(server.url, token, document, agent);
  expect(answer.status, `${name}@${version}: ${answer.text().slice(0, 400)}`).toBe(201);
  if (!deprecated) return;
  const current = structuredClone(await packument(server.url, name)) as unknown as PublishDocument;
  current.versions[version]!["deprecated"] = deprecated;
  const said = await put(server.url, token, current, agent);
  expect(said.status, said.text()).toBeLessThan(300);
}

/** Compares all that is served of a package with what the public registry serves. */
async function compare(there: Packument): Promise<void> {
  const { name } = there;
  const full = (await packument(server.url, name))!;
  const short = (await packument(server.url, name, { form: "short" }))!;
  const versions = Object.keys(there.versions);
  expect(Object.keys(full.versions).sort()).toEqual(versions.toSorted());
  expect(Object.keys(short.versions).sort()).toEqual(versions.toSorted());
  expect(full["dist-tags"]).toEqual(there["dist-tags"]);
  expect(short["dist-tags"]).toEqual(there["dist-tags"]);
  for (const document of [full, short])
    expect(Object.keys(document["time"] as object).sort()).toEqual(
      [...versions, "created", "modified"].sort(),
    );

  const top = without(there, { ...documentExceptions });
  expect(without(full, documentExceptions)).toMatchObject(top);
  const latest = there.versions[there["dist-tags"]["latest"] ?? ""];
  for (const field of fromLatest)
    if (top[field] === undefined && !field.startsWith("readme"))
      expect(full[field], `${name}: ${field}`).toEqual(latest?.[field]);

  for (const version of versions) {
    const what = `${name}@${version}`;
    const [theirs, ours, brief] = [there, full, short].map((d) => d.versions[version]!) as [
      Version,
      Version,
      Version,
    ];
    const expected = without(normal(theirs), versionExceptions);
    const served = without(ours, versionExceptions);
    for (const field of added) if (!(field in expected)) delete served[field];
    expect(served, what).toEqual(expected);
    expect(ours.deprecated || undefined, what).toBe(theirs.deprecated || undefined);
    expect(without(ours.dist, distExceptions), what).toEqual({
      integrity: ours.dist.integrity,
      ...without(theirs.dist, distExceptions),
    });
    for (const count of ["fileCount", "unpackedSize"] as const) {
      const said = (theirs.dist as Record<string, unknown>)[count];
      const counted = (ours.dist as Record<string, unknown>)[count];
      expect(counted, `${what} ${count}`).toBeTypeOf("number");
      if (said !== undefined) expect(counted, `${what} ${count}`).toBe(said);
    }

    const wanted = Object.fromEntries(
      Object.entries(normal(ours)).filter(([field]) => shortFields.includes(field)),
    );
    const { hasInstallScript, dist, ...rest } = brief;
    expect(rest, `${what}, short`).toEqual(wanted);
    expect(dist, `${what}, short`).toEqual(ours.dist);
    const scripts = (theirs["scripts"] ?? {}) as Record<string, unknown>;
    const installs = ["preinstall", "install", "postinstall"].some((script) => scripts[script]);
    if (installs) expect(hasInstallScript, what).toBe(true);
    else expect([undefined, ours["gypfile"]], what).toContain(hasInstallScript);
  }
}

describe("B2 the newest version", () => {
  const tried = [...newestOf, ...[0, 1, 2].map((i) => `esbuild platform ${i + 1}`)];
  test.each(tried)(
    "A1 %s",
    async (wanted) => {
      const esbuild = /^esbuild platform (\d)$/.exec(wanted);
      let name = wanted;
      if (esbuild) {
        const main = await corpus.packument("esbuild");
        const platforms =
          main.versions[main["dist-tags"]["latest"] ?? ""]?.["optionalDependencies"];
        name = Object.keys(platforms ?? {}).filter((one) => /linux-|darwin-|win32-/.test(one))[
          Number(esbuild[1]) * 3
        ]!;
      }
      const whole = await corpus.packument(name);
      const version = whole["dist-tags"]["latest"]!;
      const there = only(whole, [version]);
      const tarball = await corpus.tarball(whole, version);
      await bring(there, version, tarball);
      await compare(there);
      const back = await tarballOf(server.url, (await packument(server.url, name))!, version);
      expect(back.equals(tarball)).toBe(true);
    },
    120_000,
  );
});

describe("B2 every version", () => {
  test.each(everyVersionOf)(
    "A1 %s",
    async (name) => {
      const whole = await corpus.packument(name);
      const time = (whole["time"] ?? {}) as Record<string, string>;
      const when = (version: string) => Date.parse(time[version] ?? "") || 0;
      const versions = Object.keys(whole.versions).sort((a, b) => when(a) - when(b));
      const tarballs = versions.map((version) => corpus.tarball(whole, version));
      const there = only(whole, versions);
      for (const [i, version] of versions.entries())
        await bring(there, version, await tarballs[i]!);
      const unnamed = `${server.url}/-/package/${inUrl(name)}/dist-tags/unnamed`;
      expect((await request(unnamed, { method: "DELETE", token })).status).toBeLessThan(300);
      await compare(there);
      const document = (await packument(server.url, name))!;
      for (const version of versions) {
        const back = await tarballOf(server.url, document, version);
        expect(sha1(back), `${name}@${version}`).toBe(there.versions[version]!.dist.shasum);
        expect(sha512(back)).toBe(document.versions[version]!.dist.integrity);
      }
    },
    240_000,
  );
});
