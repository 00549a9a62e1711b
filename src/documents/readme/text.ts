import type { Token, Tokens } from "marked";
import { columns } from "../../terminal/text.ts";
import { safeText } from "./escape.ts";
import { markdown, withoutFrontMatter } from "./markdown.ts";

/** Markdown for a terminal. @param width columns, Infinity for lines of any length */
export function toText(source: string, width: number): string {
  const tokens = markdown().lexer(withoutFrontMatter(safeText(source)));
  // entities may stand for what must not reach a terminal
  return safeText(blocks(tokens, width))
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

const blocks = (tokens: readonly Token[], width: number): string =>
  tokens
    .map((token) => block(token, width))
    .filter((text) => text !== "")
    .join("\n\n");

function block(token: Token, width: number): string {
  switch (token.type) {
    case "heading":
      return `${"#".repeat((token as Tokens.Heading).depth)} ${inline(token.tokens ?? [])}`;
    case "code":
      return indented((token as Tokens.Code).text, "    ");
    case "blockquote":
      return indented(blocks(token.tokens ?? [], width - 2), "> ");
    case "list":
      return list(token as Tokens.List, width);
    case "table":
      return table(token as Tokens.Table, width);
    case "hr":
      return "-".repeat(Math.min(width, 40));
    case "html":
      return wrapped(ofHtml((token as Tokens.HTML).text), width);
    case "paragraph":
    case "text":
      return wrapped(inline(token.tokens ?? [token]), width);
    default:
      return "";
  }
}

function list({ items, ordered, start, loose }: Tokens.List, width: number): string {
  return items
    .map((item, n) => {
      const box = item.task ? `[${item.checked ? "x" : " "}] ` : "";
      const mark = `${ordered ? `${Number(start) + n}.` : "-"} `;
      const rest = item.tokens.filter(({ type }) => type !== "checkbox");
      const text =
        box + rest.map((one) => block(one, width - mark.length)).join(loose ? "\n\n" : "\n");
      return mark + indented(text, " ".repeat(mark.length)).trimStart();
    })
    .join(loose ? "\n\n" : "\n");
}

/** Where it does not fit, a list of its rows. */
function table({ header, rows }: Tokens.Table, width: number): string {
  const cells = [header, ...rows].map((row) => row.map(({ tokens }) => inline(tokens)));
  const widths = header.map((_, i) => Math.max(...cells.map((row) => columns(row[i] ?? ""))));
  if (widths.reduce((sum, wide) => sum + wide + 2, -2) > width) {
    const [names = [], ...others] = cells;
    const fields = (row: readonly string[]): string =>
      row.map((cell, i) => `${names[i] ?? ""}: ${cell}`).join("\n");
    return others
      .map((row) => `- ${indented(wrapped(fields(row), width - 2), "  ").trimStart()}`)
      .join("\n");
  }
  const lines = cells.map((row) =>
    row
      .map((cell, i) => cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - columns(cell))))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((wide) => "-".repeat(wide)).join("  "));
  return lines.join("\n");
}

const inline = (tokens: readonly Token[]): string => tokens.map(word).join("");

function word(token: Token): string {
  switch (token.type) {
    case "link": {
      const { href, tokens } = token as Tokens.Link;
      const text = inline(tokens);
      return text === href || `mailto:${text}` === href || href.startsWith("#") || text === ""
        ? text
        : `${text} (${href})`;
    }
    case "image": {
      const { text } = token as Tokens.Image;
      return text === "" ? "" : `[${text}]`;
    }
    case "br":
      return "\n";
    case "codespan":
      return `\`${unescaped((token as Tokens.Codespan).text)}\``;
    case "html":
      return ofHtml((token as Tokens.Tag).text);
    case "checkbox":
      return "";
    default:
      return "tokens" in token && token.tokens
        ? inline(token.tokens)
        : unescaped((token as Tokens.Text).text ?? "");
  }
}

/** Text between tags. */
const ofHtml = (html: string): string =>
  unescaped(
    html
      .replace(/<!--[\s\S]*?(?:-->|$)/g, "")
      .replace(/<(script|style|svg|template)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, "")
      .replace(/<br\s*\/?>/gi, "\n")
      .replace(/<img\b[^<>]*?\balt="([^"<>]+)"[^<>]*>/gi, "[$1]")
      .replace(/<[a-z/!?][^<>]*>/gi, ""),
  )
    .replace(/[ ]*\n[ \n]*/g, "\n")
    .trim();

const signs: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", copy: "(c)" },
};

const unescaped = (text: string): string =>
  text.replace(
    /&(?:(amp|lt|gt|quot|nbsp|copy)|#(\d{1,7})|#x([\da-f]{1,6}));/gi,
    (whole, name, ten, hex) => {
      if (name !== undefined) return signs[String(name).toLowerCase()] ?? whole;
      const code = ten === undefined ? Number.parseInt(String(hex), 16) : Number(ten);
      return code > 0x10ffff ? whole : String.fromCodePoint(code);
    },
  );

const indented = (text: string, by: string): string =>
  text
    .split("\n")
    .map((line) => (line === "" ? by.trimEnd() : by + line))
    .join("\n");

function wrapped(text: string, width: number): string {
  const most = Math.max(width, 20);
  return text
    .split("\n")
    .map((line) => (columns(line) <= most ? line : folded(line, most)))
    .join("\n");
}

function folded(line: string, most: number): string {
  const lines: string[] = [];
  let now = "";
  for (const part of line.split(" ")) {
    const next = now === "" ? part : `${now} ${part}`;
    if (now !== "" && columns(next) > most) {
      lines.push(now);
      now = part;
    } else now = next;
  }
  return [...lines, now].join("\n");
}
