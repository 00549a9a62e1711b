import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CitadelError } from "@citadel/core/errors";
import type { Environment } from "./project.ts";

/** Path of Cloudflare's command line: the project's own, else that of the system. */
export function findWrangler(folder: string, path: string): string | undefined {
  const name = process.platform === "win32" ? "wrangler.cmd" : "wrangler";
  return [join(folder, "node_modules/.bin"), ...path.split(delimiter)]
    .filter(Boolean)
    .map((place) => join(place, name))
    .find((file) => existsSync(file));
}

/** What has to be said to wrangler; without a name of an environment it warns. */
export const wranglerArgs = (environment: Environment): readonly string[] => [
  "deploy",
  `--env=${environment === "production" ? "" : environment}`,
];

/** Runs wrangler in the project; all that it says goes to stderr. @throws E_FAILED */
export async function runWrangler(
  wrangler: string,
  folder: string,
  environment: Environment,
  { input, signal }: { readonly input: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const child = spawn(wrangler, wranglerArgs(environment), {
    cwd: folder,
    stdio: [input ? "inherit" : "ignore", 2, 2],
    shell: process.platform === "win32",
    signal,
  });
  const [code, killed] = (await once(child, "exit")) as [number | null, string | null];
  if (code !== 0)
    throw new CitadelError("E_FAILED", `wrangler deploy ended with ${code ?? killed}`, {
      hint: ["see what it says above", "the project is written: run it there again"],
    });
}
