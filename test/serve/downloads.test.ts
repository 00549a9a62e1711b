import { rm } from "node:fs/promises";
import { join } from "node:path";
import { dayOf } from "@citadel/core/counts";
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
