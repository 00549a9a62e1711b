import type { Environment } from "../config/environment.ts";
import { colourLevel, palette, unicode, type Palette } from "./colour.ts";

/** What the user asked of the output. */
export interface Mode {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly noColor: boolean;
  readonly noInput: boolean;
}

type Stream = NodeJS.WriteStream & { readonly isTTY?: boolean };

/** One output stream and what it can show. */
export interface Output {
  readonly stream: Stream;
  readonly palette: Palette;
  readonly tty: boolean;
  /** columns; 80 where unknown */
  readonly width: number;
  /** whether something may move on it: a terminal, no CI, not quiet, no JSON */
  readonly motion: boolean;
}

/** Standard output, error and input of a command: data goes out, everything else to err. */
export interface Terminal extends Mode {
  readonly out: Output;
  readonly err: Output;
  readonly unicode: boolean;
  /** whether questions can be asked */
  readonly interactive: boolean;
  /** One line to stderr, for people: not with --quiet, not with --json. */
  note(line: string): void;
}

/** Looks at the process's streams once. */
export async function createTerminal(mode: Mode, env: Environment): Promise<Terminal> {
  const still = mode.json || mode.quiet || Boolean(env["CI"]);
  const output = async (stream: Stream): Promise<Output> => {
    const level = colourLevel(stream, env, mode.noColor);
    const tty = Boolean(stream.isTTY);
    const width = stream.columns || Number(env["COLUMNS"]) || 80;
    const motion = tty && !still && env["TERM"] !== "dumb";
    return { stream, palette: await palette(level), tty, width, motion };
  };
  const { stdin, stdout, stderr } = process;
  return {
    ...mode,
    out: await output(stdout),
    err: await output(stderr),
    unicode: unicode(env),
    interactive: Boolean(stdin.isTTY && stderr.isTTY) && !mode.noInput && !mode.json,
    note(line) {
      if (!mode.quiet && !mode.json) stderr.write(`${line}\n`);
    },
  };
}
