import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
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

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/**
 * Runs a program in the place of this one.
 * @returns what it ended with, see {@link exitCode}
 */
export async function runChild(command: ChildCommand): Promise<number> {
  const { file, args, env, cwd, stdio = "inherit" } = command;
  const child = spawn(file, args, { env, stdio, ...(cwd !== undefined && { cwd }) });
  const stopForwarding = forwardSignals(child);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(exitCode(code, signal)));
    });
  } finally {
    stopForwarding();
  }
}

/** Passes on the signals that this process gets. A terminal tells the child itself what its keys mean. @returns ends it */
export function forwardSignals(child: ChildProcess): () => void {
  const listeners = forwarded.map((signal) => {
    const typed = signal === "SIGINT" || signal === "SIGQUIT";
    const listener = (): void => {
      if (!(typed && process.stdin.isTTY)) child.kill(signal);
    };
    process.on(signal, listener);
    return () => void process.off(signal, listener);
  });
  return () => listeners.forEach((stop) => stop());
}

/** The exit code of a program; 128 and the number of the signal that ended it, as shells count. */
export const exitCode = (code: number | null, signal: NodeJS.Signals | null): number =>
  code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
