import { CitadelError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** What of a command is needed to explain a command line that does not fit it. */
interface Shape {
  readonly id: string;
  readonly flags: Readonly<Record<string, { readonly char?: string | undefined }>>;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * What oclif's parser threw as E_USAGE, with the nearest flags; undefined when it was something else.
 * The parser's own messages and objects repeat what was typed, secrets included; these do not.
 */
export function usageError(error: unknown, { id, flags, args }: Shape): CitadelError | undefined {
  if (!(error instanceof Error) || !("oclif" in error)) return undefined;
  const problem = error as Error & {
    readonly flags?: readonly string[];
    readonly args?: readonly unknown[];
    readonly parse?: { readonly output?: { readonly argv?: readonly unknown[] } };
  };
  const help = `see citadel ${id} --help`;
  switch (error.constructor.name) {
    case "NonExistentFlagsError": {
      const unknown = (problem.flags ?? []).map((flag) => flag.replace(/=.*$/s, ""));
      const names = Object.keys(flags).map((name) => `--${name}`);
      const guesses = unknown.flatMap((flag) => nearest(flag, names).slice(0, 1));
      const hint = guesses.map((guess) => `did you mean ${guess}?`);
      return new CitadelError("E_USAGE", `citadel ${id} has no flag ${unknown.join(", ")}`, {
        hint: [...hint, help],
      });
    }
    case "RequiredArgsError": {
      const missing = (problem.args as readonly { readonly name: string }[] | undefined) ?? [];
      const names = missing.map(({ name }) => name.toUpperCase()).join(" ");
      return new CitadelError("E_USAGE", `citadel ${id} needs ${names}`, { hint: [help] });
    }
    case "UnexpectedArgsError": {
      const most = Object.keys(args).length;
      const given = most + (problem.args?.length ?? 1);
      return new CitadelError("E_USAGE", `citadel ${id} takes ${most} arguments, not ${given}`, {
        hint: ["quote an argument that holds spaces", help],
      });
    }
    default: {
      // an enumeration: the nearest of what is allowed
      const [, typed = "", allowed] = /^Expected (?:--\S+=)?(.+?) to be one of: (.+)/.exec(error.message) ?? []; // prettier-ignore
      const near = nearest(typed, allowed?.split(/,\s*/) ?? []).slice(0, 1);
      const meant = near.map((guess) => `did you mean ${guess}?`);
      const [message = ""] = error.message.replace(/\nSee more help.*$/s, "").split("\n\n");
      return new CitadelError("E_USAGE", message.replace(/\s*\n\s*/g, " "), {
        hint: [...meant, help],
      });
    }
  }
}
