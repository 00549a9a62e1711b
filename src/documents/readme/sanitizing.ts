import type { Attributes, IOptions, Tag } from "sanitize-html";
import { prefixed } from "./links.ts";

/** Where links and images lead. */
export interface Targets {
  /** undefined: nowhere */
  link(href: string): string | undefined;
  /** an address to show, else the host that is not asked */
  image(src: string): { readonly from?: string; readonly host?: string };
}

const tags = [
  ...["h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "blockquote", "pre", "hr", "br", "wbr"],
  ...["ul", "ol", "li", "dl", "dt", "dd", "details", "summary", "figure", "figcaption"],
  ...["table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"],
  ...["a", "abbr", "b", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s"],
  ...["samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "img", "input"],
];

const aligned = { name: "align", multiple: false, values: ["left", "center", "right"] };

/** What may stand in a README; see server.md, section 4. @param mark attribute of elements that are ours */
export function sanitizing(mark: string, to: Targets): IOptions {
  return {
    allowedTags: tags,
    allowedAttributes: {
      "*": ["id", "class", "title", "lang", "dir"],
      a: ["href", "rel"],
      img: ["src", "alt", "width", "height", "loading", aligned],
      input: ["type", "checked", "disabled"],
      ol: ["start", "reversed"],
      details: ["open"],
      abbr: ["title"],
      ...Object.fromEntries(
        ["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr"].map((tag) => [
          tag,
          [aligned],
        ]),
      ),
      th: [aligned, "colspan", "rowspan", "scope"],
      td: [aligned, "colspan", "rowspan"],
    },
    allowedClasses: {
      code: ["hljs", "language-*"],
      span: ["hljs-*", "language-*", "function_", "class_", "inherited__", "image-off"],
      div: ["alert", "alert-*"],
    },
    allowedSchemes: ["http", "https", "mailto"],
    allowedSchemesAppliedToAttributes: ["href", "src"],
    allowProtocolRelative: false,
    enforceHtmlBoundary: false,
    nestingLimit: 100,
    // their content is no text
    nonTextTags: [
      ...["script", "style", "textarea", "option", "noscript", "template", "title", "svg", "math"],
      ...["iframe", "object", "embed", "video", "audio", "select", "noembed", "noframes", "xmp"],
    ],
    transformTags: {
      img: (_, attribs) => image(attribs, mark, to),
      "*": (name, attribs) => transformed(name, attribs, mark, to),
    },
    exclusiveFilter: ({ tag, attribs }) => tag === "input" && attribs["type"] !== "checkbox",
  };
}

function transformed(tagName: string, given: Attributes, mark: string, to: Targets): Tag {
  const { [mark]: own, class: classes, id, name, ...rest } = given;
  const attribs: Attributes = { ...rest };
  const anchor = id ?? (tagName === "a" ? name : undefined);
  if (anchor) attribs["id"] = prefixed(anchor);
  if (own !== undefined && classes !== undefined) attribs["class"] = classes;
  if (tagName === "a") return link(attribs, to);
  if (tagName === "input") attribs["disabled"] = "";
  return { tagName, attribs };
}

function link({ href, rel: _, ...attribs }: Attributes, targets: Targets): Tag {
  const to = href === undefined ? undefined : targets.link(href);
  if (to === undefined) return { tagName: "a", attribs };
  const rel = /^https?:/.test(to) ? { rel: "nofollow ugc noopener noreferrer" } : {};
  return { tagName: "a", attribs: { ...attribs, href: to, ...rel } };
}

function image({ src = "", alt = "", ...attribs }: Attributes, mark: string, to: Targets): Tag {
  const { from, host } = to.image(src);
  if (from !== undefined)
    return { tagName: "img", attribs: { ...attribs, src: from, alt, loading: "lazy" } };
  const text = [alt.trim() || "image", ...(host === undefined ? [] : [`(${host})`])].join(" ");
  return { tagName: "span", attribs: { [mark]: "", class: "image-off" }, text: `[${text}]` };
}
