import type { Span } from "../trace/trace.ts";
import { attributes, nanoseconds, type Collector } from "./otlp.ts";

/** spans that wait at most; more are dropped */
const room = 2048;
/** spans in one report at most; so many do not wait for the next one */
const most = 512;
/** ms between two reports at most */
const often = 5000;

/** What became of spans since this process began. */
export interface SpanCounts {
  sent: number;
  /** the collector did not take them */
  failed: number;
  /** there was no room */
  dropped: number;
}

/** What waits to be reported. */
export interface SpanQueue {
  take(span: Span): void;
  /** Reports what is left, and ends it. */
  stop(): Promise<void>;
}

/** Reports spans every few seconds, a bounded number at a time. What is not taken is gone. */
export function createSpanQueue(
  collector: Pick<Collector, "send">,
  interval: number,
  counts: SpanCounts,
): SpanQueue {
  let waiting: Span[] = [];
  let sending: Promise<void> | undefined;
  /** a collector that does not answer is not asked more often than every interval */
  let taken = true;

  const send = async (): Promise<void> => {
    do {
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      taken = await collector.send("traces", (resource) => requestOf(batch, resource));
      counts[taken ? "sent" : "failed"] += batch.length;
    } while (taken && waiting.length >= most);
  };
  const report = (): Promise<void> => {
    if (waiting.length === 0) return sending ?? Promise.resolve();
    return (sending ??= send().finally(() => (sending = undefined)));
  };
  const timer = setInterval(() => void report(), Math.min(interval, often)).unref();

  return {
    take(span) {
      if (waiting.length >= room) return void counts.dropped++;
      waiting.push(span);
      if (waiting.length >= most && taken && !sending) void report();
    },
    async stop() {
      clearInterval(timer);
      await sending;
      do await report();
      while (taken && waiting.length > 0);
      counts.dropped += waiting.length;
      waiting = [];
    },
  };
}

/** An ExportTraceServiceRequest. */
const requestOf = (spans: readonly Span[], resource: object): object => ({
  resourceSpans: [
    { resource, scopeSpans: [{ scope: { name: "citadel" }, spans: spans.map(spanOf) }] },
  ],
});

/** numbers of SpanKind and StatusCode */
const kinds = { internal: 1, server: 2, client: 3 } as const;
const wrong = 2;

const spanOf = ({ place, parent, kind, name, start, end, failed, ...span }: Span): object => ({
  traceId: place.trace,
  spanId: place.span,
  ...(place.state !== undefined && { traceState: place.state }),
  ...(parent !== undefined && { parentSpanId: parent }),
  flags: place.flags,
  name,
  kind: kinds[kind],
  startTimeUnixNano: nanoseconds(start),
  endTimeUnixNano: nanoseconds(end),
  attributes: attributes(span.attributes),
  ...(failed && { status: { code: wrong } }),
});
