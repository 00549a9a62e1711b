/** What of oclif's config is needed to know a command or topic by its id. */
interface Ids {
  findCommand(id: string): Known | undefined;
  findTopic(id: string): unknown;
}

/** A command as its manifest has it. */
interface Known {
  readonly args?: object;
  readonly flags?: Readonly<Record<string, { readonly type: string; readonly char?: string }>>;
  /** static of a command that runs another program: what stands after its first argument is for that program */
  readonly foreign?: boolean;
}

/** Flags of every command that may also stand before it: `citadel --json config`. */
const leading = new Set(["--json", "--quiet", "-q", "--verbose", "--no-color", "--no-input"]);

/**
 * The space form as the colon form: `local publish x` becomes `local:publish x`, also after `help`.
 * Leading words are joined as long as a command or topic has that id. A word after a topic is joined too, known or
 * not, so that `local publsh` is an unknown command and not the list of the topic; a command that is also a topic
 * takes no arguments.
 */
export function joinTopics(argv: readonly string[], config: Ids): string[] {
  const start = argv.findIndex((word) => !leading.has(word));
  if (start < 0) return [...argv];
  const flags = argv.slice(0, start);
  const [first, ...rest] = argv.slice(start);
  if (first === undefined || first.startsWith("-")) return [...argv];
  if (first === "help") return ["help", ...joinTopics(rest, config), ...flags];

  let id = first;
  let used = 0;
  for (const word of rest) {
    if (word.startsWith("-")) break;
    const longer = `${id}:${word}`;
    const known = config.findCommand(longer) ?? config.findTopic(longer);
    const open =
      config.findTopic(id) && Object.keys(config.findCommand(id)?.args ?? {}).length === 0;
    if (!known && !open) break;
    id = longer;
    used++;
    if (!known) break;
  }
  return [id, ...flags, ...fenced(rest.slice(used), config.findCommand(id))];
}

/** With `--` right after the first argument of a command that runs another program. */
function fenced(words: readonly string[], command: Known | undefined): readonly string[] {
  if (!command?.foreign) return words;
  const flags = Object.entries(command.flags ?? {});
  for (let n = 0; n < words.length; n++) {
    const word = words[n] ?? "";
    const next = words[n + 1];
    if (word === "--")
      return next === undefined || next.startsWith("-") ? words : words.toSpliced(n, 2, next, "--");
    if (!word.startsWith("-")) return next === "--" ? words : words.toSpliced(n + 1, 0, "--");
    const flag = flags.find(([name, { char }]) => word === `--${name}` || word === `-${char}`);
    if (flag?.[1].type === "option") n++;
  }
  return words;
}
