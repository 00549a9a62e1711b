import { createHash } from "node:crypto";
import { escaped, foreignHtml } from "@citadel/core/documents";
import { timeOf, type KeptItem } from "./shelf.ts";

/** An item and the feed that it is from. */
export interface Entry {
  readonly item: KeptItem;
  readonly feed: string;
}

/**
 * Items as a page that is complete in itself: no script, nothing that is asked of anybody, and a policy that says so to the browser.
 */
export async function renderPage(title: string, entries: readonly Entry[]): Promise<string> {
  const articles: string[] = [];
  for (const entry of entries) articles.push(await article(entry));
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escaped(text(title))}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(text(title))}</h1>
${articles.join("\n") || "<p>Nothing to read.</p>"}
</main>
</body>
</html>
`;
}

async function article({ item, feed }: Entry): Promise<string> {
  const { title, link, authors = [], html, base, enclosures = [] } = item;
  const time = new Date(timeOf(item)).toISOString();
  const name = escaped(text(title));
  const about = [feed, ...authors].filter(Boolean).map((one) => escaped(text(one)));
  const files = enclosures.map(({ url }) => `<li>${anchor(url, escaped(text(url)))}</li>`);
  return `<article>
<h2>${link === undefined ? name : anchor(link, name)}</h2>
<p class="about"><time datetime="${time}">${time.slice(0, 10)}</time> ${about.join(" · ")}</p>
${html === undefined ? "" : `<div class="text">${await foreignHtml(html, base)}</div>`}${files.length > 0 ? `\n<ul>${files.join("")}</ul>` : ""}
</article>`;
}

const anchor = (url: string, html: string): string =>
  `<a href="${escaped(url)}" rel="noopener nofollow noreferrer">${html}</a>`;

/** Without what could turn the direction of the page or is no text at all. */
const text = (foreign: string): string =>
  foreign.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, " ");

const style = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 44rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
article { border-top: 1px solid; padding: 0.5rem 0 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.2rem; margin: 0.5rem 0 0; }
.about, .image-off { opacity: 0.7; }
.about { margin: 0; }
.text { overflow: auto; }
pre { overflow: auto; }
table { border-collapse: collapse; }
td, th { border: 1px solid; padding: 0.2rem 0.5rem; }
`;
