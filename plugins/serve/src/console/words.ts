// The part of the console that needs no module of Node: the page completes lines with it too.
import { byteFields, features, terminalModes } from "@citadel/core/fields";

/** bytes of a line */
export const longestLine = 1024;

interface Word {
  /** what stands behind it; a last one in brackets may be left out */
  readonly args: readonly string[];
  readonly summary: string;
}

/** All that the console can do. */
export const words = {
  set: { args: ["<field>", "<value>"], summary: "change one of the thirteen bytes" },
  enable: { args: ["<feature>"], summary: "turn a feature on" },
  disable: { args: ["<feature>"], summary: "turn a feature off" },
  save: { args: [], summary: "wait until every change is on the disk" },
  publish: { args: ["<dir>", "[code]"], summary: "publish the package of a folder" },
  status: { args: [], summary: "show how the registry is" },
  reload: { args: [], summary: "read the thirteen bytes from the file again" },
  clear: { args: [], summary: "clear the screen" },
  help: { args: ["[command]"], summary: "show what there is" },
  exit: { args: [], summary: "leave" },
} as const satisfies Readonly<Record<string, Word>>;

export type Verb = keyof typeof words;

export const isVerb = (word: string): word is Verb => Object.hasOwn(words, word);

/** `set <field> <value>` */
export const usageOf = (verb: Verb): string => [verb, ...words[verb].args].join(" ");

/**
 * The words of a line: blanks part them, `'…'` and `"…"` hold them together, and in the latter `\"` and `\\` stand for themselves.
 * Nothing else means anything. Undefined when a quote has no end.
 */
export function splitLine(line: string): readonly string[] | undefined {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? "";
    const next = line[at + 1] ?? "";
    if (quote === '"' && letter === "\\" && (next === '"' || next === "\\")) {
      word += next;
      at++;
    } else if (quote !== "") {
      if (letter === quote) quote = "";
      else word += letter;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") return undefined;
  return word === undefined ? found : [...found, word];
}

/**
 * The lines that this one may become, by its last word.
 * @param folders what `publish` may go on with, given what was typed of it
 */
export function complete(
  line: string,
  folders: (typed: string) => readonly string[] = () => [],
): readonly string[] {
  const [, before = "", typed = ""] = /^(.*?)(\S*)$/s.exec(line.trimStart()) ?? [];
  const [verb = "", field, ...more] = splitLine(before) ?? [];
  const candidates =
    verb === ""
      ? Object.keys(words)
      : more.length > 0
        ? []
        : (following[verb]?.(field) ?? (verb === "publish" && field === undefined ? folders(typed) : [])); // prettier-ignore
  return candidates
    .filter((word) => word.toLowerCase().startsWith(typed.toLowerCase()))
    .map((word) => `${before}${word}`);
}

const following: Readonly<Record<string, (field?: string) => readonly string[]>> = {
  set: (field) =>
    field === undefined
      ? [...Object.keys(byteFields), "registry"]
      : field === "terminalMode"
        ? terminalModes
        : [],
  enable: (feature) => (feature === undefined ? features : []),
  disable: (feature) => (feature === undefined ? features : []),
  help: (verb) => (verb === undefined ? Object.keys(words) : []),
};
