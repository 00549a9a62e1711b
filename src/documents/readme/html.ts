import { randomBytes } from "node:crypto";
import type { MarkedExtension } from "marked";
import sanitize from "sanitize-html";
import { escaped, printable } from "./escape.ts";
import { withHeadings } from "./headings.ts";
import { imageOf, linkOf } from "./links.ts";
import { markdown, withoutFrontMatter } from "./markdown.ts";
import { sanitizing } from "./sanitizing.ts";
import type { Places, ReadmeHtml } from "./types.ts";

/** Markdown of a stranger as safe HTML. What is ours carries a mark that nobody outside knows, and loses it here. */
export function toHtml(source: string, places: Places): Omit<ReadmeHtml, "cut"> {
  const mark = `data-${randomBytes(12).toString("hex")}`;
  const raw = markdown(ours(mark)).parse(withoutFrontMatter(source)) as string;
  const { files, images, folder } = places;
  const to = {
    link: (href: string) => linkOf(href, files, folder),
    image: (src: string) => imageOf(src, images, folder),
  };
  const safe = sanitize(raw, sanitizing(mark, to));
  return { ...withHeadings(printable(safe)), from: "markdown" };
}

/** As much of highlight.js as is used; its own types bring those of a browser into everything. */
interface Highlighter {
  readonly default: {
    getLanguage(name: string): object | undefined;
    highlight(
      code: string,
      options: { readonly language: string; readonly ignoreIllegals: boolean },
    ): { readonly value: string };
  };
}

const { default: colours } = (await import("highlight.js/lib/common" as string)) as Highlighter;

/** Code in colours, notes and warnings. */
function ours(mark: string): MarkedExtension {
  return {
    renderer: {
      code({ text, lang }) {
        const language = /^[\w+#-]+/.exec(lang ?? "")?.[0].toLowerCase();
        const known = language !== undefined && colours.getLanguage(language) !== undefined;
        const code = known
          ? colours
              .highlight(text, { language, ignoreIllegals: true })
              .value.replaceAll('<span class="', `<span ${mark} class="`)
          : escaped(text);
        const classes = known ? `hljs language-${language}` : "hljs";
        return `<pre><code ${mark} class="${classes}">${code}\n</code></pre>\n`;
      },
      blockquote({ tokens }) {
        const html = this.parser.parse(tokens);
        const [, kind, rest] =
          /^<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*(?:<br>)?\n?([\s\S]*)$/.exec(html) ??
          [];
        if (kind === undefined || rest === undefined) return `<blockquote>\n${html}</blockquote>\n`;
        const name = kind.toLowerCase();
        const title = kind.slice(0, 1) + name.slice(1);
        return `<div ${mark} class="alert alert-${name}"><p><strong>${title}</strong></p>\n<p>${rest}</div>\n`;
      },
    },
  };
}
