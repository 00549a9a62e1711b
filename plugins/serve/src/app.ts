import type { Citadel, CitadelError } from "@citadel/core";
import { createLimiter } from "@citadel/core/access";
import { isLoopback } from "@citadel/core/config";
import { createTotals } from "@citadel/core/counts";
import { createJwts } from "@citadel/core/keys";
import { createRoom } from "@citadel/core/registry";
import type { Limits } from "@citadel/core/limits";
import { createApprovals } from "./auth/approvals.ts";
import type { Guard as PublishGuard } from "@citadel/core/guard";
import { createSessions } from "./dashboard/session.ts";
import { createServerVault, type ServerVault } from "./broker/vault.ts";
import { callerOf, type Shared } from "./context.ts";
import { errorAnswer } from "./http/errors.ts";
import {
  AskedRequest,
  createResponder,
  remember,
  type Answer,
  type Asked,
  type Peer,
} from "./http/exchange.ts";
import { createGuard } from "./http/guard.ts";
import { createRouter, type Route } from "./http/path.ts";
import { createRequestIds } from "./http/request-id.ts";
import { createInstall, type Install } from "./install.ts";
import { createFigures } from "./limit/figures.ts";
import { createGate } from "./limit/gate.ts";
import { createHub } from "./live/hub.ts";
import type { Accepted, Sockets } from "./live/sockets.ts";
import { createTickets } from "./live/tickets.ts";
import { noRoute } from "./monitor/meter.ts";
import { noteAlert } from "./monitor/note.ts";
import { createMonitor, type Monitor } from "./monitor/monitor.ts";
import type { Visit } from "./npm/room.ts";
import { alone, type Together } from "./server/together.ts";
import type { Trace } from "./trace/trace.ts";
import { createTracer, traceOf, type Traced } from "./trace/tracer.ts";

export interface AppOptions {
  readonly citadel: Citadel;
  /** absent: nobody is limited */
  readonly limits?: Limits;
  /** addresses that the server listens on besides those in the settings */
  readonly hosts?: readonly string[];
  /** the processes of the server @default this one alone */
  readonly processes?: Together;
}

export interface App {
  /** Answers any request; never rejects. */
  fetch(request: Request, peer?: Peer): Promise<Response>;
  /** The install path without Request and Response, for runtimes that can send bytes more cheaply. */
  readonly install: Install;
  readonly monitor: Monitor;
  readonly vault: ServerVault;
  /** what its requests are part of; undefined where that makes no difference */
  readonly trace: Trace | undefined;
  /** Address of whoever asks, behind proxies that are trusted. */
  clientOf(asked: Asked): string | undefined;
  /** Decides over the upgrade of a connection to a WebSocket: an answer refuses it. Never rejects. */
  upgrade(asked: Asked): Promise<Accepted | Answer>;
  /** Ends all WebSockets; one that is opened later is ended at once. */
  closeSockets(): Promise<void>;
}

/** The registry as a function of requests; needs no port. */
export function createApp({ citadel, limits, hosts = [], processes = alone() }: AppOptions): App {
  const { server } = citadel.settings;
  const guard = createGuard({
    publicUrl: server.publicUrl,
    hosts: [...server.hosts, ...server.host, ...hosts],
    trustProxy: server.trustProxy,
  });
  const vault = createServerVault(citadel);
  let publishGuard: Promise<PublishGuard> | undefined;
  citadel.guard(async (...given) => {
    // loaded with the first publish
    publishGuard ??= import("./broker/guard.ts").then(({ createPublishGuard }) =>
      createPublishGuard(citadel, vault),
    );
    await (
      await publishGuard
    )(...given);
  });
  const figures = createFigures();
  const hub = createHub();
  const trace = traceOf(citadel);
  const tracer = trace && createTracer(trace, citadel.settings, guard);
  const monitor = createMonitor(citadel, figures, processes, hub, trace);
  monitor.told(({ since, value = null, ...alert }, first) => {
    const told = { ...alert, value, since: new Date(since).toISOString() };
    hub.publish("alert", told);
    if (first) void noteAlert(citadel.notices, told);
  });
  const { meter } = monitor;
  const prefix = server.publicUrl === undefined ? "/" : new URL(server.publicUrl).pathname;
  const shared: Shared = {
    citadel,
    guard,
    approvals: createApprovals(citadel.store),
    limiter: createLimiter(citadel.store.driver),
    jwts: createJwts(citadel.keys),
    uploads: createRoom(Math.max(citadel.settings.limits.uploads, citadel.settings.limits.tarball)),
    totals: createTotals(citadel.downloads),
    ...{ figures, monitor, hub, tickets: createTickets(citadel.store) },
    vault,
    sessions: createSessions({ store: citadel.store, accounts: citadel.accounts, guard }),
    isDashboard: (target) =>
      isBelow(target, `${prefix}_dashboard`) || isBelow(target, "/_dashboard"),
    callers: new WeakMap(),
    signup: signupRule(citadel, (asked) => guard.forwarded(asked)),
  };
  const routeOf = createRouter(prefix);
  const origins = new Set(citadel.settings.api.origins);
  /** a page of a web site that may use the package API, with a token of its own */
  const invited = (asked: Asked, path: string): boolean =>
    path.startsWith("/api/v1/") && origins.has(asked.header("origin") ?? "");
  const gate =
    limits &&
    createGate({
      ...{ limits, settings: citadel.settings.security, figures },
      client: (asked) => guard.client(asked),
      caller: (asked) => callerOf(shared, asked),
    });
  const install = createInstall(shared, routeOf, gate, tracer);
  const requestId = createRequestIds();
  const toResponse = createResponder();
  let sockets: Promise<Sockets> | undefined;
  let closing = false;
  let rooms: Promise<ReturnType<typeof import("./rooms.ts").createRooms>> | undefined;

  return {
    install,
    monitor,
    vault,
    trace,
    clientOf: (asked) => guard.client(asked),
    async upgrade(asked) {
      const ticket = await gate?.enter(asked, false);
      try {
        if (ticket?.refused) throw ticket.refused;
        guard.site(asked);
        const route = routeOf(asked.path);
        if (route.kind === "bad") throw route.error;
        // the first answer of a server must not wait for what few clients need
        sockets ??= import("./live/sockets.ts").then(async ({ createSockets }) => {
          const made = await createSockets(shared);
          if (closing) await made.stop();
          return made;
        });
        const kept = remember(asked);
        const limited = (): number => waitOf(gate?.message(kept));
        return await (await sockets).accept(asked, pathOf(route), limited);
      } catch (error) {
        figures.failed(error);
        const answer = errorAnswer(error, requestId(asked, undefined));
        figures.answered(asked.method, answer.status);
        return ticket ? ticket.done(answer) : answer;
      }
    },
    async closeSockets() {
      closing = true;
      await (await sockets)?.stop();
    },
    async fetch(request, peer = {}) {
      const asked = new AskedRequest(request, peer);
      const quick = install(asked);
      if (quick) return toResponse(await quick);
      const began = meter.came();
      let route: string = noRoute;
      const matched = (pattern: string): void => void (route = pattern);
      const traced = tracer?.(asked);
      const ticket = await gate?.enter(asked, false);
      const work = () => answerTo(request, asked, ticket?.refused, matched, traced);
      const response = await (traced ? traced.run(work) : work());
      const { status, headers } = response;
      traced?.end(route, status);
      figures.answered(asked.method, status);
      const size = asked.method === "HEAD" ? 0 : Number(headers.get("content-length") ?? 0);
      meter.went(began, route, asked.method, status, size);
      // of what is refused the length is but a claim: nobody has read it
      if (status < 400 && !harmless.has(asked.method))
        meter.sent(Number(asked.header("content-length")) || 0);
      if (!ticket) return response;
      const told = ticket.done({ status, headers: [], body: null }).headers;
      for (let n = 0; n < told.length; n += 2) headers.set(told[n] ?? "", told[n + 1] ?? "");
      return response;
    },
  };

  async function answerTo(
    request: Request,
    asked: Asked,
    refused: CitadelError | undefined,
    matched: Visit["matched"],
    traced: Traced | undefined,
  ): Promise<Response> {
    const id = requestId(asked, traced);
    try {
      if (refused) throw refused;
      const site = guard.site(asked);
      const route = routeOf(asked.path);
      if (route.kind === "bad") throw route.error;
      const path = pathOf(route);
      const changes = !harmless.has(asked.method) && !invited(asked, path);
      // a page on another port of this machine is the same site, so that browsers send it our cookie
      const below = path.startsWith("/_dashboard/api/");
      if (changes || below) guard.sameOrigin(asked, site);
      if (changes && below) guard.saysOrigin(asked);
      // the first answer must not wait for the router and the schemas
      rooms ??= import("./rooms.ts").then(({ createRooms }) => createRooms(shared));
      const visit = { shared, asked, site, path, requestId: id, matched };
      return await (
        await rooms
      )(request, visit);
    } catch (error) {
      figures.failed(error);
      const answer = errorAnswer(error, id);
      // header objects of answers are shared, and this one may get more
      return toResponse({ ...answer, headers: [...answer.headers] });
    }
  }
}

const isBelow = (target: string, folder: string): boolean =>
  target.startsWith(folder) && ["", "/", "?"].includes(target.charAt(folder.length));

/** Ms to wait after a refusal; 0: there was none. */
const waitOf = (refused: CitadelError | undefined): number =>
  1000 * ((refused as { readonly retryAfter?: number } | undefined)?.retryAfter ?? 0);

const harmless = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * `auto` lets people sign up where nobody but this machine can ask, and nobody is there to make their account: every address is
 * loopback, no other name is configured, no proxy stands in front, and there has never been an administrator.
 */
function signupRule(
  { settings, accounts }: Citadel,
  forwarded: (asked: Asked) => boolean,
): Shared["signup"] {
  const { signup, host, hosts, publicUrl } = settings.server;
  if (signup !== "auto") return async () => signup === "open";
  const names = [
    ...host,
    ...hosts,
    ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]),
  ];
  const closed = !names.every(isLoopback);
  return async (asked) => !closed && !forwarded(asked) && !(await accounts.administered());
}

function pathOf(route: Exclude<Route, { kind: "bad" }>): string {
  switch (route.kind) {
    case "ping":
      return "/-/ping";
    case "packument":
      return `/${encodeURIComponent(route.name)}`;
    case "tarball":
      return `/${encodeURIComponent(route.name)}/-/${encodeURIComponent(route.file)}`;
    case "other":
      return route.path;
  }
}
