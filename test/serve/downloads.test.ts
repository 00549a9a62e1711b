import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createTotals, dayOf } from "@citadel/core/counts";
import { walk } from "@citadel/core/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { place, type Place } from "./place.ts";

const today = () => dayOf(Date.now());
const ago = (days: number) => dayOf(Date.now() - days * 86_400_000);

describe("F4 download counts", () => {
  let here: Place;
  let token: string;
  beforeEach(async () => {
    here = await place();
    token = await here.signIn("ann");
    for (const version of ["1.0.0", "1.1.0"])
      await here.publish(token, { name: "@ann/counted", version });
    await here.publish(token, { name: "other", version: "1.0.0" });
  });
  afterEach(async () => here[Symbol.asyncDispose]());
  const fetch = async (path: string, times: number, sent = {}) => {
    for (let n = 0; n < times; n++) expect((await here.ask(path, sent)).status).toBeLessThan(400);
  };
  const json = async (path: string) => {
    const got = await here.ask(path);
    expect(got.status, `${path} ${got.text}`).toBe(200);
    return got.json();
  };

  test("point, range, several at once and all, in npm's form", async () => {
    await fetch("/@ann/counted/-/counted-1.0.0.tgz", 3);
    await fetch("/@ann%2fcounted/-/counted-1.1.0.tgz", 2);
    await fetch("/other/-/other-1.0.0.tgz", 1);
    for (const name of ["@ann/counted", "@ann%2fcounted", "%40ann/counted"])
      expect(await json(`/downloads/point/last-week/${name}`)).toEqual({
        downloads: 5,
        start: ago(6),
        end: today(),
        package: "@ann/counted",
      });
    const range = await json("/downloads/range/last-week/@ann/counted");
    expect(range.downloads).toHaveLength(7);
    expect(range.downloads.at(-1)).toEqual({ day: today(), downloads: 5 });
    expect(range.downloads[0]).toEqual({ day: ago(6), downloads: 0 });
    expect(await json("/downloads/point/last-day/other,@ann/counted,missing")).toEqual({
      other: { downloads: 1, start: today(), end: today(), package: "other" },
      "@ann/counted": { downloads: 5, start: today(), end: today(), package: "@ann/counted" },
      missing: null,
    });
    expect(await json("/downloads/point/last-month")).toMatchObject({ downloads: 6 });
    expect(await json(`/downloads/point/${today()}/other`)).toMatchObject({ downloads: 1 });
    expect(await json(`/downloads/point/${ago(30)}:${ago(1)}/other`)).toMatchObject({
      downloads: 0,
    });
    expect(await json("/versions/@ann%2fcounted/last-week")).toEqual({
      package: "@ann/counted",
      downloads: { "1.0.0": 3, "1.1.0": 2 },
    });
  });

  test("only whole downloads count: not HEAD, 304, a part, or a failure", async () => {
    const path = "/other/-/other-1.0.0.tgz";
    const got = await here.ask(path);
    await fetch(path, 1, { method: "HEAD" });
    await fetch(path, 1, { headers: { "if-none-match": got.headers.get("etag") } });
    await fetch(path, 1, { headers: { range: "bytes=0-3" } });
    expect((await here.ask("/other/-/other-9.0.0.tgz")).status).toBe(404);
    expect(await json("/downloads/point/last-day/other")).toMatchObject({ downloads: 1 });
  });

  test("what is not there, or makes no sense, is refused", async () => {
    for (const [path, status] of [
      ["/downloads/point/last-day/missing", 404],
      ["/versions/missing/last-week", 404],
      ["/downloads/point/last-decade/other", 400],
      ["/downloads/point/2026-02-30/other", 400],
      ["/downloads/point/2026-03-01:2026-02-01/other", 400],
      ["/downloads/point/2020-01-01:2026-02-01/other", 400],
      ["/downloads/point/__proto__/other", 400],
      [`/downloads/point/last-day/${"a,".repeat(200)}b`, 200],
      [`/downloads/point/last-day/${Array.from({ length: 129 }, (_, n) => `p${n}`).join()}`, 400],
      ["/downloads/sideways/last-day/other", 404],
    ] as const)
      expect((await here.ask(path)).status, path).toBe(status);
  });

  test("attack 36: who may not read a package does not learn its counts", async () => {
    const { registry } = here.citadel;
    await here.publish(token, { name: "@ann/secret", version: "1.0.0" });
    await registry.packages.change("@ann/secret", { name: "ann", via: "npm" }, () => [
      { type: "visibility", visibility: "restricted" },
    ]);
    await fetch("/@ann/secret/-/secret-1.0.0.tgz", 4, { token });
    await fetch("/other/-/other-1.0.0.tgz", 1);
    for (const path of [
      "/downloads/point/last-day/@ann/secret",
      "/versions/@ann%2fsecret/last-week",
    ]) {
      const [hidden, missing] = [
        await here.ask(path),
        await here.ask(path.replace("secret", "xsecre")),
      ];
      expect([hidden.status, missing.status], path).toEqual([404, 404]);
      expect((await here.ask(path, { token })).status, path).toBe(200);
    }
    expect(await json("/downloads/point/last-day")).toMatchObject({ downloads: 1 });
    const mine = await here.ask("/downloads/point/last-day", { token });
    expect(mine.json()).toMatchObject({ downloads: 5 });
  });
});

describe("F4 single downloads", () => {
  const path = "/api/v1/packages/@ann%2fcounted/downloads";

  test("are seen by owners and administrators: when, which version, a client without its address, what it calls itself", async () => {
    await using here = await place();
    const [ann, eve, root] = [await here.signIn("ann"), await here.signIn("eve"), await here.signIn("root")]; // prettier-ignore
    await here.citadel.accounts.setAdmin("root", true, { name: "local", via: "cli" });
    for (const version of ["1.0.0", "1.1.0"]) await here.publish(ann, { name: "@ann/counted", version }); // prettier-ignore
    const get = async (version: string, from: string, agent: string) => {
      const headers = { "user-agent": agent };
      await here.ask(`/@ann/counted/-/counted-${version}.tgz`, { from, headers });
    };
    await get("1.0.0", "192.0.2.7", "npm/11");
    await get("1.1.0", "192.0.2.7", `pnpm/10 ${"x".repeat(500)}`);
    await get("1.1.0", "192.0.2.8", "bun/1");
    await here.ask("/@ann/counted/-/counted-1.1.0.tgz", { method: "HEAD" });
    const { items, dropped } = (await here.ask(path, { token: ann })).json();
    expect(dropped).toBe(0);
    const shown = items.map(({ version, agent }: any) => `${version} ${agent.slice(0, 7)}`);
    expect(shown.toSorted()).toEqual(["1.0.0 npm/11", "1.1.0 bun/1", "1.1.0 pnpm/10"]);
    const by = (agent: string) => items.find((item: any) => item.agent.startsWith(agent));
    expect(by("pnpm").client).toBe(by("npm").client);
    expect(by("bun").client).not.toBe(by("npm").client);
    expect(by("pnpm").agent).toHaveLength(200);
    for (const { at, client } of items) {
      expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
      expect(client).toMatch(/^[\w-]{22}$/);
    }
    // another store has another key: the hash says nothing to who has no key
    const stored: string[] = [];
    for await (const { key } of walk(here.citadel.store.driver, "n/records"))
      stored.push(Buffer.from((await here.citadel.store.driver.get(key))?.body ?? "").toString());
    expect(stored.length).toBe(2);
    expect(stored.join()).not.toContain("192.0.2");

    const listed = async (query: string) => (await here.ask(`${path}${query}`, { token: root })).json(); // prettier-ignore
    expect((await listed("?version=1.0.0")).items).toHaveLength(1);
    expect((await listed("?limit=2")).items).toHaveLength(2);
    expect((await listed("?limit=2&offset=1")).items).toEqual(items.slice(1));
    expect((await listed(`?before=${items[0].at}`)).items).not.toContainEqual(items[0]);
    expect((await listed(`?since=${new Date(Date.now() + 60_000).toISOString()}`)).items).toEqual([]); // prettier-ignore
    expect((await here.ask(`${path}?limit=1001`, { token: root })).status).toBe(400);
    expect((await here.ask(path)).status).toBe(401);
    expect((await here.ask(path, { token: eve })).status).toBe(403);
    expect((await here.ask("/api/v1/packages/missing/downloads", { token: eve })).status).toBe(404);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("are bounded, forgotten after their time, and none where they are switched off", async () => {
    await using here = await place({ "downloads.retention": "2d" });
    const { driver } = here.citadel.store;
    const old = `n/records/${ago(3)}/someone-000`;
    await driver.put(old, Buffer.from('{"v":1,"rows":[],"dropped":0}'));
    const records = await here.citadel.records();
    for (let n = 0; n < 4500; n++) records.note("one", "1.0.0", "192.0.2.7", "x");
    const { items } = await records.read("one", { since: 0, limit: 5000 });
    expect(items).toHaveLength(4500);
    const objects = await Array.fromAsync(walk(driver, `n/records/${today()}/`));
    expect(objects).toHaveLength(3);
    await records.close();
    expect(await driver.get(old)).toBeUndefined();

    await using off = await place({ "downloads.records": false });
    const token = await off.signIn("ann");
    await off.publish(token, { name: "@ann/counted", version: "1.0.0" });
    await off.ask("/@ann/counted/-/counted-1.0.0.tgz");
    expect((await off.ask(path, { token })).status).toBe(404);
    expect(await off.citadel.records.opened()).toBeUndefined();
  });
});

test("F2, F3: sums of downloads read the days that are over once", async () => {
  const stored = new Map([
    ["2026-01-01", 5],
    ["2026-11-01", 3],
    ["2026-11-27", 2],
    ["2026-11-28", 1],
  ]);
  const asked: string[] = [];
  async function* read(start: string, end: string) {
    for (const [day, count] of stored)
      if (day >= start && day <= end) {
        asked.push(day);
        yield { day, counts: new Map([["one", new Map([["1.0.0", count]])]]) };
      }
  }
  let now = Date.parse("2026-11-28T12:00:00Z");
  const totals = createTotals({ read }, () => now);
  const versions = new Map([["1.0.0", 11]]);
  expect(await totals.of("one")).toEqual({ total: 11, week: 3, month: 6, versions });
  asked.length = 0;
  stored.set("2026-11-28", 2);
  const [one] = await Promise.all([totals.of("one"), totals.of("two")]);
  expect(one.total).toBe(12);
  expect(await totals.all()).toEqual(new Map([["one", { total: 12, week: 4, month: 7 }]]));
  expect(new Set(asked)).toEqual(new Set(["2026-11-28"]));
  // a day that is over for less than an hour may still be written to
  now = Date.parse("2026-11-29T00:30:00Z");
  stored.set("2026-11-28", 3);
  expect((await totals.of("one")).total).toBe(13);
  // later on it has passed out of the week, then of the month
  now = Date.parse("2026-12-05T12:00:00Z");
  expect(await totals.of("one")).toMatchObject({ total: 13, week: 0, month: 5 });
  now = Date.parse("2027-02-01T12:00:00Z");
  expect(await totals.of("one")).toMatchObject({ total: 13, week: 0, month: 0 });
  expect(await totals.of("none")).toMatchObject({ total: 0, month: 0 });
});

test("F4 G5 counts of several servers add up, outlive a restart, and need no catalog", async () => {
  const temp = await tempFolder("downloads");
  try {
    const env = {
      CITADEL_STORE: `sqlite:${temp.path}/store.db`,
      CITADEL_SERVER_KEY: Buffer.alloc(32, 3).toString("base64"),
    };
    const start = async (n: number) => serve({ home: join(temp.path, `home-${n}`), env });
    let servers = [await start(1), await start(2)];
    const token = await signIn(servers[0]?.url ?? "", "ann");
    await publish(servers[0]?.url ?? "", token, { name: "shared", version: "1.0.0" });
    for (const [n, { url }] of servers.entries())
      for (let times = 0; times <= n + 1; times++)
        expect((await request(`${url}/shared/-/shared-1.0.0.tgz`)).status).toBe(200);
    const count = async (url: string) => {
      const answer = await request(`${url}/downloads/point/last-day/shared`);
      return (answer.json() as { downloads: number }).downloads;
    };
    // what a server counted itself is there at once
    expect(await count(servers[0]?.url ?? "")).toBeGreaterThanOrEqual(2);
    await Promise.all(servers.map((server) => server.stop()));
    await rm(join(temp.path, "home-1/data/catalog"), { recursive: true, force: true });
    servers = [await start(1)];
    expect(await count(servers[0]?.url ?? "")).toBe(5);
    expect((await request(`${servers[0]?.url}/shared/-/shared-1.0.0.tgz`)).status).toBe(200);
    expect(await count(servers[0]?.url ?? "")).toBe(6);
    await Promise.all(servers.map((server) => server.stop()));
  } finally {
    await temp.remove();
  }
}, 60_000);
