// C4: metrics and spans for OpenTelemetry, and the trace that a request is part of.
import { Agent } from "node:http";
import { expect, onTestFinished, test } from "vitest";

import { hooked } from "../hooks/harness.ts";
import { collector, type Told } from "../servers/collector.ts";
import { citadel, serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { inUrl, publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { behind, server as upstreamServer, short, stock } from "../upstream/behind.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const above = "00f067aa0ba902b7";
const parent = `00-${trace}-${above}-01`;

async function started(env: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<Server> {
  const temp = await tempFolder("telemetry");
  onTestFinished(() => temp.remove());
  const often = { CITADEL_TELEMETRY_INTERVAL: "200" };
  const server = await serve({ home: temp.path, env: { ...often, ...env }, args });
  onTestFinished(() => server.stop());
  return server;
}

test("C4: a collector of OpenTelemetry gets the metrics; one that hangs or fails neither slows the server nor makes it grow", async () => {
  const to = await collector();
  const server = await started({
    OTEL_EXPORTER_OTLP_ENDPOINT: to.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20let-me-in,X-Tenant=ops",
  });
  for (let n = 0; n < 3; n++) await request(`${server.url}/-/ping`);
  const metric = (name: string): any =>
    to.metrics.at(-1)?.resourceMetrics[0]?.scopeMetrics[0]?.metrics.find((one) => one.name === name); // prettier-ignore
  const attribute = (of: any, key: string) =>
    of.attributes.find((one: any) => one.key === key)?.value.stringValue;
  const pings = () =>
    metric("http_request_duration_seconds")?.histogram.dataPoints.find(
      (point: any) => attribute(point, "route") === "/-/ping" && attribute(point, "code") === "200",
    );
  await until(async () => Number(pings()?.count ?? 0) >= 3);
  const resource = to.metrics.at(-1)?.resourceMetrics[0]?.resource;
  expect(attribute(resource, "service.name")).toBe("citadel");
  expect(attribute(resource, "service.instance.id")).toBe(String(server.pid));
  const { bucketCounts, explicitBounds, count, startTimeUnixNano, timeUnixNano } = pings();
  expect(bucketCounts).toHaveLength(explicitBounds.length + 1);
  expect(bucketCounts.reduce((sum: number, one: string) => sum + Number(one), 0)).toBe(Number(count)); // prettier-ignore
  expect(explicitBounds).toEqual(explicitBounds.toSorted((a: number, b: number) => a - b));
  expect(BigInt(startTimeUnixNano)).toBeLessThan(BigInt(timeUnixNano));
  expect(metric("citadel_publishes_total").sum).toMatchObject({
    ...{ isMonotonic: true, aggregationTemporality: 2 },
  });
  expect(metric("http_requests_in_flight").gauge.dataPoints[0].asDouble).toBeGreaterThanOrEqual(0);
  await until(async () => to.spans.length >= 3);
  expect(to.headers.map((each) => [each.authorization, each["x-tenant"]])).toEqual(
    to.headers.map(() => ["Bearer let-me-in", "ops"]),
  );

  const spans = async (result: string): Promise<number> => {
    const text = (await request(`${server.url}/-/metrics`)).text();
    return Number(new RegExp(`^citadel_spans_total\\{result="${result}"\\} (\\d+)`, "m").exec(text)?.[1]); // prettier-ignore
  };
  to.react((answer) => void answer.writeHead(500).end());
  await request(`${server.url}/-/ping`);
  await until(async () => (await spans("failed")) > 0);
  // it has the connection, and says nothing
  to.react(() => {});
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const ping = () => request(`${server.url}/-/ping`, { agent });
  for (let n = 0; n < 70; n++) await Promise.all(Array.from({ length: 40 }, ping));
  expect(await spans("dropped")).toBeGreaterThan(0);
  await server.stop();
  expect(server.child.exitCode).toBe(0);
  expect(to.wrong).toEqual([]);
}, 30_000);

test("C4: requests are spans, also those that registries ask each other; what is not to be told is in none", async () => {
  const to = await collector();
  const telemetry = { CITADEL_TELEMETRY_ENDPOINT: to.url };
  const there = await started({
    ...{ ...telemetry, OTEL_SERVICE_NAME: "there", CITADEL_TELEMETRY_SAMPLE_RATIO: "0" },
  });
  const token = await signIn(there.url, "ada");
  const tarball = await publish(there.url, token, { name: "@acme/one", version: "1.0.0" });
  for (const name of ["two", "three", "four"])
    await publish(there.url, token, { name, version: "1.0.0" });
  const upstream = { name: "there", url: there.url };
  const here = await started(
    { ...telemetry, OTEL_SERVICE_NAME: "here", CITADEL_UPSTREAM: JSON.stringify([upstream]) },
    ["--verbose"],
  );
  const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    request(here.url + path, { headers: { accept: short, ...headers } });
  const of = (id: string): readonly Told[] => to.spans.filter(({ traceId }) => traceId === id);
  const whole = async (id: string): Promise<readonly [Told, Told, Told]> => {
    await until(async () => of(id).length >= 3);
    const found = of(id);
    const [first, second, third] = [found.find(({ service, kind }) => service === "here" && kind === 2), found.find(({ kind }) => kind === 3), found.find(({ service }) => service === "there")]; // prettier-ignore
    return [first, second, third] as [Told, Told, Told];
  };

  const agent = "npm/11.0.0 npm_abcdefghijklmnop0123456789abcdefghij";
  const sent = { traceparent: parent, tracestate: "a=1, b@c=2", "user-agent": agent };
  expect((await ask("/@acme%2fone?token=hush", sent)).status).toBe(200);
  const [asked, call, answered] = await whole(trace);
  expect([asked.parentSpanId, call.parentSpanId, answered.parentSpanId]).toEqual([
    ...[above, asked.spanId, call.spanId],
  ]);
  expect([asked.name, call.name, answered.name]).toEqual(["GET /:name", "GET", "GET /:name"]);
  expect(of(trace).map(({ traceState, status }) => [traceState, status])).toEqual(
    of(trace).map(() => ["a=1,b@c=2", undefined]),
  );
  const { port } = new URL(here.url);
  expect(asked.about).toEqual({
    "http.request.method": "GET",
    "http.route": "/:name",
    "http.response.status_code": 200,
    "url.path": "/@acme/one",
    "url.scheme": "http",
    "server.address": new URL(here.url).hostname,
    "server.port": Number(port),
    "network.protocol.version": "1.1",
    "user_agent.original": "npm/11.0.0 ***",
  });
  expect(call.about).toEqual({
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "server.address": new URL(there.url).hostname,
    "server.port": Number(new URL(there.url).port),
    "citadel.upstream": "there",
    "url.full": `${there.url}/@acme%2fone`,
  });
  const within = (inner: Told, outer: Told) => [BigInt(outer.startTimeUnixNano) <= BigInt(inner.startTimeUnixNano), BigInt(inner.endTimeUnixNano) <= BigInt(outer.endTimeUnixNano)]; // prettier-ignore
  expect(within(call, asked)).toEqual([true, true]);
  expect((await ask(`/${inUrl("@acme/one")}/-/one-1.0.0.tgz`)).body.equals(tarball)).toBe(true);

  // not recorded by those before, not recorded here
  const other = "1".repeat(32);
  expect((await ask("/two", { traceparent: `00-${other}-${above}-00` })).status).toBe(200);
  // whatever a field says that is none
  const hostile = [
    ...["00-xyz", `ff-${trace}-${above}-01`, `00-${"0".repeat(32)}-${above}-01`],
    ...[`00-${trace}-${"0".repeat(16)}-01`, parent.toUpperCase(), `${parent}, ${parent}`],
    ...[`${parent}-more`, `00-${trace}-${above}-01`.repeat(100), "__proto__", "-", "🦀"],
  ];
  const before = of(trace).length;
  for (const [n, traceparent] of hostile.entries()) {
    const { status, headers } = await ask(`/-/v1/search?text=${n}`, { traceparent: Buffer.from(traceparent).toString("latin1"), tracestate: "x".repeat(5000) }); // prettier-ignore
    const id = String(headers["x-request-id"]).slice(0, 32);
    expect([status, id === trace, id]).toEqual([
      200,
      false,
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ]);
  }
  // what begins here: the answer and the log name its trace
  const missing = await ask("/_api/no/where/at/all");
  const [began = "", first] = String(missing.headers["x-request-id"]).split("-");
  await until(async () => of(began).length > 0);
  expect(of(began)).toMatchObject([
    { spanId: first, name: "GET", about: { "http.response.status_code": 404 } },
  ]);
  expect(of(began)[0]).not.toHaveProperty("parentSpanId");
  expect(of(began)[0]).not.toHaveProperty("status");
  expect(here.log()).toContain(`"trace":"${began}"`);

  // what goes wrong is marked; the last ones are sent when the server stops
  await there.stop();
  const failed = { traceparent: `00-${"2".repeat(32)}-${above}-01`, "x-request-id": "mine" };
  const gone = await ask("/five", failed);
  expect([gone.status >= 500, gone.headers["x-request-id"]]).toEqual([true, "mine"]);
  await here.stop();
  const wrong = of("2".repeat(32));
  expect(wrong.map(({ kind, status, about }) => [kind, status, about["error.type"]])).toEqual(
    expect.arrayContaining([
      [2, { code: 2 }, String(gone.status)],
      [3, { code: 2 }, "E_REMOTE_UNAVAILABLE"],
    ]),
  );
  expect(of(trace)).toHaveLength(before);
  expect(of(other)).toEqual([]);
  // nothing began over there, and its part of what was not recorded is not there either
  expect(to.spans.filter((each) => each.service === "there" && !to.spans.some(({ spanId }) => spanId === each.parentSpanId))).toEqual([]); // prettier-ignore
  expect(new Set(to.spans.map(({ name }) => name))).toEqual(
    new Set(["GET", "GET /:name", "GET /:name/-/:file", "GET /-/v1/search", "GET /-/ping"]),
  );
  for (const secret of [token, agent, "hush"]) expect(to.text()).not.toContain(secret);
  expect(to.wrong).toEqual([]);
}, 60_000);

test("C4: publishes and calls of hooks are spans; a receiver is told the trace, and nobody where it is called", async () => {
  // nobody reports there
  await using hooks = await hooked({ "telemetry.endpoint": "http://127.0.0.1:9/" });
  const { here, to } = hooks;
  const spans: any[] = [];
  here.app.trace?.record((span) => void spans.push(span));
  const token = await here.signIn("ada");
  await here.publish(token, { name: "one", version: "1.0.0" });
  await hooks.hook(token, "one", { endpoint: `${to.url}hush` });
  hooks.start();
  await here.publish(token, { name: "one", version: "1.0.1" });
  await to.count(1);
  await until(async () => spans.some(({ kind }) => kind === "client"));
  const call = spans.find(({ kind }) => kind === "client");
  const { traceparent } = to.got[0]?.headers ?? {};
  expect(traceparent).toBe(`00-${call.place.trace}-${call.place.span}-01`);
  expect(call).toMatchObject({
    ...{ name: "POST", parent: undefined, failed: false },
    attributes: { "citadel.event": "package:publish", "http.response.status_code": 200 },
  });
  expect(JSON.stringify(call)).not.toContain("hush");
});

test("C4: without a collector the trace that a request is part of is passed on to other registries; what is none is not", async () => {
  const there = await upstreamServer();
  const here = await behind(there);
  const told: unknown[] = [];
  for (const [name, sent] of [
    ["one", { traceparent: parent, tracestate: "a=1" }],
    ["two", { traceparent: "00-xyz", tracestate: "a=1" }],
    ["three", {}],
  ] as const) {
    stock(there, name, { versions: { "1.0.0": {} } });
    expect((await here.ask(`/${name}`, { headers: { accept: short, ...sent } })).status).toBe(200);
    const { traceparent, tracestate } = there.requests.at(-1)?.headers ?? {};
    told.push([traceparent, tracestate]);
  }
  expect(told).toEqual([
    [parent, "a=1"],
    [undefined, undefined],
    [undefined, undefined],
  ]);
});

test("C4: what a collector wants of headers is shown nowhere", async () => {
  const temp = await tempFolder("telemetry");
  onTestFinished(() => temp.remove());
  const show = (value: string) => citadel(temp.path, ["config", "--json"], { env: { OTEL_EXPORTER_OTLP_HEADERS: value } }); // prettier-ignore
  const shown = await show("x-key=hush%2C%20hush,authorization=Basic%20aHVzaA==");
  expect(shown.stdout).toContain("x-key=***, authorization=***");
  const wrong = await show("x-key=hush%0d%0ax-more: aHVzaA");
  expect(wrong.stdout).toContain("E_CONFIG");
  expect(shown.stdout + shown.stderr + wrong.stdout + wrong.stderr).not.toMatch(/hush|aHVzaA/);
});
