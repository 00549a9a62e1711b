import { parseEnv } from "node:util";
import { variableOf } from "../run/variables.ts";
import { checked, invalid, textOf, unfit, type Item } from "./item.ts";

/** A line that sets a variable, as `node:util` reads it; a value in quotes may go on for several lines. */
const line = /^\s*(?:export\s+)?([\w.-]+)\s*=[ \t]*(?:"[^"]*"|'[^']*'|`[^`]*`|[^\r\n]*)/gm;

/**
 * The variables of a `.env` file. Nothing in it is replaced: `$NAME` stays as it is.
 * @returns `odd`: names whose values look as if they were meant to be replaced
 * @throws E_INVALID_DOCUMENT for a name that is there twice
 */
export function readDotenv(text: string): { items: Item[]; odd: string[] } {
  const counts = new Map<string, number>();
  for (const [, name = ""] of text.matchAll(line)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const twice = [...counts].filter(([, count]) => count > 1).map(([name]) => name);
  if (twice.length > 0)
    throw invalid(`the file has several values for ${twice.slice(0, 10).join(", ")}`);
  const entries = Object.entries(parseEnv(text) as Record<string, string>);
  return {
    items: checked(entries.map(([name, value]) => ({ name, values: [Buffer.from(value)] }))),
    odd: entries.filter(([, value]) => /\$(?:\{|[A-Za-z_(])/.test(value)).map(([name]) => name),
  };
}

/**
 * A `.env` file that gives exactly these values again.
 * @throws E_USAGE that names a value which has no such form, E_INVALID_DOCUMENT for names that become the same
 */
export function writeDotenv(items: readonly Item[]): string {
  checked(items.map((item) => ({ ...item, name: variableOf(item.name) })));
  return items
    .map(
      (item) => `${variableOf(item.name)}=${quoted(item)}
`,
    )
    .join("");
}

function quoted(item: Item): string {
  const text = textOf(item, "a .env file");
  const forms = [
    text,
    `"${text}"`,
    `'${text}'`,
    `\`${text}\``,
    `"${text.replaceAll("\n", "\\n")}"`,
  ];
  const form = forms.find((one) => endings.every((end) => isRead(one, text, end)));
  if (form === undefined) throw unfit(item.name, "a .env file");
  return form;
}

/** What may follow a value: nothing, or a value in any quotes, which must not be taken for the end of this one. */
const endings = ["", "AFTER=2\n", 'AFTER="2"\n', "AFTER='2'\n", "AFTER=`2`\n"];

/** What Node reads is what counts. */
function isRead(form: string, text: string, end: string): boolean {
  const { BEFORE, NAME, AFTER, ...more } = parseEnv(`BEFORE=1\nNAME=${form}\n${end}`);
  return (
    BEFORE === "1" &&
    NAME === text &&
    AFTER === (end === "" ? undefined : "2") &&
    Object.keys(more).length === 0
  );
}
