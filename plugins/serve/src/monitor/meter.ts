import { createDurations, durationBounds, errorObject, type Durations } from "@citadel/core";
import type { Answer } from "../http/exchange.ts";
import type { Trace } from "../trace/trace.ts";

/** Answers of one route, method and status. */
export interface Series {
  readonly route: string;
  readonly method: string;
  readonly code: number;
  readonly durations: Durations;
}

/** what stands for the route of requests that have none */
export const noRoute = "none";

export const publishResults = ["ok", "conflict", "denied", "invalid", "error"] as const;
type PublishResult = (typeof publishResults)[number];
export const tarballSources = ["local", "cache", "upstream"] as const;
export const updateSources = ["cli", "http", "ws", "file"] as const;

/**
 * Counts what this process answers. Everything is a number in memory, so that the install path pays for nothing else; whoever wants
 * to see them reads them.
 */
export interface Meter {
  /** false: nothing is counted but what is under way */
  on: boolean;
  /** A request came in. @returns ms, for {@link Meter.went} */
  came(): number;
  /** It is answered. @param route the pattern, never the path */
  went(began: number, route: string, method: string, status: number, bytes: number): void;
  /** A body of so many bytes came in. */
  sent(bytes: number): void;
  downloaded(source: (typeof tarballSources)[number]): void;
  /** Does a publish of `count` versions, and counts what became of it. */
  publishing<T>(work: () => Promise<T>, count?: number): Promise<T>;
  /** the live configuration changed */
  updated(source: (typeof updateSources)[number]): void;
  readonly inFlight: number;
  /** how many of all answers took so long, in the order of {@link durationBounds} */
  durations(): number[];
  /** answers with a status above 499 */
  readonly failures: number;
  /** of answers */
  readonly bytes: number;
  /** of requests */
  readonly bytesIn: number;
  bytesByRoute(): Iterable<readonly [route: string, bytes: number]>;
  series(): Iterable<Series>;
  readonly publishes: Readonly<Record<PublishResult, number>>;
  readonly downloads: Readonly<Record<(typeof tarballSources)[number], number>>;
  readonly updates: Readonly<Record<(typeof updateSources)[number], number>>;
}

export function createMeter(trace?: Pick<Trace, "part">): Meter {
  interface Route {
    bytes: number;
    /** by method; the status is the place in the array */
    readonly methods: Map<string, Series[]>;
  }
  const routes = new Map<string, Route>();
  const publishes = { ok: 0, conflict: 0, denied: 0, invalid: 0, error: 0 };
  const downloads = { local: 0, cache: 0, upstream: 0 };
  const updates = { cli: 0, http: 0, ws: 0, file: 0 };

  const codesOf = ({ methods: known }: Route, sent: string): Series[] => {
    const method = methods.has(sent) ? sent : other;
    const codes = known.get(method) ?? [];
    known.set(method, codes);
    return codes;
  };

  const meter = {
    on: true,
    inFlight: 0,
    failures: 0,
    bytes: 0,
    bytesIn: 0,
    publishes,
    downloads,
    updates,
    came(): number {
      meter.inFlight++;
      return performance.now();
    },
    went(began: number, pattern: string, sent: string, code: number, size: number): void {
      meter.inFlight--;
      if (!meter.on) return;
      const ms = performance.now() - began;
      let route = routes.get(pattern);
      if (!route) routes.set(pattern, (route = { bytes: 0, methods: new Map() }));
      const codes = route.methods.get(sent) ?? codesOf(route, sent);
      let series = codes[code];
      if (!series) {
        const method = methods.has(sent) ? sent : other;
        series = { ...{ route: pattern, method, code }, durations: createDurations() };
        codes[code] = series;
      }
      series.durations.note(ms);
      if (code >= 500) meter.failures++;
      meter.bytes += size;
      route.bytes += size;
    },
    sent(bytes: number): void {
      if (meter.on) meter.bytesIn += bytes;
    },
    downloaded(source: (typeof tarballSources)[number]): void {
      if (meter.on) downloads[source]++;
    },
    async publishing<T>(work: () => Promise<T>, count = 1): Promise<T> {
      let result: PublishResult = "ok";
      try {
        return await (trace ? trace.part("publish", { "citadel.versions": count }, work) : work());
      } catch (error) {
        result = resultOf(error);
        throw error;
      } finally {
        if (meter.on) publishes[result] += count;
      }
    },
    updated(source: (typeof updateSources)[number]): void {
      if (meter.on) updates[source]++;
    },
    durations(): number[] {
      const all = [...durationBounds, Infinity].map(() => 0);
      for (const { durations } of meter.series())
        for (const [n, count] of durations.counts.entries()) all[n] = (all[n] ?? 0) + count;
      return all;
    },
    *bytesByRoute(): Generator<readonly [string, number]> {
      for (const [pattern, { bytes }] of routes) yield [pattern, bytes];
    },
    *series(): Generator<Series> {
      for (const route of routes.values())
        for (const codes of route.methods.values()) for (const one of codes) if (one) yield one;
    },
  };
  return meter;
}

/** stands for all other methods */
const other = "other";
/** What anybody may send as a method must not make a series. */
export const methods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "OPTIONS",
]);

function resultOf(error: unknown): PublishResult {
  const { status } = errorObject(error);
  if (status === 409) return "conflict";
  if (status === 401 || status === 403) return "denied";
  return status >= 500 ? "error" : "invalid";
}

/** Bytes of the body of an answer, which a stream says in its headers. */
export function sizeOf({ body, headers }: Answer): number {
  if (body === null) return 0;
  if (body instanceof Uint8Array) return body.byteLength;
  for (let n = 0; n < headers.length; n += 2)
    if (headers[n] === "content-length") return Number(headers[n + 1]);
  return 0;
}
