import { spawn } from "node:child_process";
import { environment } from "../../config/environment.ts";
import { CitadelError } from "../../errors.ts";
import { scrubbed } from "../run/variables.ts";

export interface HookOptions {
  /** program and its arguments; no shell reads them */
  readonly command: readonly string[];
  /** variables for it, besides those of this process that hold no secret of Citadel's */
  readonly env: Readonly<Record<string, string>>;
  /** ms */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a program with a value on its standard input. What it prints is dropped: it may well print the value.
 * @throws E_ROTATION unless it exits with 0 in time
 */
export async function runHook(value: Uint8Array, options: HookOptions): Promise<void> {
  const { command, env, timeout, signal } = options;
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { ...scrubbed(environment()), ...env },
    stdio: ["pipe", "ignore", "ignore"],
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    killSignal: "SIGKILL",
  });
  // it need not read what it is given
  child.stdin.on("error", () => {});
  child.stdin.end(value);
  const why = await new Promise<string | undefined>((done) => {
    child.on("error", (error) =>
      done(error.name === "AbortError" ? `took longer than ${timeout} ms` : "cannot be started"),
    );
    child.on("close", (code, killed) =>
      done(code === 0 ? undefined : killed ? `was ended by ${killed}` : `exited with ${code}`),
    );
  });
  signal.throwIfAborted();
  if (why !== undefined) throw new CitadelError("E_ROTATION", `${JSON.stringify(program)} ${why}`);
}
