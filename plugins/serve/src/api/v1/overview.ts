import type { Viewer } from "@citadel/core/catalog";
import type { Context } from "hono";
import { callerOf } from "../../context.ts";
import type { Env, Handler } from "../../npm/room.ts";
import { check } from "../../npm/schemas.ts";
import { ownVersion } from "../../version.ts";
import { searchQuery } from "./schemas.ts";

const topmost = 10;
const perPage = 1000;

/** Ranked full text over what the caller may read. */
export const getSearch: Handler = async (c) => {
  const { q, limit, offset } = check(searchQuery, c.req.query());
  const catalog = await c.env.shared.citadel.current();
  const { total, items } = catalog.search({ text: q, size: limit, from: offset }, await viewer(c));
  return c.json({
    total,
    items: items.map(({ package: row, score }) => {
      const { name, version, description, keywords, publisher, modified, deprecated } = row;
      const when = new Date(modified).toISOString();
      return {
        ...{ name, version, description, keywords, publisher, modified: when },
        ...(deprecated !== undefined && { deprecated }),
        score,
      };
    }),
  });
};

/** Counts of what the caller may read, and nothing of the rest. */
export const getStats: Handler = async (c) => {
  const { citadel, totals } = c.env.shared;
  const [catalog, by, figures] = await Promise.all([citadel.current(), viewer(c), totals.all()]);
  const counts = { packages: 0, versions: 0 };
  const downloads = { total: 0, week: 0, month: 0 };
  const top: { name: string; downloads: number }[] = [];
  for (let after: string | undefined, more = true; more;) {
    const page = catalog.list({
      limit: perPage,
      viewer: by,
      ...(after !== undefined && { after }),
    });
    for (const { name, versions } of page.items) {
      counts.packages++;
      counts.versions += versions;
      const found = figures.get(name);
      if (!found) continue;
      for (const key of ["total", "week", "month"] as const) downloads[key] += found[key];
      if (found.month > 0) top.push({ name, downloads: found.month });
    }
    after = page.next;
    more = after !== undefined;
  }
  top.sort((a, b) => b.downloads - a.downloads || (a.name < b.name ? -1 : 1));
  return c.json({ ...counts, downloads, top: top.slice(0, topmost) });
};

/** Whether the registry works: for load balancers, without a credential and without details. */
export const getHealth: Handler = async (c) => {
  const { registry } = c.env.shared.citadel;
  const began = performance.now();
  const ok = await registry.packages.list({ limit: 1 }).then(
    () => true,
    () => false,
  );
  const latency = Math.round((performance.now() - began) * 100) / 100;
  const status = ok ? "ok" : "failing";
  const body = { status, version: await ownVersion(), uptime: process.uptime() };
  return c.json({ ...body, store: { ok, latency } }, ok ? 200 : 503);
};

async function viewer(c: Context<Env>): Promise<Viewer> {
  const { shared, asked } = c.env;
  const [{ principal }, policy] = await Promise.all([
    callerOf(shared, asked),
    shared.citadel.access.policy(),
  ]);
  return { principal, policy };
}
