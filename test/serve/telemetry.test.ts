// C4: metrics for OpenTelemetry, and the trace that a request is part of.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";

import { serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { behind, server as upstreamServer, short, stock } from "../upstream/behind.ts";

/** Answers everything with 200, and keeps what came. */
async function collector() {
  const got: { path: string; headers: IncomingHttpHeaders; json: any }[] = [];
  const server = createServer((incoming, answer) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const json = JSON.parse(Buffer.concat(parts).toString());
      got.push({ path: incoming.url ?? "", headers: incoming.headers, json });
      answer.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("C4: a collector of OpenTelemetry gets the metrics, as OTLP over HTTP has them", async () => {
  const { got, url } = await collector();
  const temp = await tempFolder("telemetry");
  onTestFinished(() => temp.remove());
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/otel`, CITADEL_TELEMETRY_INTERVAL: "200" };
  const server = await serve({ home: temp.path, env });
  onTestFinished(() => server.stop());
  for (let n = 0; n < 3; n++) await request(`${server.url}/-/ping`);
  const metric = (name: string) =>
    got.at(-1)?.json.resourceMetrics[0].scopeMetrics[0].metrics.find((one: any) => one.name === name); // prettier-ignore
  const attribute = (of: any, key: string) =>
    of.attributes.find((one: any) => one.key === key)?.value.stringValue;
  const pings = () =>
    metric("http_request_duration_seconds")?.histogram.dataPoints.find(
      (point: any) => attribute(point, "route") === "/-/ping" && attribute(point, "code") === "200",
    );
  await until(async () => Number(pings()?.count ?? 0) >= 3);
  const { path, headers, json } = got.at(-1) as (typeof got)[number];
  expect([path, headers["content-type"]]).toEqual(["/otel/v1/metrics", "application/json"]);
  const { resource } = json.resourceMetrics[0];
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
  // the last one is sent when it stops
  const before = got.length;
  await server.stop();
  expect(got.length).toBeGreaterThan(before);
  expect(server.child.exitCode).toBe(0);
}, 30_000);

test("C4: the trace that a request is part of is passed on to other registries; what is none is not", async () => {
  const there = await upstreamServer();
  const here = await behind(there);
  const told: (string | undefined)[] = [];
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const [name, sent] of [
    ["one", traceparent],
    ["two", "00-xyz"],
    ["three", undefined],
  ] as const) {
    stock(there, name, { versions: { "1.0.0": {} } });
    const headers = { accept: short, ...(sent !== undefined && { traceparent: sent }) };
    expect((await here.ask(`/${name}`, { headers })).status).toBe(200);
    told.push(there.requests.at(-1)?.headers["traceparent"] as string | undefined);
  }
  expect(told).toEqual([traceparent, undefined, undefined]);
});
