import { escaped, readmeHtml, safeText, type OutlineItem } from "@citadel/core/documents";
import { typeOf, type Documented, type EntryType, type Page, type Row } from "./types.ts";

/** What somebody else has written, for a page. */
const shown = (text: string): string => escaped(safeText(text.toWellFormed()));

export interface Made {
  readonly pages: readonly Page[];
  readonly rows: readonly Row[];
}

/** The pages of one package, and what is found in them. */
export async function packagePages(one: Documented): Promise<Made> {
  const { name, version, description, readme, outline } = one;
  // a scope is no folder: packages lie beside each other
  const folder = name.replace("/", "__");
  const rows: Row[] = [{ name, type: "Package", path: `${folder}/index.html` }];
  const pages: Page[] = [];
  const parts = [...new Set(outline.items.map(({ subpath }) => subpath))].map((subpath, n) => ({
    subpath,
    path: n === 0 ? "api.html" : `api-${n + 1}.html`,
    title: subpath === "." ? name : `${name}/${subpath.replace(/^\.\//, "")}`,
  }));
  for (const { subpath, path, title } of parts) {
    const items = outline.items.filter((item) => item.subpath === subpath);
    const anchors = anchorsOf();
    const at = `${folder}/${path}`;
    if (subpath !== ".") rows.push({ name: title, type: "Module", path: at });
    const body = items
      .map((item) => itemHtml(item, calledOf(item.name, title), at, anchors, rows, 2))
      .join("");
    pages.push({ path: at, html: page(`${title} ${version}`, `<p><a href="index.html">${shown(name)}</a></p>\n<h1>${shown(title)}</h1>\n${body}`) }); // prettier-ignore
  }
  const { html, headings } = await readmeHtml(readme);
  for (const { text, id } of headings)
    if (text !== "") rows.push({ name: `${name}: ${text}`, type: "Section", path: `${folder}/index.html#${encodeURIComponent(id)}` }); // prettier-ignore
  const links = parts.map(({ path, title }) => `<li><a href="${path}">${shown(title)}</a></li>\n`);
  const list = links.length === 0 ? "" : `<h2>API</h2>\n<ul>\n${links.join("")}</ul>\n`;
  const intro = description === "" ? "" : `<p>${shown(description)}</p>\n`;
  pages.push({ path: `${folder}/index.html`, html: page(`${name} ${version}`, `<p><a href="../index.html">all packages</a></p>\n<h1>${shown(name)} <small>${shown(version)}</small></h1>\n${intro}${list}${html}`) }); // prettier-ignore
  return { pages, rows };
}

/** What a whole module exports is called like the module. */
const calledOf = (name: string, module: string): string =>
  name === "export =" || name === "default" ? module : name.toWellFormed();

/** The page that a docset opens with. */
export function indexPage(title: string, packages: readonly Documented[]): Page {
  const items = packages.map(({ name, version, description }) => `<li><a href="${name.replace("/", "__")}/index.html">${shown(name)}</a> ${shown(version)} ${shown(description)}</li>\n`); // prettier-ignore
  return { path: "index.html", html: page(title, `<h1>${shown(title)}</h1>\n<ul>\n${items.join("")}</ul>\n`) }; // prettier-ignore
}

/** @param full with the names that it is inside of: `Parser.parse` */
function itemHtml(
  item: OutlineItem,
  full: string,
  path: string,
  anchors: (name: string) => string,
  rows: Row[],
  level: number,
): string {
  const { signature, doc, deprecated, members = [] } = item;
  const type = typeOf(item);
  const id = anchors(full);
  rows.push({ name: full, type, path: `${path}#${encodeURIComponent(id)}` });
  const heading = `h${Math.min(level, 6)}`;
  const old = deprecated === undefined ? "" : `<p class="old">Deprecated. ${shown(deprecated)}</p>\n`; // prettier-ignore
  const text = doc === undefined ? "" : `<div class="doc">${shown(doc)}</div>\n`;
  const inner = members
    .map((member) =>
      itemHtml(member, `${full}.${member.name.toWellFormed()}`, path, anchors, rows, level + 1),
    )
    .join("");
  return `<section id="${shown(id)}">\n${tocAnchor(type, full)}<${heading}>${shown(full)} <small>${type}</small></${heading}>\n<pre>${shown(signature)}</pre>\n${old}${text}${inner}</section>\n`;
}

/** What Dash makes its table of contents of. */
const tocAnchor = (type: EntryType, name: string): string =>
  `<a name="//apple_ref/cpp/${type}/${encodeURIComponent(name).replaceAll("'", "%27")}" class="dashAnchor"></a>\n`;

/** An id for each name on a page: letters, digits and a few signs, the others by their number. */
function anchorsOf(): (name: string) => string {
  const used = new Map<string, number>();
  return (name) => {
    const plain = `api-${name.replaceAll(/[^\w.$-]/gu, (one) => `~${one.codePointAt(0)?.toString(16)}`)}`; // prettier-ignore
    const count = (used.get(plain) ?? 0) + 1;
    used.set(plain, count);
    return count === 1 ? plain : `${plain}~~${count}`;
  };
}

const style =
  "body{font:15px/1.5 system-ui,sans-serif;margin:1.5em;max-width:60em;color:#1b1f24;background:#fff}pre,code{font:13px/1.45 ui-monospace,monospace;background:#f3f4f6}pre{padding:.6em;overflow:auto;white-space:pre-wrap}small{color:#5b6470;font-weight:normal}section section{margin-left:1.2em}.doc{white-space:pre-wrap}.old{color:#a33}@media(prefers-color-scheme:dark){body{color:#dde2e8;background:#16191d}pre,code{background:#22272e}a{color:#7ab7ff}}";

const page = (title: string, body: string): string =>
  `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">\n<meta name="viewport" content="width=device-width">\n<title>${shown(title)}</title>\n<style>${style}</style>\n</head>\n<body>\n${body}</body>\n</html>\n`;
