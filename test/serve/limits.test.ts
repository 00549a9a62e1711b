// C2, C3: rate limits, blocks, and what administrators see of them.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { createBlocks, createBuckets, openLimits, type Limits } from "@citadel/core/limits";
import type { Passing, Temporary } from "@citadel/core/store";
import { createApp } from "@citadel/plugin-serve";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { startRedis } from "../servers/redis.ts";
import { root, serve } from "../support/citadel.ts";
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
/** Of what servers do by themselves there is no history. */
const alone = { change: () => Promise.reject(new Error("nobody did anything")) };

const statuses = async (here: Place, count: number, path: string, more: object = {}) => {
  const all: number[] = [];
  for (let n = 0; n < count; n++) all.push((await here.ask(path, more)).status);
  return all;
};

describe("C2: the bucket", () => {
  const allowance = { max: 10, window: 1000 };
  test("lets so many through at once, then as they flow back", () => {
    let now = 1000;
    const { takeNow } = createBuckets({ now: () => now });
    const takes = () => takeNow("a", 1, allowance).allowed;
    expect(Array.from({ length: 12 }, takes).filter(Boolean)).toHaveLength(10);
    expect(takeNow("a", 1, allowance)).toMatchObject({ remaining: 0, wait: 100, reset: 1000 });
    now += 250;
    expect(Array.from({ length: 5 }, takes).filter(Boolean)).toHaveLength(2);
    expect(takeNow("b", 10, allowance)).toMatchObject({ allowed: true, remaining: 0 });
    now += 10_000;
    expect(takeNow("a", 10, allowance).allowed).toBe(true);
  });
  test("over any time no more than its bound, whatever the order of requests", () => {
    const steps = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 10 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (all) => {
        let now = 0;
        let taken = 0;
        const { takeNow } = createBuckets({ now: () => now });
        for (const [pause, amount] of all) {
          now += pause;
          if (takeNow("a", amount, allowance).allowed) taken += amount;
          expect(taken).toBeLessThanOrEqual(allowance.max * (1 + now / allowance.window) + 1e-6);
        }
      }),
    );
  });
});

describe("C2: a bucket that several processes fill", () => {
  const allowance = { max: 1000, window: 900_000 };
  const rate = allowance.max / allowance.window;
  afterEach(() => void vi.useRealTimers());

  /** A store that answers after as many turns as `slow` says, and not at all while it is `away`. */
  const store = () => {
    let value: Passing<number> | undefined;
    const held = { away: false, slow: () => 1, asked: 0 };
    const change: Temporary<number>["change"] = async (_, decide) => {
      held.asked++;
      const turns = held.slow();
      for (let n = 0; n < turns; n++) await Promise.resolve();
      if (held.away) throw new Error("away");
      const { next, answer } = decide(value);
      value = next ?? value;
      for (let n = 0; n < turns; n++) await Promise.resolve();
      return answer;
    };
    return Object.assign(held, { change });
  };

  test("together no more than the bound and the documented overshoot, however requests fall and processes die", async () => {
    const burst = fc.record({
      pause: fc.oneof(fc.nat(50), fc.nat(5000), fc.nat(100_000)),
      amount: fc.constantFrom(0.1, 1, 1, 10),
      count: fc.nat(100),
      to: fc.nat(3),
      dies: fc.integer({ min: 0, max: 40 }),
      turns: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(burst, { maxLength: 25 }), async (bursts) => {
        vi.useFakeTimers({ now: 0, toFake: ["Date", "setInterval", "clearInterval"] });
        const shared = store();
        const begin = () => createBuckets({ shared });
        const processes = [begin(), begin(), begin(), begin()];
        let [taken, began] = [0, processes.length];
        for (const { pause, amount, count, to, dies, turns } of bursts) {
          await vi.advanceTimersByTimeAsync(pause);
          shared.slow = () => turns;
          if (dies < processes.length) {
            processes.splice(dies, 1, begin())[0]?.close();
            began++;
          }
          // one process gets most of them
          const asked = Array.from({ length: count }, async (_, n) =>
            processes[n % 5 === 0 ? n % 4 : to]?.take("a", amount, allowance),
          );
          for (const verdict of await Promise.all(asked)) if (verdict?.allowed) taken += amount;
          const overshoot = began * (allowance.max / 128 + 2000 * rate);
          expect(taken).toBeLessThanOrEqual(allowance.max + Date.now() * rate + overshoot + 1e-6);
        }
        for (const each of processes) each.close();
      }),
      { numRuns: 25 },
    );
  });

  test("a lease dies with its process, but not the client's rate; what is not used flows back", async () => {
    vi.useFakeTimers({ now: 0, toFake: ["Date", "setInterval", "clearInterval"] });
    const shared = store();
    const [one, two, three] = [1, 2, 3].map(() => createBuckets({ shared }));
    const drain = async (buckets = two): Promise<number> => {
      let taken = 0;
      while ((await buckets?.take("a", 1, allowance))?.allowed) taken++;
      return taken;
    };
    // ordinary clients cost no question
    for (let n = 0; n < 7; n++) await one?.take("a", 1, allowance);
    expect(shared.asked).toBe(0);
    await one?.take("a", 1, allowance);
    expect(shared.asked).toBe(1);
    one?.close();
    const left = await drain();
    expect(left).toBeGreaterThanOrEqual(1000 - 7 - 32 - 1);
    expect(left).toBeLessThanOrEqual(1000 - 7);
    expect(shared.asked).toBeLessThan(300);
    // from then on at the client's rate, of all processes together
    await vi.advanceTimersByTimeAsync(90_000);
    const [again, more] = [await drain(), await drain(three)];
    expect(again + more).toBeGreaterThanOrEqual(99);
    expect(again + more).toBeLessThanOrEqual(100 + 2 * (1000 / 128 + 2));
    await vi.advanceTimersByTimeAsync(450_000);
    await three?.take("a", 10, allowance);
    const held = await drain();
    await vi.advanceTimersByTimeAsync(3000);
    // what `three` leased and did not use
    expect(await drain()).toBeGreaterThan(10);
    expect(held).toBeGreaterThan(400);
    two?.close();
    three?.close();
  });

  test("while the store is away each counts for itself, and afterwards together with what it let through", async () => {
    vi.useFakeTimers({ now: 0, toFake: ["Date", "setInterval", "clearInterval"] });
    const shared = store();
    const both = [createBuckets({ shared }), createBuckets({ shared })];
    shared.away = true;
    const drain = async (): Promise<number[]> =>
      Promise.all(
        both.map(async (each) => {
          let taken = 0;
          while ((await each.take("a", 1, allowance)).allowed) taken++;
          return taken;
        }),
      );
    expect(await drain()).toEqual([1000, 1000]);
    shared.away = false;
    await vi.advanceTimersByTimeAsync(10_000);
    const [one = 0, two = 0] = await drain();
    expect(one + two).toBeLessThanOrEqual(11 + 2 * (1000 / 128 + 2));
    for (const each of both) each.close();
  });

  test("attack 53: of any number of clients the least used are forgotten; who asks little is in no store", () => {
    const shared = store();
    const buckets = createBuckets({ shared });
    const left = (n: number) => buckets.takeNow(`192.0.2.${n}`, 1, allowance).remaining;
    expect([left(0), left(0)]).toEqual([999, 998]);
    for (let n = 1; n <= 100_000; n++) left(n);
    expect([left(0), left(100_000)]).toEqual([999, 998]);
    expect(shared.asked).toBe(0);
    buckets.close();
  });

  test("a store that does not answer holds up a request for a moment only", async () => {
    vi.useFakeTimers({ now: 0 });
    const buckets = createBuckets({ shared: { change: () => new Promise(() => {}) } });
    const waiting = buckets.take("a", 10, allowance);
    await vi.advanceTimersByTimeAsync(1001);
    expect(await waiting).toMatchObject({ allowed: true, remaining: 990 });
    expect(buckets.take("a", 10, allowance)).toMatchObject({ allowed: true, remaining: 980 });
    buckets.close();
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
  // what another server counted of the same refusals is no second time
  expect((await blocks.block(outside, "the same")).count).toBe(1);
  // once more is longer
  await blocks.unblock(outside);
  const again = await blocks.block(outside, "once more");
  expect((again.until - again.since) / 60_000).toBe(5);
  await blocks.unblock(outside);
  expect((await blocks.block(outside, "x")).count).toBe(3);
  const elsewhere = createBlocks(here.citadel.store.driver, here.citadel.notices, alone);
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
  const log = await here.ask("/_dashboard/api/log?kind=block", local);
  expect(log.json().items.flatMap(({ who, events }: any) => [who, events[0].text])).toEqual([
    ...["root", "answer 198.51.100.4 again"],
    ...["root", expect.stringMatching(/^block 198\.51\.100\.4 until 2\S+Z: /)],
  ]);
  for (const each of ["metrics", "blocks"])
    expect((await here.ask(`${path}/${each}`, { ...local, token: eve.token })).status).toBe(403);
});

test("C2: over a real Redis too; when it is gone every process goes on alone", async (context) => {
  const redis = await startRedis();
  if (!redis) return context.skip();
  onTestFinished(() => redis.stop());
  await using here = await place();
  const options = {
    ...{ driver: here.citadel.store.driver, notices: here.citadel.notices, redis: redis.store() },
    history: alone,
    schemes: new Map([["redis", join(root, "drivers/redis/dist/index.js")]]),
  };
  const all = await Promise.all(Array.from({ length: 4 }, () => openLimits(options)));
  const allowance = { max: 1000, window: 900_000 };
  const began = Date.now();
  const drain = async ({ buckets }: Limits): Promise<number> => {
    let taken = 0;
    while ((await buckets.take(outside, 1, allowance)).allowed) taken++;
    return taken;
  };
  const taken = (await Promise.all([...all, ...all].map(drain))).reduce((sum, n) => sum + n);
  const flowed = (Date.now() - began) / 900;
  expect(taken).toBeGreaterThan(960);
  expect(taken).toBeLessThanOrEqual(1000 + flowed + 4 * (1000 / 128 + 2.3));
  await redis.kill();
  const [one] = all;
  const other = await one?.buckets.take("192.0.2.9", 10, allowance);
  expect(other).toMatchObject({ allowed: true, remaining: 990 });
  for (const each of all) await each.close();
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
  // the bound, and what flowed back
  expect(answered).toBeGreaterThanOrEqual(39);
  expect(answered).toBeLessThan(44);
  expect((await ask("192.0.2.8")).status).toBe(200);
}, 60_000);
