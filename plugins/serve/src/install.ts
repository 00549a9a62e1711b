import type { Shared } from "./context.ts";
import { errorAnswer } from "./http/errors.ts";
import type { Answer, Asked } from "./http/exchange.ts";
import type { Site } from "./http/guard.ts";
import { apiHeaders } from "./http/headers.ts";
import type { Route } from "./http/path.ts";
import { createRequestIds, incomingId } from "./http/request-id.ts";
import { createPackument } from "./npm/packument.ts";
import type { Gate, Ticket } from "./limit/gate.ts";
import { noRoute, sizeOf } from "./monitor/meter.ts";
import { createTarball } from "./npm/tarball.ts";
import type { Traced, Tracer } from "./trace/tracer.ts";

/** Answers the install path; undefined when the request is for something else. Never throws. */
export type Install = (asked: Asked) => Promise<Answer> | Answer | undefined;

/** Packuments, tarballs and ping: plain functions over views and blobs, the same for every runtime. */
export function createInstall(
  shared: Shared,
  routeOf: (target: string) => Route,
  gate: Gate | undefined,
  tracer: Tracer | undefined,
): Install {
  const { guard, figures } = shared;
  const { meter } = shared.monitor;
  const requestId = createRequestIds();
  const packument = createPackument(shared);
  const tarball = createTarball(shared);
  const failed = (asked: Asked, traced: Traced | undefined) => (error: unknown) => {
    figures.failed(error);
    return withoutBody(asked, errorAnswer(error, requestId(asked, traced)));
  };

  return (asked) => {
    const { method } = asked;
    if (method !== "GET" && method !== "HEAD") return undefined;
    const route = routeOf(asked.path);
    if (route.kind === "other" || isExport(route, asked)) return undefined;
    const began = meter.came();
    const traced = tracer?.(asked);
    let site: Site;
    try {
      site = guard.site(asked);
    } catch (error) {
      const refused = failed(asked, traced)(error);
      traced?.end(noRoute, refused.status);
      meter.went(began, noRoute, method, refused.status, sizeOf(refused));
      return refused;
    }
    const enter = (ticket: Ticket | undefined): Promise<Answer> | Answer => {
      const answer = ticket?.refused
        ? failed(asked, traced)(ticket.refused)
        : traced
          ? traced.run(() => answerTo(asked, route, site, traced))
          : answerTo(asked, route, site, traced);
      const sent = (done: Answer): Answer => {
        figures.answered(method, done.status);
        traced?.end(patterns[route.kind], done.status);
        meter.went(began, patterns[route.kind], method, done.status, sizeOf(done));
        return withId(asked, ticket ? ticket.done(done) : done);
      };
      if (!(answer instanceof Promise)) return sent(answer);
      return answer.then(sent, (error: unknown) => sent(failed(asked, traced)(error)));
    };
    const ticket = gate?.enter(asked, true);
    return ticket instanceof Promise ? ticket.then(enter) : enter(ticket);
  };

  function answerTo(
    asked: Asked,
    route: Exclude<Route, { kind: "other" }>,
    site: Site,
    traced: Traced | undefined,
  ) {
    switch (route.kind) {
      case "packument":
        return packument(asked, site, route.name);
      case "tarball":
        return tarball(asked, route.name, route.file);
      case "ping":
        return asked.method === "HEAD" ? { ...pong, body: null } : pong;
      case "bad":
        return failed(asked, traced)(route.error);
    }
  }
}

const patterns = {
  packument: "/:name",
  tarball: "/:name/-/:file",
  ping: "/-/ping",
  bad: noRoute,
} as const;

/** A package may be called `metrics`: its clients ask for JSON, and those that want to be told of the server do not. */
function isExport(route: Route, asked: Asked): boolean {
  if (route.kind !== "packument" || route.name !== "metrics") return false;
  return !(asked.header("accept") ?? "").includes("json");
}

const pong: Answer = {
  status: 200,
  headers: [
    ...["content-length", "2"],
    ...["content-type", "application/json"],
    ...["cache-control", "no-store"],
    ...apiHeaders,
  ],
  body: new TextEncoder().encode("{}"),
};

/** Echoes an id that the client chose; answers that caches may share get none of ours. */
function withId(asked: Asked, answer: Answer): Answer {
  const id = incomingId(asked);
  if (id === undefined || answer.headers.includes("x-request-id")) return answer;
  return { ...answer, headers: [...answer.headers, "x-request-id", id] };
}

function withoutBody(asked: Asked, answer: Answer): Answer {
  return asked.method === "HEAD" ? { ...answer, body: null } : answer;
}
