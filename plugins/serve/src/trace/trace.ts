import { AsyncLocalStorage } from "node:async_hooks";
import { errorObject } from "@citadel/core";
import type { Attributes, Tracing } from "@citadel/core/egress";
import { createBelow, fieldsOf, sampled, type Place } from "./place.ts";

/** Something that was done, as part of a trace. */
export interface Span {
  readonly place: Place;
  /** span that it belongs to: 16 hexadecimal digits; undefined: it is the first */
  readonly parent: string | undefined;
  readonly kind: "internal" | "server" | "client";
  /** one of few: holds no names of packages */
  readonly name: string;
  /** ms since 1970, with fractions */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  readonly failed: boolean;
}

/** A request that is recorded. */
export interface Recorded {
  readonly place: Place;
  /** It is answered. */
  end(span: Pick<Span, "name" | "attributes" | "failed">): void;
}

/** What is done here as part of traces, and which of it is recorded. */
export interface Trace {
  /** From now on spans are recorded; each is handed over when it is over. */
  record(take: (span: Span) => void): void;
  /**
   * Begins a request that came from elsewhere.
   * @param above what its fields name
   * @returns undefined when it is not recorded
   */
  request(above: Place | undefined): Recorded | undefined;
  /** Does work that belongs to a place. */
  at<T>(place: Place, work: () => T): T;
  /** stands for the place of what begins here and is not recorded: others shall not record it either */
  readonly unrecorded: Place;
  /** Asks another server. */
  readonly call: Tracing;
  /** Does a part of what is under way that is worth a span. @param name one of few */
  part<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T>;
}

/** @param ratio which part of what begins here is recorded: 0 to 1 */
export function createTrace(ratio: number): Trace {
  const under = new AsyncLocalStorage<Place & { readonly clock?: number }>();
  const below = createBelow();
  const unrecorded: Place = { trace: "", span: "", flags: 0 };
  let take: ((span: Span) => void) | undefined;

  const isRecorded = (above: Place | undefined): boolean =>
    take !== undefined && (above ? (above.flags & sampled) !== 0 : Math.random() < ratio);

  const open = (
    kind: Span["kind"],
    above: (Place & { readonly clock?: number }) | undefined,
  ): Recorded => {
    // one clock for all of a trace here: what is below is within
    const clock = above?.clock ?? Date.now() - performance.now();
    const place = { ...below(above, (above?.flags ?? 0) | sampled), clock };
    const start = clock + performance.now();
    return {
      place,
      end: (said) =>
        take?.({
          place,
          parent: above?.span,
          kind,
          start,
          end: clock + performance.now(),
          ...said,
        }),
    };
  };

  return {
    record: (to) => void (take = to),
    request: (above) => (isRecorded(above) ? open("server", above) : undefined),
    at: (place, work) => under.run(place, work),
    unrecorded,
    async call({ method, url, attributes, apart }, send) {
      const above = apart ? undefined : under.getStore();
      if (!(above || apart) || !isRecorded(above)) return send(passed(above), () => {});
      const span = open("client", above);
      let status: number | undefined;
      let failed = false;
      let code: string | undefined;
      try {
        return await send(fieldsOf(span.place), (got, bad = got >= 400) => {
          status = got;
          failed = bad;
        });
      } catch (error) {
        failed = true;
        ({ code } = errorObject(error));
        throw error;
      } finally {
        const { protocol, port, hostname } = url;
        span.end({
          name: method,
          failed,
          attributes: {
            "http.request.method": method,
            "server.address": hostname,
            "server.port": Number(port) || (protocol === "https:" ? 443 : 80),
            "http.response.status_code": status,
            "error.type": failed ? (code ?? String(status)) : undefined,
            ...attributes,
          },
        });
      }
    },
    async part(name, attributes, work) {
      const above = under.getStore();
      if (!above || !isRecorded(above)) return work();
      const span = open("internal", above);
      let error: { readonly code: string; readonly status: number } | undefined;
      try {
        return await under.run(span.place, work);
      } catch (thrown) {
        error = errorObject(thrown);
        throw thrown;
      } finally {
        const failed = error !== undefined && error.status >= 500;
        span.end({ name, failed, attributes: { ...attributes, "error.type": error?.code } });
      }
    },
  };

  function passed(above: Place | undefined): Readonly<Record<string, string>> {
    if (!above) return {};
    return fieldsOf(above === unrecorded ? below(undefined) : above);
  }
}
