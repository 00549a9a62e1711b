import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { z } from "zod";

/** What OTLP/JSON has, and nothing else: opentelemetry-proto 1.x, where ids are hexadecimal, 64 bits are text and enums numbers. */
const digits = z.string().regex(/^\d{1,20}$/);
const nanos = z.string().regex(/^\d{19}$/);
const id = (length: number) =>
  z.string().regex(new RegExp(`^(?!0{${length}})[0-9a-f]{${length}}$`)); // prettier-ignore
const value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: digits }),
]);
const attributes = z.array(z.strictObject({ key: z.string().min(1), value }));
const resource = z.strictObject({ attributes });
const scope = z.strictObject({ name: z.string() });

const span = z.strictObject({
  traceId: id(32),
  spanId: id(16),
  traceState: z.string().max(512).optional(),
  parentSpanId: id(16).optional(),
  flags: z.int().min(0).max(255),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  status: z.strictObject({ code: z.literal(2) }).optional(),
});
const spansRequest = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource,
      scopeSpans: z.array(z.strictObject({ scope, spans: z.array(span) })),
    }),
  ),
});

const times = { startTimeUnixNano: nanos, timeUnixNano: nanos };
const numbers = z.array(z.strictObject({ attributes, ...times, asDouble: z.number() }));
const steady = { aggregationTemporality: z.literal(2) };
const histogram = z.strictObject({
  attributes,
  ...times,
  count: digits,
  sum: z.number(),
  bucketCounts: z.array(digits),
  explicitBounds: z.array(z.number()),
});
const metric = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  sum: z.strictObject({ ...steady, isMonotonic: z.boolean(), dataPoints: numbers }).optional(),
  gauge: z.strictObject({ dataPoints: numbers }).optional(),
  histogram: z.strictObject({ ...steady, dataPoints: z.array(histogram) }).optional(),
});
const metricsRequest = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource,
      scopeMetrics: z.array(z.strictObject({ scope, metrics: z.array(metric) })),
    }),
  ),
});

/** A span as a test looks at it. */
export interface Told extends Omit<z.infer<typeof span>, "attributes"> {
  /** `service.name` of who sent it */
  readonly service: string;
  readonly about: Readonly<Record<string, string | number>>;
}

export interface Collector {
  readonly url: string;
  readonly headers: readonly IncomingHttpHeaders[];
  /** requests with metrics, oldest first */
  readonly metrics: readonly z.infer<typeof metricsRequest>[];
  readonly spans: readonly Told[];
  /** all that came, as text */
  readonly text: () => string;
  /** what it did not understand */
  readonly wrong: readonly string[];
  /** what it does with spans from now on @default 200 */
  react(to: (answer: ServerResponse) => void): void;
}

/** Takes OTLP over HTTP as JSON below `/otel`, and reads it strictly. */
export async function collector(): Promise<Collector> {
  const headers: IncomingHttpHeaders[] = [];
  const metrics: z.infer<typeof metricsRequest>[] = [];
  const spans: Told[] = [];
  const texts: string[] = [];
  const wrong: string[] = [];
  const took = (answer: ServerResponse): void =>
    void answer.writeHead(200, { "content-type": "application/json" }).end("{}");
  let reaction = took;
  const read = (path: string, text: string): void => {
    const json: unknown = JSON.parse(text);
    if (path === "/otel/v1/metrics") metrics.push(metricsRequest.parse(json));
    else if (path === "/otel/v1/traces")
      for (const { resource: from, scopeSpans } of spansRequest.parse(json).resourceSpans) {
        const service = String(plain(from.attributes)["service.name"]);
        for (const { attributes: about, ...one } of scopeSpans.flatMap((each) => each.spans))
          spans.push({ ...one, service, about: plain(about) });
      }
    else throw new Error(path);
  };
  const server = createServer((request, answer) => {
    const { url: path = "" } = request;
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      headers.push(request.headers);
      texts.push(text);
      try {
        if (request.headers["content-type"] !== "application/json") throw new Error("no JSON");
        read(path, text);
      } catch (error) {
        wrong.push(`${path}: ${String(error)}`);
      }
      (path.endsWith("/traces") ? reaction : took)(answer);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/otel`;
  const react: Collector["react"] = (to) => void (reaction = to);
  return { url, headers, metrics, spans, text: () => texts.join("\n"), wrong, react };
}

/** Attributes as an object. */
const plain = (list: z.infer<typeof attributes>): Told["about"] =>
  Object.fromEntries(
    list.map(({ key, value: one }) => [
      key,
      "intValue" in one ? Number(one.intValue) : one.stringValue,
    ]),
  );
