import { CitadelError } from "@citadel/core";
import { Hono } from "hono";
import { routePath } from "hono/route";
import { accessRoutes } from "./api/access.ts";
import { alertRoutes } from "./api/alerts.ts";
import { apiKeyRoutes } from "./api/api-keys.ts";
import { authRoutes } from "./api/auth.ts";
import { securityRoutes } from "./api/security.ts";
import { packageApi } from "./api/v1/routes.ts";
import { policyRoutes } from "./api/policy.ts";
import { batchRoutes } from "./api/batch.ts";
import { changeRoutes } from "./api/changes.ts";
import { liveRoutes } from "./api/live.ts";
import { monitorRoutes } from "./api/monitor.ts";
import { peopleRoutes } from "./api/people.ts";
import { downloadRoutes } from "./api/downloads.ts";
import { feedRoutes } from "./api/feeds.ts";
import { dashboardRoutes, throughDoor } from "./dashboard/routes.ts";
import { needOf } from "./auth/need.ts";
import { packageRoutes } from "./dashboard/packages/routes.ts";
import { demandCode } from "./auth/second-factor.ts";
import type { Shared } from "./context.ts";
import { errorAnswer } from "./http/errors.ts";
import { secretRoutes } from "./broker/routes.ts";
import { createResponder } from "./http/exchange.ts";
import { apiHeaders } from "./http/headers.ts";
import { withoutDate } from "./npm/as-of.ts";
import { nameRoutes } from "./api/names.ts";
import { getPath, npmRoutes } from "./npm/routes.ts";
import type { Env, Visit } from "./npm/room.ts";

/** Everything but the install path: one app with a room for each API. */
export function createRooms(shared: Shared): (request: Request, visit: Visit) => Promise<Response> {
  const app = new Hono<Env>({ getPath });
  const toResponse = createResponder();
  app.notFound(() => {
    throw new CitadelError("E_NOT_FOUND", "there is nothing at this address");
  });
  app.onError((error, c) => {
    shared.figures.failed(error);
    return toResponse(errorAnswer(error, c.env.requestId));
  });
  app.use(async (c, next) => {
    await next();
    // of the last handler that ran; where no route fits that is this one
    const route = routePath(c);
    if (route !== "/*") c.env.matched(route);
    // answers here are small and whole but for tarballs, which say their length, and the log; clients size their caches by it
    const streams =
      c.res.body === null ||
      c.res.headers.has("content-length") ||
      c.res.headers.get("content-type") === "application/x-ndjson";
    const bytes = streams ? undefined : await c.res.arrayBuffer();
    c.res = new Response(bytes ?? c.res.body, c.res);
    const { headers } = c.res;
    if (bytes) headers.set("content-length", String(bytes.byteLength));
    for (let n = 0; n < apiHeaders.length; n += 2) {
      const name = apiHeaders[n] ?? "";
      if (!headers.has(name)) headers.set(name, apiHeaders[n + 1] ?? "");
    }
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    headers.set("x-request-id", c.env.requestId);
  });
  app.use(async (c, next) => {
    await demandCode(c.env, needOf(c.req.method, c.env.path));
    await next();
  });
  app.route("/", accessRoutes());
  app.route("/", apiKeyRoutes());
  app.route("/", authRoutes());
  app.route("/", packageApi(shared));
  app.route("/", securityRoutes());
  app.route("/", policyRoutes());
  app.route("/", batchRoutes());
  app.route("/", downloadRoutes());
  app.route("/", feedRoutes());
  app.route("/", liveRoutes());
  app.route("/", monitorRoutes());
  app.route("/", alertRoutes());
  app.route("/", peopleRoutes());
  app.route("/", changeRoutes());
  app.route("/", packageRoutes(shared));
  // takes every other address below its own, so that the ones above come first
  app.route("/", dashboardRoutes());
  app.route("/", nameRoutes());
  app.route("/", secretRoutes());
  app.route("/", npmRoutes(shared));
  return async (request, visit) => app.fetch(request, withoutDate(throughDoor(visit)));
}
