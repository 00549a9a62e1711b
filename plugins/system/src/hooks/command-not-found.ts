import { CitadelError, errorObject } from "@citadel/core/errors";
import { environment } from "@citadel/core/config";
import { nearest } from "@citadel/core/nearest";
import { createTerminal, printError } from "@citadel/core/terminal";
import type { Hook } from "@oclif/core/hooks";

/** Says which command may have been meant. Never asks and never runs one. */
const hook: Hook.CommandNotFound = async ({ argv = [], config, context, id }) => {
  const typed = new Set(argv);
  const known = [
    ...config.commands,
    ...config.topics.map(({ name }) => ({ id: name, hidden: false })),
  ];
  const names = known.filter(({ hidden }) => !hidden).map((command) => command.id);
  // the last word may be the whole command of another topic: `publish` for `local:publish`
  const inTopics = names.filter((name) => name.split(":").at(-1) === id);
  const guesses = id.startsWith("-") ? [] : [...new Set([...inTopics, ...nearest(id, names)])];
  const what = id.startsWith("-")
    ? `there is no flag ${id.replace(/=.*$/s, "")}`
    : `there is no command ${id}`;
  const error = new CitadelError("E_USAGE", what, {
    hint: [
      ...guesses.slice(0, 3).map((guess) => `did you mean citadel ${guess}?`),
      "list them: citadel help",
    ],
  });
  const mode = {
    json: typed.has("--json"),
    quiet: false,
    noColor: typed.has("--no-color"),
    noInput: true,
  };
  const object = errorObject(error);
  printError({ object }, await createTerminal(mode, environment()));
  context.exit(object.exit);
};

export default hook;
