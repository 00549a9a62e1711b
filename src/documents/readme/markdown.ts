import { Marked, type Lexer, type MarkedExtension, type Tokens } from "marked";

/** GitHub's Markdown, with `#Title` a heading too. */
export function markdown(...more: readonly MarkedExtension[]): Marked {
  return new Marked({ gfm: true, async: false, tokenizer: { heading: looseHeading } }, ...more);
}

function looseHeading(this: { readonly lexer: Lexer }, source: string): Tokens.Heading | false {
  const [raw, marks, text] =
    /^ {0,3}(#{1,6})([^\s#!\d][^\n]*?)[ \t]*#*[ \t]*(?:\n+|$)/.exec(source) ?? [];
  if (raw === undefined || marks === undefined || text === undefined) return false;
  return { type: "heading", raw, depth: marks.length, text, tokens: this.lexer.inline(text) };
}

/** Without the block of fields that generators of sites put first. */
export const withoutFrontMatter = (source: string): string =>
  source.replace(/^---[ \t]*\r?\n(?:[^\n]*\n){0,200}?---[ \t]*(?:\r?\n|$)/, (head) =>
    /^[\w-]+[ \t]*:/m.test(head) ? "" : head,
  );
