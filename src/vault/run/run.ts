import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { exitCode, forwardSignals } from "../../child.ts";
import { CitadelError } from "../../errors.ts";
import type { Mask } from "../mask/mask.ts";
import type { PrivateFiles } from "./private-files.ts";
import type { Read } from "./select.ts";

/** How a command gets its values: by name in its environment, or there the paths of files or descriptors; or on its input. */
export type Form = "env" | "file" | "stdin" | "fd";

export interface RunOptions {
  /** program and arguments, as they are: there is no shell */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly values: readonly Read[];
  readonly form: Form;
  readonly files: () => PrivateFiles;
  /** where output goes, and whether it is filtered; unfiltered output needs a stream of this process */
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly mask: Mask;
}

export interface Sink {
  readonly stream: NodeJS.WriteStream;
  readonly masked: boolean;
}

export interface Ended {
  /** what the command ended with; 128 and the number of the signal that ended it */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

/** ms that output may still come when the command has ended and something that it left behind keeps the pipe open */
const patience = 2000;

/**
 * Runs a command with values, passes on what it gets by signals, and waits for its end.
 * @throws E_USAGE when it cannot be started, or a value does not fit
 */
export async function runWith(options: RunOptions): Promise<Ended> {
  const { command, stdout, stderr } = options;
  const [program, ...args] = command;
  const { env, stdin, descriptors } = given(options);
  const stdio: StdioOptions = [
    stdin ? "pipe" : "inherit",
    stdout.masked ? "pipe" : "inherit",
    stderr.masked ? "pipe" : "inherit",
    ...descriptors,
  ];
  const child = spawn(program, args, { env, stdio, shell: false });
  const stopForwarding = forwardSignals(child);
  try {
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", (error) => reject(notStarted(program, error)));
      child.on("exit", (code, signal) => resolve({ code: exitCode(code, signal), signal }));
    });
    const poured = Promise.all([
      child.stdout && pour(child.stdout, stdout, options.mask),
      child.stderr && pour(child.stderr, stderr, options.mask),
      stdin && feed(child, stdin),
    ]);
    const end = await ended;
    await Promise.race([poured, pause(patience, undefined, { ref: false })]);
    return end;
  } finally {
    stopForwarding();
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** The environment, input and descriptors of the command. */
function given({ env: before, values, form, files }: RunOptions): {
  env: Record<string, string>;
  stdin?: Buffer;
  descriptors: number[];
} {
  const env = { ...before };
  const descriptors: number[] = [];
  if (form === "stdin") {
    const [only, ...more] = values;
    if (!only || more.length > 0)
      throw new CitadelError("E_USAGE", `standard input takes one value, not ${values.length}`, {
        hint: ["say which: --only <name>"],
      });
    return { env, stdin: only.value, descriptors };
  }
  for (const { variable, name, value } of values)
    if (form === "env" || name === undefined) env[variable] = asText(variable, value);
    else if (form === "file") env[variable] = files().write(variable, value);
    else env[variable] = `/dev/fd/${2 + descriptors.push(files().unnamed(value))}`;
  return { env, descriptors };
}

function asText(variable: string, value: Buffer): string {
  const text = value.toString();
  if (Buffer.from(text).equals(value) && !text.includes("\0")) return text;
  throw new CitadelError(
    "E_USAGE",
    `the value for ${variable} is no text that a variable can hold`,
    {
      hint: ["give it as a file: --as file"],
    },
  );
}

async function pour(from: NodeJS.ReadableStream, to: Sink, mask: Mask): Promise<void> {
  const { stream } = to;
  // the process would end with its reader: the command hears of it instead, by its own broken pipe
  stream.removeAllListeners("error").on("error", () => {});
  await pipeline(from, mask.stream(), stream, { end: false }).catch(() => {});
}

async function feed({ stdin }: ChildProcess, value: Buffer): Promise<void> {
  if (!stdin) return;
  stdin.on("error", () => {}); // it may end before it has read everything
  await new Promise<void>((done) => stdin.end(value, () => done()));
}

const notStarted = (program: string, error: Error): CitadelError =>
  new CitadelError("E_USAGE", `${JSON.stringify(program)} cannot be started`, {
    hint: ["name a program, and its arguments, after --; there is no shell"],
    cause: error,
  });
