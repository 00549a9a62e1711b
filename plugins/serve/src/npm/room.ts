import type { Context } from "hono";
import type { Shared } from "../context.ts";
import type { Asked } from "../http/exchange.ts";
import type { Site } from "../http/guard.ts";

/** What a route's handler finds in `c.env`. */
export interface Visit {
  readonly shared: Shared;
  readonly asked: Asked;
  readonly site: Site;
  /** decoded and encoded once again, a scoped name as one segment */
  readonly path: string;
  readonly requestId: string;
  /** hears the pattern of the route, where there is one */
  matched(pattern: string): void;
}

export type Env = { Bindings: Visit };
export type Handler = (c: Context<Env>) => Promise<Response>;

/** A part of the path, which the route's pattern guarantees. */
export function param(c: Context<Env>, name: string): string {
  return c.req.param(name) ?? "";
}

/** The name of an organisation or a user without the `@` that people write before it. */
export const bare = (name: string): string => name.replace(/^@/, "");
