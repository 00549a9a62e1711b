/** What of oclif's config is needed to know a command or topic by its id. */
interface Ids {
  findCommand(id: string): { readonly args?: object } | undefined;
  findTopic(id: string): unknown;
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
  return [id, ...flags, ...rest.slice(used)];
}
