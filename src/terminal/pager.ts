import { spawn } from "node:child_process";
import type { Environment } from "../config/environment.ts";

/**
 * Shows text with `PAGER`, or `less` without it.
 * @returns false when there is none, or it is not wanted: nothing was shown
 */
export function page(text: string, env: Environment): Promise<boolean> {
  const [file, ...args] = (env["PAGER"] ?? "less").trim().split(/\s+/);
  if (!file || file === "cat" || env["TERM"] === "dumb") return Promise.resolve(false);
  const child = spawn(file, args, {
    stdio: ["pipe", "inherit", "inherit"],
    // leave at once what fits, keep colours, leave the text on the screen
    env: { LESS: "FIRX", LESSCHARSET: "utf-8", ...env },
  });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("exit", () => resolve(true));
    // who leaves before the end has seen enough
    child.stdin.on("error", () => {}).end(`${text}\n`);
  });
}
