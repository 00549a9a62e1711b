import { createDurations, errorObject, type Durations } from "@citadel/core";
import type { Answer } from "../http/exchange.ts";

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
export const updateSources = ["http", "file"] as const;

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
  downloaded(source: (typeof tarballSources)[number]): void;
  /** Does a publish of `count` versions, and counts what became of it. */
  publishing<T>(work: () => Promise<T>, count?: number): Promise<T>;
  /** the live configuration changed */
  updated(source: (typeof updateSources)[number]): void;
  readonly inFlight: number;
  /** all answers by duration */
  readonly all: Durations;
  /** answers with a status above 499 */
  readonly failures: number;
  readonly bytes: number;
  readonly bytesByRoute: ReadonlyMap<string, number>;
  series(): Iterable<Series>;
  readonly publishes: Readonly<Record<PublishResult, number>>;
  readonly downloads: Readonly<Record<(typeof tarballSources)[number], number>>;
  readonly updates: Readonly<Record<(typeof updateSources)[number], number>>;
}

export function createMeter(): Meter {
  /** by route and method; the status is the place in the array */
  const known = new Map<string, Map<string, Series[]>>();
  const bytesByRoute = new Map<string, number>();
  const all = createDurations();
  const publishes = { ok: 0, conflict: 0, denied: 0, invalid: 0, error: 0 };
  const downloads = { local: 0, cache: 0, upstream: 0 };
  const updates = { http: 0, file: 0 };
  let on = true;
  let inFlight = 0;
  let failures = 0;
  let bytes = 0;

  const seriesOf = (route: string, method: string, code: number): Series => {
    let methods = known.get(route);
    if (!methods) known.set(route, (methods = new Map()));
    let codes = methods.get(method);
    if (!codes) methods.set(method, (codes = []));
    return (codes[code] ??= { route, method, code, durations: createDurations() });
  };

  return {
    get on() {
      return on;
    },
    set on(now) {
      on = now;
    },
    came() {
      inFlight++;
      return performance.now();
    },
    went(began, route, sent, status, size) {
      inFlight--;
      if (!on) return;
      const ms = performance.now() - began;
      const method = methods.has(sent) ? sent : "other";
      seriesOf(route, method, status).durations.note(ms);
      all.note(ms);
      if (status >= 500) failures++;
      bytes += size;
      bytesByRoute.set(route, (bytesByRoute.get(route) ?? 0) + size);
    },
    downloaded(source) {
      if (on) downloads[source]++;
    },
    async publishing(work, count = 1) {
      const note = (result: PublishResult): void => {
        if (on) publishes[result] += count;
      };
      try {
        const done = await work();
        note("ok");
        return done;
      } catch (error) {
        note(resultOf(error));
        throw error;
      }
    },
    updated(source) {
      if (on) updates[source]++;
    },
    get inFlight() {
      return inFlight;
    },
    get failures() {
      return failures;
    },
    get bytes() {
      return bytes;
    },
    *series() {
      for (const methods of known.values())
        for (const codes of methods.values()) for (const one of codes) if (one) yield one;
    },
    ...{ all, bytesByRoute, publishes, downloads, updates },
  };
}

/** What anybody may send as a method must not make a series. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);

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
