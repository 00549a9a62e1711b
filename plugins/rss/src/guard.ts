const deepest = 100;
const mostElements = 500_000;

/** What of an XML document may be parsed; a refusal says why in words. */
export type Guarded = { readonly xml: string } | { readonly refused: string };

/**
 * Looks at every piece of markup before a parser does. A DOCTYPE without declarations is cut out; one with declarations, entities and
 * more than a hundred levels are refused.
 */
export function guard(text: string): Guarded {
  let depth = 0;
  let elements = 0;
  let xml = "";
  let kept = 0;
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at)) {
    if (text.startsWith("<!--", at)) at = after(text, "-->", at + 4);
    else if (text.startsWith("<![CDATA[", at)) at = after(text, "]]>", at + 9);
    else if (text.startsWith("<?", at)) at = after(text, "?>", at + 2);
    else if (text.startsWith("<!", at)) {
      const end = text.indexOf(">", at);
      const declaration = text.slice(at, end < 0 ? undefined : end + 1);
      if (!/^<!doctype\b/i.test(declaration)) return { refused: "it declares entities" };
      if (declaration.includes("[") || end < 0) return { refused: "its DOCTYPE has declarations" };
      xml += text.slice(kept, at);
      at = kept = end + 1;
    } else {
      const end = endOfTag(text, at);
      if (text[at + 1] === "/") depth--;
      else if (++elements > mostElements)
        return { refused: `it has more than ${mostElements} elements` };
      else if (text[end - 2] !== "/" && ++depth > deepest)
        return { refused: `its elements are more than ${deepest} levels deep` };
      at = end;
    }
  }
  return { xml: xml + text.slice(kept) };
}

function after(text: string, end: string, from: number): number {
  const at = text.indexOf(end, from);
  return at < 0 ? text.length : at + end.length;
}

/** Behind the `>` that ends a tag; one between quotes does not. */
function endOfTag(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const end = text.indexOf(">", at);
    if (end < 0) return text.length;
    const quote = /["']/.exec(text.slice(at, end));
    if (!quote) return end + 1;
    const close = text.indexOf(quote[0], at + quote.index + 1);
    if (close < 0) return text.length;
    at = close + 1;
  }
}
