import type { MiddlewareHandler } from "hono";
import type { Env } from "../../npm/room.ts";

/** s that a browser remembers what it was told */
const remembered = "600";

/**
 * Lets pages of these web sites use the API with a token in a header; cookies count for nothing here. What others may read in
 * a browser is nothing, as everywhere.
 */
export function createCors(origins: readonly string[]): MiddlewareHandler<Env> {
  const allowed = new Set(origins);
  return async (c, next) => {
    const origin = c.req.header("origin");
    const known = origin !== undefined && allowed.has(origin);
    if (c.req.method === "OPTIONS" && known)
      return c.body(null, 204, {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": "authorization, content-type, npm-otp",
        "access-control-max-age": remembered,
        vary: "origin",
      });
    await next();
    if (allowed.size > 0) c.res.headers.append("vary", "origin");
    if (known) {
      c.res.headers.set("access-control-allow-origin", origin);
      c.res.headers.set("access-control-expose-headers", "x-request-id, retry-after");
    }
    return undefined;
  };
}
