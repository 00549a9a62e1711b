// G5: what one server publishes, another one shows: packuments, tarballs, search; and stores that cannot hold documents.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadSettings } from "@citadel/core/config";
import { openCitadel, type Citadel } from "@citadel/core/open";
import { createApp } from "@citadel/plugin-serve";
import { expect, test } from "vitest";

import { startS3 } from "../servers/s3.ts";
import { root } from "../support/citadel.ts";
import { pack, publishDocument } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

const base = "http://localhost:4873";
/** servers of one store have the same */
const serverKey = Buffer.alloc(32, 3).toString("base64");
const module = (name: string) => join(root, "drivers", name, "dist/index.js");

/** Opens registries over what is in `folder`, each as a process of its own would. */
async function machines() {
  const temp = await tempFolder("freshness");
  const opened: Citadel[] = [];
  return {
    folder: temp.path,
    async machine(flags: Readonly<Record<string, string>> = {}, extra: [string, string][] = []) {
      const dir = (name: string) => join(temp.path, `machine-${opened.length}`, name);
      const dirs = { data: dir("data"), cache: dir("cache"), config: dir("config") };
      const citadel = await openCitadel({
        settings: loadSettings({
          env: {},
          cwd: temp.path,
          dirs,
          flags: { store: `sqlite:${temp.path}/registry.db`, ...flags },
        }).settings,
        schemes: new Map([
          ...["memory", "sqlite", "file"].map((name) => [name, module(name)] as const),
          ...extra,
        ]),
        dirs,
        serverKey,
      });
      opened.push(citadel);
      const app = createApp({ citadel });
      const ask = (path: string, init: Sent = {}) =>
        app.fetch(
          new Request(base + path, { ...init, headers: { host: "localhost", ...init.headers } }),
          {
            address: "127.0.0.1",
          },
        );
      return { citadel, ask };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((citadel) => citadel.close()));
      await temp.remove();
    },
  };
}
interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
type Machine = Awaited<ReturnType<Awaited<ReturnType<typeof machines>>["machine"]>>;

async function signIn({ ask }: Machine): Promise<string> {
  const answer = await ask("/-/user/org.couchdb.user:ann", {
    method: "PUT",
    body: JSON.stringify({ name: "ann", password: "correct horse 1", email: "a@example.invalid" }),
  });
  return ((await answer.json()) as { token: string }).token;
}
async function publish({ ask }: Machine, token: string, version: string, name = "one") {
  const manifest = { name, version, description: "freshly made" };
  const answer = await ask(`/${name}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(publishDocument(base, manifest, pack(manifest))),
  });
  expect(answer.status, await answer.text()).toBe(201);
}
const versions = async ({ ask }: Machine): Promise<string[]> =>
  Object.keys(((await (await ask("/one")).json()) as { versions: object }).versions);
const found = async ({ ask }: Machine): Promise<string[]> => {
  const answer = await ask("/-/v1/search?text=freshly");
  const { objects } = (await answer.json()) as { objects: { package: { name: string } }[] };
  return objects.map((hit) => hit.package.name).toSorted();
};

test("G5 strict: what one published, the other has at once; the header says so, also on a 304", async () => {
  await using place = await machines();
  const [here, there] = [await place.machine(), await place.machine()];
  const token = await signIn(there);
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    await publish(there, token, version);
    expect((await versions(here)).at(-1)).toBe(version);
  }
  const full = await here.ask("/one");
  expect(full.headers.get("citadel-freshness")).toBe("strict");
  const same = await here.ask("/one", {
    headers: { "if-none-match": full.headers.get("etag") ?? "" },
  });
  expect(same.status).toBe(304);
  expect(same.headers.get("citadel-freshness")).toBe("strict");
});

test("G5 bounded: the header says how far; a version that is missed is looked for before a 404", async () => {
  await using place = await machines();
  const here = await place.machine({ "store.freshness": "bounded=60s" });
  const there = await place.machine();
  const token = await signIn(there);
  await publish(there, token, "1.0.0");
  expect(await versions(here)).toEqual(["1.0.0"]);
  await publish(there, token, "1.1.0");
  expect((await here.ask("/one")).headers.get("citadel-freshness")).toBe("bounded=60000");
  expect(await versions(here)).toEqual(["1.0.0"]);
  expect((await here.ask("/one/-/one-1.1.0.tgz")).status).toBe(200);
  expect(await versions(here)).toEqual(["1.0.0", "1.1.0"]); // it has looked
  expect((await here.ask("/two")).status).toBe(404);
  await publish(there, token, "1.0.0", "two");
  expect((await here.ask("/two")).status).toBe(200);
  // what this server publishes, it shows at once
  await publish(here, token, "1.2.0");
  expect((await versions(here)).at(-1)).toBe("1.2.0");
});

test("G5 bounded: the store's feed ends the wait", async () => {
  await using place = await machines();
  const here = await place.machine({ "store.freshness": "bounded=1h" });
  const there = await place.machine();
  here.citadel.follow();
  const token = await signIn(there);
  await publish(there, token, "1.0.0");
  expect(await versions(here)).toEqual(["1.0.0"]);
  await publish(there, token, "1.1.0");
  await until(async () => (await versions(here)).length === 2);
});

test("G5 search finds what any server published: its own at once, others' as soon as the store tells", async () => {
  await using place = await machines();
  const [here, there] = [await place.machine(), await place.machine()];
  const token = await signIn(there);
  await publish(there, token, "1.0.0");
  expect(await found(here)).toEqual(["one"]);
  await publish(here, token, "1.0.0", "mine");
  expect(await found(here)).toEqual(["mine", "one"]);
  const lists = () => here.citadel.backends[0]?.observed.list.calls;
  const before = lists();
  await publish(there, token, "1.0.0", "theirs");
  await until(async () => (await found(here)).includes("theirs"));
  // it read what changed, and did not compare the whole store
  expect(lists()).toBe(before);
});

test("G5 S3: a poll tells of what others published: the search has it, and a packument before its bound", async () => {
  await using place = await machines();
  const s3 = await startS3();
  try {
    const flags = { store: `${s3.bucket()}&poll=100`, "store.freshness": "bounded=1h" };
    const scheme: [string, string][] = [["s3", module("s3")]];
    const [here, there] = [await place.machine(flags, scheme), await place.machine(flags, scheme)];
    here.citadel.follow();
    const token = await signIn(there);
    await publish(there, token, "1.0.0");
    await until(async () => (await found(here)).includes("one"));
    expect(await versions(here)).toEqual(["1.0.0"]);
    await publish(there, token, "1.1.0");
    await until(async () => (await versions(here)).length === 2);
    await publish(there, token, "1.0.0", "theirs");
    await until(async () => (await found(here)).includes("theirs"));
  } finally {
    await s3.stop();
  }
});

test("G5 a store on the network that does not push is bounded unless told otherwise; one without compare-and-set is refused", async () => {
  await using place = await machines();
  const like = async (name: string, caps: string): Promise<[string, string]> => {
    const file = join(place.folder, `${name}.mjs`);
    await writeFile(
      file,
      `import memory from ${JSON.stringify(pathToFileURL(module("memory")).href)};
       export default (url) => {
         const driver = memory(url);
         const caps = () => ({ ...driver.caps, ${caps} });
         return Object.defineProperty({ ...driver }, "caps", { get: caps });
       };`,
    );
    return [name, file];
  };
  const far = await like("far", `shared: "network", watch: "poll"`);
  const near = await like("near", `shared: "network", watch: "push"`);
  const staleness = async (store: string, freshness = "auto") =>
    (await place.machine({ store, "store.freshness": freshness }, [far, near])).citadel.staleness;
  expect(await staleness("far:x")).toBe(1000);
  expect(await staleness("far:x", "strict")).toBe(0);
  expect(await staleness("near:x")).toBe(0);
  expect(await staleness("near:x", "bounded=250")).toBe(250);
  expect(await staleness(`file:${place.folder}/f`)).toBe(0);

  for (const cas of ["none", "create"]) {
    const weak = await like(`weak-${cas}`, `cas: "${cas}"`);
    await expect(place.machine({ store: `weak-${cas}:x` }, [weak])).rejects.toMatchObject({
      code: "E_CONFIG",
      message: expect.stringContaining("compare-and-set"),
      hint: expect.arrayContaining([expect.stringContaining("CITADEL_STORE_DOCUMENTS")]),
    });
    // it may hold tarballs
    await place.machine(
      { "store.documents": "memory:", "store.blobs": `weak-${cas}:x`, store: "memory:" },
      [weak],
    );
  }
});
