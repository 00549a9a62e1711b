// E6: what a CDN hands out is a copy of what the registry answers.
import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { delegate, observe, StoreError, type Driver } from "@citadel/core/driver";
import { exportViews, type Shard } from "@citadel/core/edge";
import memory from "@citadel/driver-memory";
import { expect, test } from "vitest";

import { pack } from "../support/packages.ts";
import { codeOf, operator as commandLine } from "../core/registry-harness.ts";
import { base, place, type Place } from "../serve/place.ts";

const short = "application/vnd.npm.install-v1+json";

async function emptyBucket(): Promise<Driver> {
  const bucket = memory(new URL("memory:"));
  await bucket.open();
  return bucket;
}

/** Everything below `edge/`. */
async function contents(target: Driver): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const { key } of (await target.list({ prefix: "edge/" })).entries)
    all[key] = Buffer.from((await target.get(key))?.body ?? "").toString("base64");
  return all;
}
const keysOf = async (target: Driver) =>
  Object.keys(await contents(target)).filter((key) => !key.startsWith("edge/tokens/"));

/** What an export writes and deletes, in order, besides its own book-keeping. */
async function changesOf(here: Place, target: Driver): Promise<string[]> {
  const changes: string[] = [];
  const watched = observe(target, ({ operation, key = "" }) => {
    if (/^(put|write|delete)$/.test(operation) && !/^t\/|index\.json$/.test(key))
      changes.push(`${operation === "delete" ? "-" : "+"} ${key.replace("edge/", "")}`);
  });
  await exportViews(here.citadel, watched, { base });
  return changes;
}

async function filled(): Promise<{ here: Place; token: string }> {
  const here = await place();
  const token = await here.signIn("ann");
  for (const name of ["plain", "@acme/open", "@acme/hidden"])
    await here.publish(token, { name, version: "1.0.0", description: name });
  await here.publish(token, { name: "plain", version: "1.1.0" });
  await here.citadel.registry.setVisibility("@acme/hidden", "restricted", commandLine);
  return { here, token };
}

test("E6: packuments and tarballs are those of the registry, byte for byte", async () => {
  const { here, token } = await filled();
  await using _ = here;
  const target = await emptyBucket();
  const done = await exportViews(here.citadel, target, { base });
  expect(done).toMatchObject({
    packages: { all: 3, changed: 3, removed: 0 },
    tarballs: { copied: 4, removed: 0 },
    tokens: { all: 1, bound: 0 },
  });
  expect(await keysOf(target)).toEqual([
    "edge/index.json",
    "edge/keys.json",
    "edge/private/@acme%2Fhidden/1.0.0.tgz",
    "edge/private/@acme%2Fhidden/full.json",
    "edge/private/@acme%2Fhidden/readers.json",
    "edge/private/@acme%2Fhidden/short.json",
    "edge/public/@acme%2Fopen/1.0.0.tgz",
    "edge/public/@acme%2Fopen/full.json",
    "edge/public/@acme%2Fopen/short.json",
    "edge/public/plain/1.0.0.tgz",
    "edge/public/plain/1.1.0.tgz",
    "edge/public/plain/full.json",
    "edge/public/plain/short.json",
  ]);
  const at = async (key: string) => Buffer.from((await target.get(`edge/${key}`))?.body ?? "");
  for (const [place, path] of [
    ["public/plain", "/plain"],
    ["private/@acme%2Fhidden", "/@acme%2fhidden"],
  ]) {
    const full = await here.ask(path ?? "", { token });
    expect(gunzipSync(await at(`${place}/full.json`)).toString()).toBe(full.text);
    const brief = await here.ask(path ?? "", { token, headers: { accept: short } });
    expect(gunzipSync(await at(`${place}/short.json`)).toString()).toBe(brief.text);
  }
  const tarball = await here.ask("/plain/-/plain-1.1.0.tgz");
  expect((await at("public/plain/1.1.0.tgz")).equals(tarball.bytes)).toBe(true);
  expect(JSON.parse((await at("private/@acme%2Fhidden/readers.json")).toString())).toEqual({
    readers: ["$admin", "lead:acme", "owner:ann"],
  });
});

test("E6: only what changed travels, tarballs before the packuments that name them", async () => {
  const { here, token } = await filled();
  await using _ = here;
  const target = await emptyBucket();
  await exportViews(here.citadel, target, { base });
  expect(await changesOf(here, target)).toEqual([]);
  const { registry } = here.citadel;

  await here.publish(token, { name: "plain", version: "2.0.0" });
  const planned = await exportViews(here.citadel, target, { base, dryRun: true });
  expect(planned.packages).toEqual({ all: 3, changed: 1, removed: 0 });
  const both = (area: string, name: string) =>
    ["full", "short"].map((form) => `+ ${area}/${name}/${form}.json`);
  expect(await changesOf(here, target)).toEqual([
    "+ public/plain/2.0.0.tgz",
    ...both("public", "plain"),
  ]);

  await registry.unpublish("plain", ["1.0.0"], commandLine);
  expect(await changesOf(here, target)).toEqual([
    ...both("public", "plain"),
    "- public/plain/1.0.0.tgz",
  ]);

  // what becomes private is gone before anything else happens
  await registry.setVisibility("@acme/open", "restricted", commandLine);
  expect(await changesOf(here, target)).toEqual([
    "- public/@acme%2Fopen/full.json",
    "- public/@acme%2Fopen/short.json",
    "- public/@acme%2Fopen/1.0.0.tgz",
    "+ private/@acme%2Fopen/readers.json",
    "+ private/@acme%2Fopen/1.0.0.tgz",
    ...both("private", "@acme%2Fopen"),
  ]);
  await registry.setVisibility("@acme/open", "public", commandLine);
  expect((await changesOf(here, target)).at(-1)).toBe("- private/@acme%2Fopen/1.0.0.tgz");

  await registry.unpublish("plain", "all", commandLine);
  expect(await changesOf(here, target)).toEqual([
    "- public/plain/full.json",
    "- public/plain/short.json",
    "- public/plain/1.1.0.tgz",
    "- public/plain/2.0.0.tgz",
  ]);
  const fresh = await emptyBucket();
  await exportViews(here.citadel, fresh, { base });
  expect(await contents(target)).toEqual(await contents(fresh));
});

test("E6: rules of access, owners and another public address reach the bucket", async () => {
  const { here } = await filled();
  await using _ = here;
  const target = await emptyBucket();
  await exportViews(here.citadel, target, { base });
  await here.citadel.access.set({ pattern: "plain", read: ["$authenticated"] }, commandLine);
  expect((await changesOf(here, target)).at(-1)).toBe("+ private/plain/short.json");
  const { packages } = await exportViews(here.citadel, target, {
    base: "https://cdn.example.test/npm",
  });
  expect(packages.changed).toBe(3);
  const full = gunzipSync((await target.get("edge/private/plain/full.json"))?.body ?? "");
  expect(full.toString()).toContain('"https://cdn.example.test/npm/plain/-/plain-1.1.0.tgz"');
  expect(await codeOf(exportViews(here.citadel, target, { base: "cdn.example.test" }))).toBe(
    "E_USAGE",
  );
});

test("E6: tokens that may read, by their hash; those that may not are not there", async () => {
  const { here, token } = await filled();
  await using _ = here;
  const { accounts } = here.citadel;
  const who = { name: "local", via: "cli" } as const;
  await here.signIn("bob");
  const issue = (request: Parameters<typeof accounts.issue>[1]) =>
    accounts.issue("bob", request, who);
  const grant = { packages: "read", orgs: "none", manage: false } as const;
  const narrow = await issue({ grant: { ...grant, names: ["@acme/*"] } });
  await issue({ grant: { ...grant, packages: "none" } });
  await issue({ cidr: ["10.0.0.0/8"] });
  const target = await emptyBucket();
  const { tokens } = await exportViews(here.citadel, target, { base });
  expect(tokens).toEqual({ all: 3, bound: 1 });
  const all = async () => {
    const found: Shard["tokens"][number][] = [];
    for (const { key } of (await target.list({ prefix: "edge/tokens/" })).entries) {
      const { tokens: some } = JSON.parse(
        Buffer.from((await target.get(key))?.body ?? "").toString(),
      ) as Shard;
      for (const one of some) {
        expect(key).toBe(`edge/tokens/${one.sha256.slice(0, 3)}.json`);
        found.push(one);
      }
    }
    return found;
  };
  expect((await all()).find(({ names }) => names)).toEqual({
    sha256: narrow.info.key,
    groups: ["$authenticated", "name:bob", "owner:bob"],
    names: ["@acme/*"],
  });
  expect(JSON.stringify(await contents(target))).not.toContain(token);
  await accounts.setDisabled("bob", true, who);
  await accounts.revoke(token, who);
  await exportViews(here.citadel, target, { base });
  expect(await all()).toEqual([]);
});

test("E6: an export that dies at any moment is put right by the next one", async () => {
  const { here, token } = await filled();
  await using _ = here;
  const { registry, accounts } = here.citadel;
  const expected = await emptyBucket();
  const start = await emptyBucket();
  await exportViews(here.citadel, start, { base });
  const before = await start.list();
  const copy = async (): Promise<Driver> => {
    const made = await emptyBucket();
    for (const { key } of before.entries)
      if (!key.startsWith("t/")) await made.put(key, (await start.get(key))?.body ?? new Uint8Array()); // prettier-ignore
    return made;
  };
  await here.publish(token, { name: "new", version: "1.0.0" });
  await here.publish(token, { name: "plain", version: "3.0.0" });
  await registry.setVisibility("@acme/open", "restricted", commandLine);
  await registry.unpublish("@acme/hidden", "all", commandLine);
  await accounts.issue("ann", {}, { name: "local", via: "cli" });
  await exportViews(here.citadel, expected, { base });

  let died = 0;
  for (let after = 0; ; after++) {
    const target = await copy();
    let left = after;
    const dying = <T extends unknown[], R>(key: string, work: (...args: T) => R, ...args: T): R => {
      if (!key.startsWith("t/") && left-- <= 0) throw new StoreError("DENIED", "died", { key });
      return work(...args);
    };
    const failing = delegate(target, {
      put: (key, ...rest) => dying(key, target.put, key, ...rest),
      delete: (key, ...rest) => dying(key, target.delete, key, ...rest),
    });
    const code = await codeOf(exportViews(here.citadel, failing, { base }));
    if (code === undefined) break;
    expect(code).toBe("DENIED");
    died++;
    await exportViews(here.citadel, target, { base });
    expect(await contents(target), `after ${after} changes`).toEqual(await contents(expected));
  }
  expect(died).toBeGreaterThan(15);
});

test("E6: of two exports to one place the second is refused", async () => {
  const { here } = await filled();
  await using _ = here;
  const target = await emptyBucket();
  const slow = delegate(target, {
    put: async (key, ...rest) => {
      if (key.endsWith("full.json")) await started.promise;
      return target.put(key, ...rest);
    },
  });
  const started = Promise.withResolvers<void>();
  const first = exportViews(here.citadel, slow, { base });
  await expect.poll(() => target.get("edge/index.json")).toBeDefined();
  expect(await codeOf(exportViews(here.citadel, target, { base }))).toBe("E_CONFLICT");
  started.resolve();
  await first;
  await exportViews(here.citadel, target, { base });
});

test("E6: a large tarball goes as a stream that is checked", async () => {
  const { here, token } = await filled();
  await using _ = here;
  const big = pack({ name: "big", version: "1.0.0" }, { "blob.bin": randomBytes(3 * 2 ** 20) });
  await here.publish(token, { name: "big", version: "1.0.0" }, big);
  const target = await emptyBucket();
  const watched = observe(target);
  await exportViews(here.citadel, watched, { base });
  expect(watched.observed.write.calls).toBe(1);
  const kept = await target.get("edge/public/big/1.0.0.tgz");
  expect(big.equals(kept?.body ?? Buffer.alloc(0))).toBe(true);
});
