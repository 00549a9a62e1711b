import type { PackageRow } from "@citadel/core/catalog";
import { callerOf } from "../context.ts";
import type { Handler } from "../npm/room.ts";
import { number } from "../npm/search.ts";

const usual = 50;
const most = 250;

/** What stands in a list of packages. */
export interface ListedPackage {
  readonly name: string;
  /** what `latest` points to */
  readonly version: string;
  readonly versions: number;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly publisher: string;
  readonly license: string | null;
  readonly deprecated: string | null;
  /** bytes of all tarballs */
  readonly size: number;
  /** ISO 8601 */
  readonly modified: string;
}

export interface PackageList {
  /** of packages that were found by what was typed */
  readonly total: number;
  readonly items: readonly ListedPackage[];
  /** packages with a name much like it, where few were found */
  readonly alike: readonly ListedPackage[];
  /** of packages that this caller may see at all */
  readonly all: number;
}

/** `GET /_dashboard/api/packages?q=&from=&size=`: what a search finds that is typed letter by letter. */
export const getPackages: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { citadel } = shared;
  const [{ principal }, catalog, policy] = await Promise.all([
    callerOf(shared, asked),
    citadel.current(),
    citadel.access.policy(),
  ]);
  const text = (c.req.query("q") ?? "").trim().slice(0, 512);
  const size = number(c.req.query("size"), usual, most);
  const from = number(c.req.query("from"), 0, 1_000_000);
  const viewer = { principal, policy };
  const { total, items } = catalog.search({ text, size, from }, viewer);
  const found = new Set(items.map(({ package: { name } }) => name));
  const alike =
    text === "" || total >= size
      ? []
      : catalog.alike(text, viewer).names.filter((name) => !found.has(name));
  return c.json({
    total,
    items: items.map(({ package: row }) => listed(row)),
    alike: catalog.rows(alike).map(listed),
    all: text === "" ? total : catalog.search({ text: "", size: 0 }, viewer).total,
  } satisfies PackageList);
};

const listed = (row: PackageRow): ListedPackage => ({
  name: row.name,
  version: row.version,
  versions: row.versions,
  description: row.description,
  keywords: row.keywords.slice(0, 12),
  publisher: row.publisher,
  license: row.license ?? null,
  deprecated: row.deprecated ?? null,
  size: row.size,
  modified: new Date(row.modified).toISOString(),
});
