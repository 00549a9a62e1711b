import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { exitCode } from "@citadel/core/child";
import type { Environment } from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";

const passed =
  /^(?:PATH|HOME|USER|TMPDIR|TEMP|TMP|SystemRoot|LANG|NODE_EXTRA_CA_CERTS|LC_.*|https?_proxy|no_proxy|npm_config_(?:cache|userconfig))$/i;

/** What a program needs that knows nothing of this registry: no settings, no secrets. */
export const plain = (env: Environment): Environment =>
  Object.fromEntries(Object.entries(env).filter(([name]) => passed.test(name)));

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** The environment in which `npm` and what it starts run on this Node. */
export const withThisNode = (env: Environment): Environment => ({
  ...env,
  PATH: [dirname(process.execPath), env["PATH"]].filter(Boolean).join(delimiter),
});

/**
 * Runs a program to its end; what it says on stderr goes to this stderr.
 * @returns what it wrote to stdout
 * @throws E_PREPARE when it cannot be started or ends with another code than 0
 */
export async function runProgram({ file, args, cwd, env, signal }: Program): Promise<string> {
  const line = [file, ...args].join(" ");
  const child = spawn(file, args, {
    ...{ cwd, env, stdio: ["ignore", "pipe", 2] },
    ...(signal && { signal }),
  });
  const said: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new CitadelError("E_PREPARE", `cannot run ${line}`, { cause: error })),
    );
    child.once("close", (ended, by) => resolve(exitCode(ended, by)));
  });
  const text = Buffer.concat(said).toString();
  if (code === 0) return text;
  throw new CitadelError("E_PREPARE", `${line} ended with ${code}`, {
    hint: [...text.trim().split("\n").slice(-3), "what it said stands above"].filter(Boolean),
  });
}

/** Where npm gets packages from in this folder. */
export async function outside(cwd: string, env: Environment): Promise<string> {
  const args = ["config", "get", "registry", "--loglevel=error"];
  return (await runProgram({ file: "npm", args, cwd, env: withThisNode(env) })).trim();
}
