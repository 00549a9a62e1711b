import { CitadelError } from "@citadel/core";
import { feedList, type FeedFilter, type FeedFormat } from "@citadel/core/feeds";
import { Hono } from "hono";
import { administrator, callerOf } from "../context.ts";
import { notModified } from "../http/conditional.ts";
import { httpDate } from "../http/headers.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";

/** What was released, for feed readers; `docs/feeds.md`. */
export function feedRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/-/feed/feeds.opml", getList)
    .get("/-/feed/:file", getReleases)
    .get("/-/feed/scope/:file", getScope)
    .get("/-/feed/package/:file", getPackage)
    .get("/-/feed/tag/:file", getTag);
}

/** All of them, for readers that take a list: those of scopes with a package that the caller may read. */
const getList: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { citadel } = shared;
  const { principal } = await callerOf(shared, asked);
  const [catalog, policy] = await Promise.all([citadel.current(), citadel.access.policy()]);
  const scopes = new Set<string>();
  for (let after: string | undefined, more = true; more;) {
    const page = {
      limit: 1000,
      viewer: { principal, policy },
      ...(after !== undefined && { after }),
    };
    const { items, next } = catalog.list(page);
    for (const { name } of items)
      if (name.startsWith("@")) scopes.add(name.slice(1, name.indexOf("/")));
    after = next;
    more = after !== undefined;
  }
  const headers = {
    "content-type": "text/x-opml; charset=utf-8",
    "cache-control": `${principal.kind === "anonymous" ? "public" : "private"}, max-age=60`,
    vary: "authorization",
  };
  return c.body(await feedList(site.base, [...scopes].toSorted()), 200, headers);
};

/** Of all packages, or of the policy, for administrators. */
const getReleases: Handler = (c) =>
  answer(c, (name) => {
    if (name === "policy") return "policy";
    if (name !== "releases") throw nothing();
    return {};
  });

const getScope: Handler = (c) => answer(c, (name) => ({ scope: name.replace(/^@/, "") }));

const getPackage: Handler = (c) => answer(c, (name) => ({ package: name }));

const getTag: Handler = (c) => answer(c, (name) => ({ tag: name }));

async function answer(
  c: Parameters<Handler>[0],
  feedOf: (name: string) => FeedFilter | "policy",
): Promise<Response> {
  const { asked, shared, site } = c.env;
  const [, name, format] = /^(.+)\.(atom|rss|json)$/.exec(param(c, "file")) ?? [];
  if (name === undefined || format === undefined) throw nothing();
  const feed = feedOf(name);
  const caller = await (feed === "policy" ? administrator : callerOf)(shared, asked);
  const feeds = await shared.citadel.feeds();
  const { search } = new URL(c.req.url);
  const self = `${site.base.replace(/\/$/, "")}${c.env.path}${search}`;
  const request = { format: format as FeedFormat, base: site.base, self };
  const { text, contentType, etag, modified } = await (feed === "policy"
    ? feeds.policy(request)
    : feeds.read({ ...request, filter: { ...feed, ...queryOf(c.req.query("tag"), c.req.query("prereleases")) } }, caller)); // prettier-ignore
  const open = caller.principal.kind === "anonymous";
  const headers = {
    etag: `"${etag}"`,
    "last-modified": httpDate(modified),
    "cache-control": `${open ? "public" : "private"}, max-age=60`,
    vary: "authorization",
  };
  if (notModified(asked, etag, [], modified) !== undefined)
    return new Response(null, { status: 304, headers });
  return new Response(text, { headers: { ...headers, "content-type": contentType } });
}

/** @throws E_BAD_REQUEST */
function queryOf(tag: string | undefined, prereleases: string | undefined): FeedFilter {
  if (prereleases !== undefined && prereleases !== "only" && prereleases !== "none")
    throw new CitadelError("E_BAD_REQUEST", "prereleases is only or none");
  return {
    ...(tag !== undefined && { tag }),
    ...(prereleases !== undefined && { prereleases }),
  };
}

const nothing = (): CitadelError =>
  new CitadelError("E_NOT_FOUND", "there is no feed at this address", {
    hint: ["see the addresses: docs/feeds.md"],
  });
