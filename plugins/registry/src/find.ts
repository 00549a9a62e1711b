import type { Citadel } from "@citadel/core";
import { packages, type PackageRow } from "@citadel/core/catalog";
import { CitadelError } from "@citadel/core/errors";
import { isObject, type Json } from "@citadel/core/registry";
import type { Remote } from "./moving/remote/client.ts";

/** A package as `registry:search` and `registry:list` show it. */
export interface FoundPackage {
  readonly name: string;
  /** what `latest` points to */
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  /** ISO 8601; null where it is not told */
  readonly modified: string | null;
  readonly publisher: string | null;
  readonly deprecated?: string;
}

export interface Found {
  readonly items: readonly FoundPackage[];
  /** of all pages */
  readonly total: number;
}

export interface Page {
  readonly text: string;
  readonly size: number;
  readonly from: number;
}

/** Another registry, by its address, and a token for it. */
export interface There {
  readonly url: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** most packages that a registry gives in one page of a search */
const largestPage = 250;

/** Full text over names, keywords and descriptions, with npm's qualifiers. */
export async function searchHere(citadel: Citadel, page: Page): Promise<Found> {
  const { items, total } = (await citadel.current()).search(page);
  return { items: items.map((hit) => fromRow(hit.package)), total };
}

/** The same in another registry. @throws E_REMOTE_* */
export const searchThere = (there: There, page: Page): Promise<Found> =>
  withRemote(there, (remote) => askPage(remote, page));

/** Packages here by name. */
export async function* listHere(
  citadel: Citadel,
  options: { readonly scope: string | undefined; readonly limit: number },
): AsyncGenerator<FoundPackage, void, void> {
  for await (const row of packages(citadel, options)) yield fromRow(row);
}

/** The same of another registry, as far as its search shows them. @throws E_REMOTE_* */
export function listThere(
  there: There,
  { scope, limit }: { readonly scope: string | undefined; readonly limit: number },
): Promise<FoundPackage[]> {
  return withRemote(there, async (remote) => {
    const text = scope === undefined ? "" : `scope:${scope.replace(/^@/, "")}`;
    const found = new Map<string, FoundPackage>();
    for (let from = 0; ; from += largestPage) {
      const { items, total } = await askPage(remote, { text, size: largestPage, from });
      for (const item of items) found.set(item.name, item);
      if (items.length === 0 || from + items.length >= total) break;
    }
    return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
  });
}

export async function withRemote<T>(
  { url, token, signal }: There,
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  // only where there is another registry to ask
  const { openRemote } = await import("./moving/remote/client.ts");
  const remote = openRemote({ url, signal, largest: 0, ...(token !== undefined && { token }) });
  try {
    return await work(remote);
  } finally {
    await remote.close();
  }
}

async function askPage(remote: Remote, { text, size, from }: Page): Promise<Found> {
  const query = new URLSearchParams({ text, size: String(size), from: String(from) });
  const answer = (await remote.json(`-/v1/search?${query.toString()}`)) as Json | undefined;
  if (!isObject(answer) || !Array.isArray(answer["objects"]))
    throw new CitadelError("E_REMOTE_ANSWER", `${remote.base} has no search`, {
      hint: ["see whether it is the address of a registry"],
    });
  const items = answer["objects"].flatMap((one) => {
    const item = isObject(one) ? fromObject(one["package"], one["flags"]) : undefined;
    return item ? [item] : [];
  });
  const total = answer["total"];
  return { items, total: typeof total === "number" ? total : from + items.length };
}

function fromObject(value: Json | undefined, flags: Json | undefined): FoundPackage | undefined {
  if (!isObject(value)) return undefined;
  const { name, version, description, keywords, date, publisher } = value;
  if (typeof name !== "string" || typeof version !== "string") return undefined;
  const deprecated = isObject(flags) ? flags["deprecated"] : undefined;
  const by = isObject(publisher) ? publisher["username"] : undefined;
  return {
    ...{ name, version },
    description: typeof description === "string" ? description : "",
    keywords: Array.isArray(keywords) ? keywords.map(String) : [],
    modified: typeof date === "string" ? date : null,
    publisher: typeof by === "string" ? by : null,
    ...(typeof deprecated === "string" && { deprecated }),
  };
}

const fromRow = (row: PackageRow): FoundPackage => ({
  ...{ name: row.name, version: row.version, description: row.description },
  keywords: row.keywords,
  modified: new Date(row.modified).toISOString(),
  publisher: row.publisher,
  ...(row.deprecated !== undefined && { deprecated: row.deprecated }),
});
