// Rows 50 to 54: who wants to use up memory, disk, connections or processors. Nothing here measures a time.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createBuckets } from "@citadel/core/limits";
import { createApp, startServer, type Answer } from "@citadel/plugin-serve";
import { afterEach, expect, test, vi } from "vitest";

import { asked, base, host, place, type Place } from "../serve/place.ts";
import { request } from "../support/http.ts";
import { pack, publishDocument } from "../support/packages.ts";
import { addressOf, routesInSource } from "../support/routes.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const spooled = (here: Place) => readdir(join(here.folder, "data/tmp")).catch(() => []);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Sends a body that a test gives out piece by piece. */
const sendStream = (
  here: Place,
  path: string,
  body: ReadableStream,
  headers = {},
  method = "PUT",
) =>
  here.app.fetch(
    new Request(new URL(path, base), {
      method,
      body,
      duplex: "half",
      headers: { host, ...headers },
    } as RequestInit),
    { address: "127.0.0.1", path },
  );

test("attack 50: who is not signed in uploads nothing: the body is not even begun", async () => {
  await using here = await place();
  const open =
    /^\/(?:-\/(?:v1\/login|user\/:id|auth|npm\/v1\/security)|_auth\/token|api\/v1\/auth|_dashboard\/api\/session$)/;
  const routes = (await routesInSource()).filter(
    ({ method, path }) => ["PUT", "POST", "DELETE"].includes(method) && !open.test(path),
  );
  expect(routes.length).toBeGreaterThan(30);
  for (const route of routes) {
    let begun = 0;
    const body = new ReadableStream(
      {
        pull(controller) {
          begun++;
          controller.enqueue(new Uint8Array(65536));
        },
      },
      { highWaterMark: 0 },
    );
    const path = addressOf(route);
    const got = await sendStream(here, path, body, {}, route.method);
    expect([route.method, path, [400, 401, 403, 404].includes(got.status)]).toEqual([
      route.method,
      path,
      true,
    ]);
    expect([route.method, path, begun]).toEqual([route.method, path, 0]);
  }
  expect(await spooled(here)).toEqual([]);
});

test("attack 50: an upload that stops coming is given up after a minute, and leaves nothing", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  const manifest = { name: "one", version: "1.0.0" };
  const tarball = pack(manifest, { x: randomBytes(3 * 2 ** 20) });
  const text = Buffer.from(JSON.stringify(publishDocument(base, manifest, tarball, "latest")));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  for (const part of [1, Math.floor(text.length / 2), text.length - 1]) {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ === 0) controller.enqueue(new Uint8Array(text.subarray(0, part)));
        else return new Promise<void>(() => {});
      },
    });
    const answer = sendStream(here, "/one", body, { authorization: `Bearer ${token}` });
    while (part > 2 ** 20 && (await spooled(here)).length === 0) await turn();
    let over = false;
    void answer.then(() => (over = true));
    // a minute after the other, as the clock of the body starts when it waits
    while (!over) {
      await vi.advanceTimersByTimeAsync(61_000);
      await turn();
    }
    const got = await answer;
    expect([part, got.status]).toEqual([part, 400]);
    expect(await got.text()).toContain("stopped coming");
    expect(await spooled(here)).toEqual([]);
  }
  vi.useRealTimers();
});

test("attack 50: uploads that nobody ends fill no disk: together they have a limit, and give back what they held", async () => {
  await using here = await place({ "limits.tarball": 6e6, "limits.uploads": 6e6 });
  const token = await here.signIn("ann");
  const bodyOf = (name: string): Buffer => {
    const manifest = { name, version: "1.0.0" };
    const tarball = pack(manifest, { x: randomBytes(3 * 2 ** 20) });
    return Buffer.from(JSON.stringify(publishDocument(base, manifest, tarball, "latest")));
  };
  const authorization = `Bearer ${token}`;
  const held = bodyOf("held");
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      (source = controller).enqueue(new Uint8Array(held.subarray(0, held.length - 100)));
    },
  });
  const waiting = sendStream(here, "/held", body, { authorization });
  const arrived = async (): Promise<number> => {
    const [file] = await spooled(here);
    return file === undefined ? 0 : (await stat(join(here.folder, "data/tmp", file))).size;
  };
  while ((await arrived()) < 3e6) await turn();
  const other = { method: "PUT", token, body: bodyOf("other").toString() };
  const refused = await here.ask("/other", other);
  expect([refused.status, refused.json().code]).toEqual([429, "E_RATE_LIMIT"]);
  expect(refused.headers.get("retry-after")).toBe("10");
  expect(await spooled(here)).toHaveLength(1);
  source?.enqueue(new Uint8Array(held.subarray(held.length - 100)));
  source?.close();
  expect((await waiting).status).toBe(201);
  expect((await here.ask("/other", other)).status).toBe(201);
  expect(await spooled(here)).toEqual([]);
});

test("attack 50: who reads slowly is sent no more than they take, and who leaves ends it", async () => {
  await using here = await place();
  let made = 0;
  const cancelled = Promise.withResolvers<void>();
  const endless = (): Answer => ({
    status: 200,
    headers: ["content-type", "application/octet-stream"],
    body: new ReadableStream<Uint8Array>({
      async pull(controller) {
        await turn();
        made++;
        controller.enqueue(new Uint8Array(2 ** 16));
      },
      cancel: () => cancelled.resolve(),
    }),
  });
  const app = {
    ...here.app,
    install: (one: Parameters<typeof here.app.install>[0]) =>
      one.path === "/endless" ? endless() : here.app.install(one),
  };
  const server = await startServer({ app, hosts: ["127.0.0.1"], port: 0 });
  try {
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`GET /endless HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await once(socket, "readable");
    // nobody reads on: what the kernel takes comes to an end
    let before = -1;
    for (let same = 0; same < 20;) {
      for (let n = 0; n < 20; n++) await turn();
      await request(`http://127.0.0.1:${server.port}/-/ping`);
      same = made === before ? same + 1 : 0;
      before = made;
      expect(made).toBeLessThan(1024);
    }
    socket.destroy();
    await cancelled.promise;
  } finally {
    await server.stop(1000);
  }
});

test("attack 51: a large publish, and packuments of any size, are never one text to parse", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  const manifest = { name: "one", version: "1.0.0", readme: "x".repeat(200_000) };
  const document = publishDocument(
    base,
    manifest,
    pack(manifest, { x: randomBytes(8 * 2 ** 20) }, 0),
    "latest",
  );
  const body = JSON.stringify(document);
  expect(body.length).toBeGreaterThan(10 * 2 ** 20);
  const parse = vi.spyOn(JSON, "parse");
  const stringify = vi.spyOn(JSON, "stringify");
  const largest = () =>
    Math.max(
      0,
      ...parse.mock.calls.map(([text]) => text.length),
      ...stringify.mock.results.map(({ value }) => (value as string | undefined)?.length ?? 0),
    );
  const got = await here.ask("/one", { method: "PUT", token, body });
  expect(got.status, got.text).toBe(201);
  expect(largest()).toBeLessThan(2 ** 20);
  parse.mockClear();
  stringify.mockClear();
  for (const path of ["/one", "/one/-/one-1.0.0.tgz"])
    expect((await here.ask(path)).status).toBe(200);
  expect(largest()).toBeLessThan(2 ** 20);
});

test("attack 53: what is kept of tries does not grow with names, addresses that are stopped, or time", async () => {
  await using here = await place({ "server.trustProxy": ["10.0.0.0/8"] }, "sqlite");
  const kept = async () =>
    (await here.citadel.store.driver.list({ prefix: "t/", limit: 1000 })).entries.length;
  const begin = (address: string) =>
    here.ask("/-/v1/login", {
      method: "POST",
      headers: { "x-forwarded-for": address },
      from: "10.0.0.1",
    });
  for (let n = 0; n < 110; n++) await begin("198.51.100.9");
  // a log-in each as long as that is allowed, and one count
  expect(await kept()).toBe(101);
  // all of a network of IPv6 are one
  for (let n = 0; n < 110; n++) await begin(`2001:db8:1:2::${n.toString(16)}`);
  expect(await kept()).toBe(202);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 16 * 60_000 });
  await here.citadel.collect({ grace: 0 });
  expect(await kept()).toBe(0);
});

test("attack 53: the routes and hosts that are remembered have an end", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  await here.publish(token, { name: "one", version: "1.0.0" });
  const app = createApp({ citadel: here.citadel });
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  for (let n = 0; n < 20_000; n++)
    await app.install(asked(`/-/${"x".repeat(450)}/${n}`, { host: `h${n}.localhost` }));
  for (let n = 0; n < 20_000; n++)
    await app.install(asked(`/ping-${n}/-/${"x".repeat(400)}.tgz`, { host: `h${n}.localhost:1` }));
  // all of them would be more than 40 MB
  expect(heap() - before).toBeLessThan(20 * 2 ** 20);
  expect((await app.install(asked("/one")))?.status).toBe(200);
});

test("attack 53: the buckets of clients that come once have an end", () => {
  const buckets = createBuckets();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const allowance = { max: 1000, window: 900_000 };
  const heapAfter = (from: number, to: number): number => {
    for (let n = from; n < to; n++) buckets.takeNow(`client:2001:db8:${n}::`, 1, allowance);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const full = heapAfter(0, 120_000);
  // all of them would be more than 30 MB
  expect(heapAfter(120_000, 360_000) - full).toBeLessThan(10 * 2 ** 20);
  buckets.close();
});

test("attack 54: tarballs are sent as they are, and a packument is compressed once, not for each request", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  const manifest = { name: "one", version: "1.0.0", description: "x".repeat(5000) };
  const tarball = pack(manifest, { x: "y".repeat(200_000) });
  await here.publish(token, manifest, tarball);
  for (const coding of ["gzip", "br", "zstd", "gzip, br, zstd, deflate", "*"]) {
    const got = await here.ask("/one/-/one-1.0.0.tgz", { headers: { "accept-encoding": coding } });
    expect(got.headers.get("content-encoding")).toBeNull();
    expect(Buffer.from(got.bytes).equals(tarball)).toBe(true);
    const headers = { "accept-encoding": coding, accept: "application/json" };
    const bodies = new Set<unknown>();
    for (let n = 0; n < 50; n++) {
      const answer = await here.app.install(asked("/one", headers));
      expect(answer?.status).toBe(200);
      bodies.add(answer?.body);
    }
    // at most the first encoding and the better one that took its place
    expect(bodies.size).toBeLessThanOrEqual(3);
  }
});
