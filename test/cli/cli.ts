import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { citadelEnv, root } from "../support/citadel.ts";
import { run, type Ran } from "../support/run.ts";

export const bin = join(root, "bin/citadel.js");

interface Flag {
  readonly name: string;
  readonly char?: string;
  readonly type: string;
}
interface Command {
  readonly id: string;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly args: Readonly<Record<string, { readonly name: string; readonly required?: boolean }>>;
}

/** Every command of Citadel's own plugins, from the manifests that the build wrote. */
export const commands: readonly Command[] = readdirSync(join(root, "plugins"))
  .flatMap((name) => {
    const file = join(root, "plugins", name, "oclif.manifest.json");
    const manifest = JSON.parse(readFileSync(file, "utf8")) as {
      commands: Record<string, Command>;
    };
    return Object.values(manifest.commands);
  })
  .sort((a, b) => (a.id < b.id ? -1 : 1));

/** Commands that run until they are stopped. */
export const endless: ReadonlySet<string> = new Set(["serve"]);

/** Commands that ask on a terminal although no argument is missing. */
export const asking: ReadonlySet<string> = new Set([
  "registry:config:save",
  "secrets:identity",
  "secrets:init",
  "term",
]);

/** Through a shell, for what Node's spawn cannot do: `$0` is node, `$1` the start, the rest the arguments. */
export function shell(
  script: string,
  home: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const all = ["-c", script, process.execPath, bin, ...args];
  return run("/bin/sh", all, { env: citadelEnv(home, env), timeout: 60_000 });
}

/** On a terminal of its own; what it printed comes as `stdout`, with the terminal's line ends made plain. */
export async function onTerminal(
  home: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = "",
): Promise<Ran> {
  const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(" ");
  const line = `stty cols 80 rows 24; ${words}`;
  const ran = await run("script", ["-qec", line, "/dev/null"], {
    env: citadelEnv(home, { TERM: "xterm-256color", LANG: "C.UTF-8", ...env }),
    input,
    timeout: 60_000,
  });
  return { ...ran, stdout: ran.stdout.replaceAll("\r\n", "\n") };
}

/** Runs with a reader that goes away before anything is written. */
export function toNobody(
  home: string,
  args: readonly string[],
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], {
      env: citadelEnv(home),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stderr: Buffer[] = [];
    child.stdout.destroy();
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stderr: Buffer.concat(stderr).toString() }));
  });
}
