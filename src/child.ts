import { spawn, type SpawnOptions } from "node:child_process";
import { constants } from "node:os";

/** A program to start: no shell reads any of it. */
export interface ChildCommand {
  /** absolute path */
  readonly file: string;
  readonly args: readonly string[];
  /** the whole environment */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** @default all three of this process */
  readonly stdio?: SpawnOptions["stdio"];
}

/** signals that end or wake a program */
const passed = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;

/**
 * Runs a program in the place of this one: signals go to it, and nothing else happens to them meanwhile.
 * @returns its exit code, or 128 and the number of the signal that ended it, as shells count
 */
export function runChild({
  file,
  args,
  env,
  cwd,
  stdio = "inherit",
}: ChildCommand): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio, ...(cwd !== undefined && { cwd }) });
    const pass = (signal: NodeJS.Signals): void => {
      // a terminal sends these to the child as well
      if (process.stdin.isTTY && (signal === "SIGINT" || signal === "SIGQUIT")) return;
      child.kill(signal);
    };
    for (const signal of passed) process.on(signal, pass);
    const over = (): void => {
      for (const signal of passed) process.off(signal, pass);
    };
    child.once("error", (error) => {
      over();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      over();
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
