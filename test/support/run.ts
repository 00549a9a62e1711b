import { spawn } from "node:child_process";

/** How a command ended, and everything that it said. */
export interface Ran {
  readonly command: string;
  /** exit code; null after a signal */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout and stderr in the order of arrival, without colours */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** the whole environment; `process.env` when left out */
  readonly env?: NodeJS.ProcessEnv;
  /** what stdin holds; closed at once when left out */
  readonly input?: string | Uint8Array;
  /** answers to prompts: when the output matches, the line is typed, in this order, each once */
  readonly answers?: readonly (readonly [prompt: RegExp, line: string | (() => string)])[];
  /** hears all that it has said so far, without colours, whenever it says more */
  readonly heard?: (output: string) => void;
  /** the command has a terminal of its own, whose end of input must not be sent early */
  readonly terminal?: true;
  /** ms before SIGKILL, default 60 s */
  readonly timeout?: number;
}

// oxlint-disable-next-line no-control-regex -- an escape sequence begins with a control character
const colours = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;
export const withoutColours = (text: string): string => text.replace(colours, "");

/** Runs a command to its end with captured output; never rejects for a bad exit code. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const command = [file, ...args].join(" ");
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 60_000);
    const said = { stdout: [] as Buffer[], stderr: [] as Buffer[], both: [] as Buffer[] };
    const answers = [...(options.answers ?? [])];
    let unread = "";
    let typing: NodeJS.Timeout | undefined;
    let again: NodeJS.Timeout | undefined;
    // A program shows its prompt first and readies its terminal then, which throws away what was typed
    // in between: wait a little, and type once more when nothing at all happened; not too soon, because a slow
    // program that did hear it would take the second line for its next answer.
    const type = (line: string) => {
      child.stdin.write(`${line}\n`);
      if (options.terminal) again = setInterval(() => child.stdin.write(`${line}\n`), 10_000);
      else if (answers.length === 0) child.stdin.end();
    };
    const hear = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      said[stream].push(chunk);
      said.both.push(chunk);
      clearInterval(again);
      unread += chunk.toString();
      options.heard?.(withoutColours(Buffer.concat(said.both).toString()));
      const next = answers[0];
      if (!next?.[0].test(withoutColours(unread))) return;
      unread = "";
      answers.shift();
      const line = typeof next[1] === "string" ? next[1] : next[1]();
      typing = setTimeout(type, options.terminal ? 1000 : 0, line);
    };
    child.stdout.on("data", hear("stdout"));
    child.stderr.on("data", hear("stderr"));
    child.stdin.on("error", () => {}); // a command may end before it has read everything
    if (answers.length === 0) child.stdin.end(options.input);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(new Error(`${command}: ${error.message}`, { cause: error }));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      clearTimeout(typing);
      clearInterval(again);
      resolve({
        command,
        code,
        signal,
        stdout: Buffer.concat(said.stdout).toString(),
        stderr: Buffer.concat(said.stderr).toString(),
        output: withoutColours(Buffer.concat(said.both).toString()),
      });
    });
  });
}

/** The same, but a bad exit code is an error that shows what the command said. */
export async function mustRun(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const ran = await run(file, args, options);
  if (ran.code !== 0)
    throw new Error(`${ran.command} ended with ${ran.code ?? ran.signal}\n${ran.output}`);
  return ran;
}
