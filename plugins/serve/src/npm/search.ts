import { CitadelError, errorCode } from "@citadel/core";
import type { PackageRow, SearchHit } from "@citadel/core/catalog";
import type { Citadel } from "@citadel/core";
import { callerOf, nobody } from "../context.ts";
import type { Handler } from "./room.ts";

const usual = 20;
const most = 250;

/** `GET /-/v1/search` */
export function createSearch(citadel: Citadel): Handler {
  return async (c) => {
    const query = {
      text: (c.req.query("text") ?? "").slice(0, 512),
      size: number(c.req.query("size"), usual, most),
      from: number(c.req.query("from"), 0, 1_000_000),
    };
    const { accounts, access } = citadel;
    const caller = await callerOf(c.env.shared, c.env.asked).catch((error: unknown) => {
      // a token that has died finds what everybody finds
      if (errorCode(error) !== "E_AUTH_INVALID") throw error;
      return nobody;
    });
    const [catalog, policy] = await Promise.all([citadel.current(), access.policy()]);
    const { total, items } = catalog.search(query, { principal: caller.principal, policy });
    const people = new Set(
      items.flatMap(({ package: row }) => [row.publisher, ...row.maintainers]),
    );
    const emails = new Map(
      await Promise.all(
        [...people].map(async (name) => [name, (await accounts.user(name))?.email ?? ""] as const),
      ),
    );
    const base = c.env.site.base;
    const local = items.map(({ package: { name } }) => name);
    const size = query.size - local.length;
    const more = { ...query, size, from: Math.max(0, query.from - total) };
    const others =
      citadel.upstream && size > 0
        ? await citadel.upstream.search(more, caller, local)
        : { objects: [], total: 0 };
    return c.json({
      objects: [
        ...items.map((hit) => objectOf(hit, base, (name) => emails.get(name) ?? "")),
        ...others.objects,
      ],
      total: total + others.total,
      time: new Date().toISOString(),
    });
  };
}

function objectOf(
  { package: row, score }: SearchHit,
  base: string,
  email: (name: string) => string,
): object {
  const person = (username: string) => ({ username, email: email(username) });
  return {
    package: {
      name: row.name,
      scope: row.scope ?? "unscoped",
      version: row.version,
      description: row.description,
      keywords: row.keywords,
      date: new Date(row.modified).toISOString(),
      links: linksOf(row, base),
      ...(row.author === undefined ? {} : { author: { name: row.author } }),
      ...(row.license === undefined ? {} : { license: row.license }),
      publisher: person(row.publisher),
      maintainers: row.maintainers.map(person),
    },
    score: { final: score, detail: { quality: score, popularity: score, maintenance: score } },
    searchScore: score,
    ...(row.deprecated === undefined ? {} : { flags: { deprecated: row.deprecated } }),
  };
}

/** People click on these: only what leads to a web page. */
function linksOf(row: PackageRow, base: string): Record<string, string> {
  const links: Record<string, string> = { npm: base + row.name };
  for (const key of ["homepage", "repository", "bugs"] as const) {
    const url = row[key];
    if (url !== undefined && /^https?:\/\/[^\s"'<>`]+$/i.test(url) && URL.canParse(url))
      links[key] = url;
  }
  return links;
}

export function number(text: string | undefined, usually: number, highest: number): number {
  if (text === undefined || text === "") return usually;
  if (!/^\d{1,15}$/.test(text))
    throw new CitadelError("E_BAD_REQUEST", "size and from are whole numbers");
  return Math.min(Number(text), highest);
}
