import type { Catalog, PackageRow } from "./types.ts";

/** Packages by name, a page at a time, from a catalog that was brought up to date. */
export async function* packages(
  { catalog: open }: { readonly catalog: () => Promise<Catalog> },
  options: {
    readonly scope?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  },
): AsyncGenerator<PackageRow> {
  const catalog = await open();
  await catalog.sync();
  const scope = options.scope?.replace(/^@/, "");
  let { after } = options;
  let left = options.limit;
  while (left > 0) {
    const page = catalog.list({
      limit: Math.min(left, 1000),
      ...(scope !== undefined && { scope }),
      ...(after !== undefined && { after }),
    });
    yield* page.items;
    left -= page.items.length;
    if (page.next === undefined) return;
    after = page.next;
  }
}
