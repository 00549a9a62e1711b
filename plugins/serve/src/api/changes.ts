import { CitadelError } from "@citadel/core";
import { revisionOf } from "@citadel/core/registry";
import { Hono } from "hono";
import { callerOf } from "../context.ts";
import type { Env, Handler } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";

/** results of one answer at most, and where nobody says how many */
const most = 10_000;

/** The feed of changes as CouchDB has it, for mirrors and indexers. */
export function changeRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/", getRoot)
    .get("/_changes", getChanges)
    .get("/-/_changes", getChanges);
}

/** `GET /`: what this is, and how far the feed has come. */
const getRoot: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { access, changes, current } = shared.citadel;
  const { principal } = await callerOf(shared, asked);
  const [catalog, policy] = await Promise.all([current(), access.policy()]);
  const { last } = await (await changes()).state();
  return c.json({
    registry: site.base,
    db_name: "registry",
    doc_count: catalog.search({ text: "", size: 0, from: 0 }, { principal, policy }).total,
    update_seq: last,
  });
};

/** Packages that changed after `since`, each once, in its newest state; those that the caller may not know of are left out. */
const getChanges: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry, changes } = shared.citadel;
  for (const [name, usual] of [
    ["include_docs", "false"],
    ["feed", "normal"],
    ["descending", "false"],
  ] as const)
    if ((c.req.query(name) ?? usual) !== usual)
      throw bad(`${name} of this feed is always ${usual}`);
  const caller = await callerOf(shared, asked);
  const text = c.req.query("since") ?? "0";
  const since = text === "now" ? Number.MAX_SAFE_INTEGER : whole("since", text);
  const limit = Math.min(whole("limit", c.req.query("limit") ?? String(most)), most);
  const { last, items } = await (await changes()).since(since);
  const results = [];
  let reached = Math.min(since, last);
  for (const { seq, name } of items) {
    if (results.length === limit) break;
    reached = seq;
    const document = await registry.known(name, caller);
    if (!document) continue;
    const deleted = document.state.versions.size === 0;
    results.push({
      seq,
      id: name,
      changes: [{ rev: revisionOf(document) }],
      ...(deleted ? { deleted } : {}),
    });
  }
  return c.json({ results, last_seq: results.length < limit ? last : reached });
};

function whole(name: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) throw bad(`${name} must be a whole number`);
  return value;
}

const bad = (message: string): CitadelError => new CitadelError("E_BAD_REQUEST", message);
