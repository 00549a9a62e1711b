import { legal } from "./legal.ts";

/** The feeds of a registry as OPML 2.0, for readers that take many at once. @param base with a slash */
export async function feedList(base: string, scopes: readonly string[]): Promise<string> {
  const { generateOpml } = await import("feedsmith");
  const leaf = (text: string, path: string) => ({
    ...{ text: legal(text), title: legal(text), type: "rss" },
    ...{ xmlUrl: `${base}-/feed/${path}.atom`, htmlUrl: base },
  });
  const outlines = [
    leaf("Releases of all packages", "releases"),
    ...scopes.map((scope) => leaf(`Releases of @${scope}`, `scope/${encodeURIComponent(scope)}`)),
  ];
  return generateOpml({ head: { title: "Feeds of this registry" }, body: { outlines } });
}
