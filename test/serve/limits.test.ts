// C2, C3: rate limits, blocks, and what administrators see of them.
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { createBuckets } from "@citadel/core/limits";
import { createApp } from "@citadel/plugin-serve";
import { describe, expect, onTestFinished, test } from "vitest";

import { serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { host, place, type Place } from "./place.ts";

const operator = { name: "local", via: "cli" } as const;
const outside = "192.0.2.7";

/** A place whose clients are limited. */
async function limited(settings: Readonly<Record<string, unknown>> = {}): Promise<Place> {
  const here = await place({
    ...{ "security.rateLimitMax": 20, "security.rateLimitKeyMax": 100 },
    ...settings,
  });
  return served(here);
}
async function served(here: Place): Promise<Place> {
  const app = createApp({ citadel: here.citadel, limits: await here.citadel.limits() });
  const ask: Place["ask"] = async (
    path,
    { method = "GET", headers = {}, body, token, from } = {},
  ) => {
    const response = await app.fetch(
      new Request(`http://${host}${path}`, {
        method,
        headers: { host, ...(token && { authorization: `Bearer ${token}` }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      { address: from ?? outside, path },
    );
    const text = await response.text();
    const { status } = response;
    const bytes = new TextEncoder().encode(text);
    return { status, headers: response.headers, text, bytes, json: () => JSON.parse(text) };
  };
  return { ...here, app, ask, [Symbol.asyncDispose]: () => here[Symbol.asyncDispose]() };
}
const statuses = async (here: Place, count: number, path: string, more: object = {}) => {
  const all: number[] = [];
  for (let n = 0; n < count; n++) all.push((await here.ask(path, more)).status);
  return all;
};

describe("C2: the bucket", () => {
  const allowance = { max: 10, window: 1000 };
  test("lets so many through at once, then as they flow back", () => {
    let now = 1000;
    const { take } = createBuckets(() => now);
    const takes = () => take("a", 1, allowance).allowed;
    expect(Array.from({ length: 12 }, takes).filter(Boolean)).toHaveLength(10);
    expect(take("a", 1, allowance)).toMatchObject({ remaining: 0, wait: 100, reset: 1000 });
    now += 250;
    expect(Array.from({ length: 5 }, takes).filter(Boolean)).toHaveLength(2);
    expect(take("b", 10, allowance)).toMatchObject({ allowed: true, remaining: 0 });
    now += 10_000;
    expect(take("a", 10, allowance).allowed).toBe(true);
  });
  test("over any time no more than its bound, whatever the order of requests", () => {
    const steps = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 10 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (all) => {
        let now = 0;
        let taken = 0;
        const { take } = createBuckets(() => now);
        for (const [pause, amount] of all) {
          now += pause;
          if (take("a", amount, allowance).allowed) taken += amount;
          expect(taken).toBeLessThanOrEqual(allowance.max * (1 + now / allowance.window) + 1e-6);
        }
      }),
    );
  });
});

test("C2: an address has so much, told in standard headers; then 429 and when to come back", async () => {
  await using here = await limited();
  const first = await here.ask("/-/v1/search?text=x");
  expect(first.headers.get("ratelimit-policy")).toBe('"default";q=20;w=900');
  expect(first.headers.get("ratelimit")).toMatch(/^"default";r=19;t=\d+$/);
  await statuses(here, 19, "/-/v1/search?text=x");
  const refused = await here.ask("/-/v1/search?text=x");
  expect([refused.status, refused.json().code]).toEqual([429, "E_RATE_LIMIT"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(30);
  // others, and this machine, do not suffer
  expect((await here.ask("/-/v1/search?text=x", { from: "192.0.2.8" })).status).toBe(200);
  const local = await here.ask("/-/v1/search?text=x", { from: "127.0.0.1" });
  expect([local.status, local.headers.get("ratelimit")]).toEqual([200, null]);
  // an IPv6 client is its /64
  const six = (n: number) => ({ from: `2001:db8:1:2::${n.toString(16)}` });
  for (let n = 1; n <= 20; n++) await here.ask("/-/whoami", six(n));
  expect((await here.ask("/-/whoami", six(99))).status).toBe(429);
});

test("C2: files of an install are a tenth, what is not there is not, a write is ten", async () => {
  await using here = await limited();
  const token = await here.citadel.accounts
    .create({ name: "ann", password: "correct horse 1" }, operator)
    .then(() => here.citadel.accounts.session("ann", operator));
  const local = { from: "127.0.0.1", token: token.token };
  const { publishDocument, pack } = await import("../support/packages.ts");
  const manifest = { name: "one", version: "1.0.0" };
  const document = publishDocument(`http://${host}/`, manifest, pack(manifest));
  expect((await here.ask("/one", { method: "PUT", body: document, ...local })).status).toBe(201);
  expect(await statuses(here, 150, "/one")).not.toContain(429);
  expect(await statuses(here, 8, "/nothing")).toContain(429);
  const other = { from: "192.0.2.9", method: "PUT", body: {} };
  expect(await statuses(here, 4, "/-/user/org.couchdb.user:x", other)).toEqual([
    400, 400, 429, 429,
  ]);
});

test("C2: a good credential has a bucket of its own; a bad one costs its address fifty", async () => {
  await using here = await limited({ "security.rateLimitMax": 100 });
  await here.citadel.accounts.create({ name: "ann", password: "correct horse 1" }, operator);
  const { token } = await here.citadel.accounts.issue("ann", {}, operator);
  await here.ask("/-/whoami", { token });
  const known = await here.ask("/-/whoami", { token });
  expect(known.headers.get("ratelimit-policy")).toContain("q=100;");
  expect(await statuses(here, 90, "/-/whoami", { token })).not.toContain(429);
  expect((await here.ask("/-/v1/search?text=x")).headers.get("ratelimit")).toContain("r=98");
  const keys = await here.citadel.apiKeys();
  const { key } = await keys.generateApiKey("slow", ["read"], { user: "ann", limit: 5 });
  await here.ask("/-/whoami", { token: key });
  expect(await statuses(here, 6, "/-/whoami", { token: key })).toEqual([
    200, 200, 200, 200, 200, 429,
  ]);
  const guess = () => here.ask("/-/whoami", { token: `npm_${randomUUID()}`, from: "192.0.2.9" });
  expect([(await guess()).status, (await guess()).status, (await guess()).status]).toEqual([
    401, 401, 429,
  ]);
});

test("C2, attack 38: whoever goes on is not answered for a while, on every server and after a restart", async () => {
  await using here = await limited();
  await statuses(here, 20, "/-/whoami");
  await statuses(here, 50, "/-/whoami");
  const { blocks } = await here.citadel.limits();
  await until(async () => blocks.find(outside) !== undefined);
  const refused = await here.ask("/-/ping");
  expect([refused.status, refused.json().error]).toEqual([
    429,
    expect.stringContaining("192.0.2.7 is blocked"),
  ]);
  // once more is longer
  const again = await blocks.block(outside, "once more");
  expect((again.until - again.since) / 60_000).toBe(5);
  expect((await blocks.block(outside, "x")).count).toBe(3);
  const elsewhere = (await import("@citadel/core/limits")).createBlocks(
    here.citadel.store.driver,
    here.citadel.notices,
  );
  elsewhere.follow();
  await until(async () => elsewhere.find(outside) !== undefined);
  elsewhere.close();
});

test("C3: administrators see failures, violations and blocks, and lift or make them", async () => {
  await using here = await limited({ "security.rateLimitKeyMax": 100_000 });
  await here.citadel.accounts.create(
    { name: "root", password: "correct horse 1", admin: true },
    operator,
  );
  const { token } = await here.citadel.accounts.issue("root", {}, operator);
  const local = { token, from: "127.0.0.1" };
  await here.ask("/-/whoami", { token: "npm_wrong" });
  await statuses(here, 3, "/-/whoami");
  const path = "/_api/security";
  const metrics = (await here.ask(`${path}/metrics`, local)).json();
  expect(metrics).toMatchObject({
    ...{ authFailures: { E_AUTH_INVALID: 1 }, blocks: [], keys: [] },
    requests: { methods: { GET: expect.any(Number) }, statuses: { "4xx": expect.any(Number) } },
  });
  expect(metrics.limitViolations).toBeGreaterThan(0);
  expect(metrics.requests.perMinute).toHaveLength(60);
  const body = { address: "198.51.100.4", minutes: 60, reason: "scans" };
  const made = await here.ask(`${path}/blocks`, { method: "POST", body, ...local });
  expect([made.status, made.json().client]).toEqual([201, "198.51.100.4"]);
  expect((await here.ask("/-/ping", { from: "198.51.100.4" })).status).toBe(429);
  expect((await here.ask(`${path}/blocks`, local)).json().items).toHaveLength(1);
  const lift = () => here.ask(`${path}/blocks/198.51.100.4`, { method: "DELETE", ...local });
  expect([(await lift()).status, (await lift()).status]).toEqual([204, 404]);
  expect((await here.ask("/-/ping", { from: "198.51.100.4" })).status).toBe(200);
  for (const bad of [{ address: "127.0.0.1" }, { address: "x" }, {}])
    expect((await here.ask(`${path}/blocks`, { method: "POST", body: bad, ...local })).status).toBe(
      400,
    );
  await here.citadel.accounts.create({ name: "eve", password: "correct horse 1" }, operator);
  const eve = await here.citadel.accounts.issue("eve", {}, operator);
  for (const each of ["metrics", "blocks"])
    expect((await here.ask(`${path}/${each}`, { ...local, token: eve.token })).status).toBe(403);
});

test("C2: two processes over one store fill one bucket, but for a quarter of a second", async () => {
  await using here = await limited({ "security.rateLimitMax": 200 });
  const { openLimits } = await import("@citadel/core/limits");
  const { driver } = here.citadel.store;
  const { notices } = here.citadel;
  const options = { driver, redis: undefined, schemes: new Map(), notices };
  const [one, two] = [await openLimits(options), await openLimits(options)];
  const allowance = { max: 200, window: 900_000 };
  for (let n = 0; n < 150; n++) one.buckets.take(outside, 1, allowance);
  for (let n = 0; n < 40; n++) two.buckets.take(outside, 1, allowance);
  await until(async () => !two.buckets.take(outside, 20, allowance).allowed);
  await until(async () => !one.buckets.take(outside, 1, allowance).allowed);
  await one.close();
  await two.close();
});

test("an address in security.allow, and limits of 0, are not limited", async () => {
  await using one = await limited({ "security.allow": ["192.0.2.0/24"] });
  expect(await statuses(one, 30, "/-/v1/search?text=x")).not.toContain(429);
  await using two = await limited({ "security.rateLimitMax": 0 });
  expect(await statuses(two, 30, "/-/v1/search?text=x")).not.toContain(429);
});

test("C2, C3: a real server with two workers, behind a proxy that it trusts", async () => {
  const temp = await tempFolder("limits");
  onTestFinished(() => temp.remove());
  const server = await serve({
    home: temp.path,
    args: ["--workers", "2"],
    env: {
      CITADEL_SERVER_TRUST_PROXY: "127.0.0.1,::1",
      SECURITY_RATE_LIMIT_MAX: "40",
      SECURITY_RATE_LIMIT_WINDOW: "900000",
    },
  });
  onTestFinished(() => server.stop());
  const ask = (client: string) =>
    request(`${server.url}/-/v1/search?text=x`, { headers: { "x-forwarded-for": client } });
  // connections are shared out among the workers by the system, so this is told apart by the answers alone
  let answered = 0;
  await until(async () => {
    const { status, headers } = await ask("192.0.2.7");
    if (status === 200) answered++;
    return status === 429 && Number(headers["retry-after"]) > 0;
  });
  for (let n = 0; n < 30; n++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    if ((await ask("192.0.2.7")).status === 200) answered++;
  }
  // the bound, what flowed back, and what fits between two exchanges of both
  expect(answered).toBeGreaterThanOrEqual(40);
  expect(answered).toBeLessThan(80);
  expect((await ask("192.0.2.8")).status).toBe(200);
}, 60_000);
