import { joinTopics } from "../argv.ts";
import type { ManifestArg, ManifestCommand, ManifestFlag, Surface } from "./manifests.ts";

/** What can stand in the place of the last word. */
export interface Completion {
  readonly items: readonly { readonly value: string; readonly about: string }[];
  /** whether a path may stand there */
  readonly files: boolean;
}

/** Looks up values that only the registry knows. */
export interface Lookup {
  /** names of packages */
  packages(): readonly string[];
}

type Item = Completion["items"][number];

const none: Completion = { items: [], files: false };
const files: Completion = { items: [], files: true };
const global: Readonly<Record<string, ManifestFlag>> = {
  help: { name: "help", char: "h", type: "boolean", description: "examples and flags" },
};

/** @param words those after `citadel`; the last one is being typed, and may be empty */
export function complete(words: readonly string[], surface: Surface, lookup: Lookup): Completion {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  const { commands, topics } = surface;
  const [id, ...rest] = joinTopics(before, {
    findCommand: (name) => commands.get(name),
    findTopic: (name) => (topics.has(name) ? { name } : undefined),
  });
  if (id === "help") return { items: next(rest.length === 0 ? "" : rest.join(":"), current, surface), files: false }; // prettier-ignore
  // flags that may stand before the command
  if (id === undefined || id.startsWith("-")) return { items: next("", current, surface), files: false }; // prettier-ignore
  const command = commands.get(id);
  const deeper = topics.has(id) && rest.length === 0 ? next(id, current, surface) : [];
  if (!command) return { items: deeper, files: false };
  const { items, files: paths } = ofCommand(command, rest, current, lookup);
  return { items: [...deeper, ...items], files: paths };
}

/** Commands and topics right below `above`; with a colon in `current`, below what stands before it. */
function next(above: string, current: string, { commands, topics }: Surface): Item[] {
  if (current.startsWith("-")) return flagItems({ ...global, json: { name: "json", type: "boolean", description: "print JSON" } }, current, []); // prettier-ignore
  const typed = current.slice(0, current.lastIndexOf(":") + 1);
  const prefix = (above === "" ? "" : `${above}:`) + typed;
  const found = new Map<string, string>();
  for (const [name, about] of topics) add(name, about);
  for (const [id, command] of commands) add(id, aboutOf(command));
  return [...found]
    .map(([name, about]) => ({ value: typed + name, about }))
    .filter(({ value }) => value.startsWith(current))
    .sort((a, b) => (a.value < b.value ? -1 : 1));

  function add(name: string, about: string): void {
    if (!name.startsWith(prefix) || name.length === prefix.length) return;
    const segment = name.slice(prefix.length);
    if (!segment.includes(":")) found.set(segment, about || found.get(segment) || "");
  }
}

function ofCommand(
  { flags: own = {}, args = {} }: ManifestCommand,
  rest: readonly string[],
  current: string,
  lookup: Lookup,
): Completion {
  const flags = { ...own, ...global };
  const find = (word: string): ManifestFlag | undefined =>
    Object.values(flags).find(({ name, char }) => word === `--${name}` || (char && word === `-${char}`)); // prettier-ignore

  let given = 0;
  const used: string[] = [];
  let waiting: ManifestFlag | undefined;
  for (const word of rest) {
    if (word === "--") return files;
    if (waiting) waiting = undefined;
    else if (word.startsWith("-") && word !== "-") {
      const flag = find(word.replace(/=.*$/s, ""));
      if (flag) used.push(flag.name);
      if (flag?.type === "option" && !word.includes("=")) waiting = flag;
    } else given++;
  }
  if (waiting) return values(waiting, current, lookup);
  const [, name, value] = /^(--[\w-]+)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined && value !== undefined) {
    const flag = find(name);
    const found = flag ? values(flag, value, lookup) : none;
    return { ...found, items: found.items.map((item) => ({ ...item, value: `${name}=${item.value}` })) }; // prettier-ignore
  }
  if (current.startsWith("-")) return { items: flagItems(flags, current, used), files: false };
  const arg = Object.values(args)[given];
  return arg ? values(arg, current, lookup) : none;
}

const isPath = /path|file|folder|dir\b/i;

/** Values of a flag or an argument. */
function values(what: ManifestFlag | ManifestArg, current: string, lookup: Lookup): Completion {
  const { name, options } = what;
  if (options) return { items: starting(options, current), files: false };
  if (name === "package" || name === "pkg") return { items: starting(lookup.packages(), current), files: false }; // prettier-ignore
  const hint = "helpValue" in what ? (what.helpValue ?? "") : "";
  return isPath.test(name) || isPath.test(hint) || name === "output" ? files : none;
}

const starting = (all: readonly string[], current: string): Item[] =>
  all.filter((value) => value.startsWith(current)).map((value) => ({ value, about: "" }));

function flagItems(
  flags: Readonly<Record<string, ManifestFlag>>,
  current: string,
  used: readonly string[],
): Item[] {
  return Object.values(flags)
    .filter(({ hidden, multiple, name }) => !hidden && (multiple || !used.includes(name)))
    .map((flag) => ({ value: `--${flag.name}`, about: aboutOf(flag) }))
    .filter(({ value }) => value.startsWith(current))
    .sort((a, b) => (a.value < b.value ? -1 : 1));
}

const aboutOf = ({
  summary,
  description,
}: {
  readonly summary?: string;
  readonly description?: string;
}): string =>
  // prettier-ignore
  (summary ?? description ?? "").split("\n")[0]?.replaceAll("<%= config.bin %>", "citadel") ?? "";
