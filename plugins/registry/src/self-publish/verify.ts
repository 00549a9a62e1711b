import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";
import { checkVersion, isObject, type JsonObject } from "@citadel/core/registry";
import { plain, runProgram, withThisNode } from "./program.ts";

export interface VerifyOptions {
  /** an empty folder */
  readonly folder: string;
  /** of the registry, with a trailing slash */
  readonly url: string;
  readonly token: string | undefined;
  readonly version: string;
  /** `name@version` → what was published @default any */
  readonly expected: ReadonlyMap<string, string>;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

export interface Verified {
  /** what the installed program says of itself */
  readonly says: string;
  /** installed packages, the own ones included */
  readonly packages: number;
  readonly own: number;
}

/**
 * Installs `citadel` from the registry into an empty folder, runs what was installed, and lets it publish and resolve a package in a
 * store of its own.
 * @throws E_PREPARE when npm or the installed program fails, E_PACKAGE_UNSOUND when something else was installed
 */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { folder, url, token, version, env, signal } = options;
  const host = url.replace(/^https?:/, "");
  await writeFile(join(folder, "package.json"), '{"name":"empty","private":true}\n');
  await writeFile(
    join(folder, ".npmrc"),
    `registry=${url}\n${token === undefined ? "" : `${host}:_authToken=${token}\n`}`,
    { mode: 0o600 },
  );
  await runProgram({
    file: "npm",
    args: ["install", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", `--registry=${url}`, `citadel@${version}`], // prettier-ignore
    cwd: folder,
    env: withThisNode(plain(env)),
    signal,
  });
  const counted = await compare(options);
  const home = { ...plain(env), CITADEL_HOME: join(folder, "home"), NO_COLOR: "1" };
  const citadel = (...args: string[]): Promise<string> =>
    runProgram({
      file: process.execPath,
      args: [join(folder, "node_modules/citadel/bin/citadel.js"), ...args],
      ...{ cwd: folder, env: home, signal },
    });
  const says = (await citadel("--version")).trim();
  demand(says.startsWith(`citadel/${version} `), `it says ${says}`);
  const text = "export const hello = 1;\n";
  await writeFile(join(folder, "hello.js"), text);
  await citadel("local:publish", "hello", "1.0.0", "demo", "-f", "hello.js", "--json");
  await citadel("local:resolve", "hello", "^1.0.0", "demo", "-o", "back.js", "--json");
  const back = await readFile(join(folder, "back.js"), "utf8");
  demand(back === text, "what it published came back as something else");
  return { says, ...counted };
}

/** What npm wrote down of the own packages must be what was published. */
async function compare({ folder, expected }: VerifyOptions) {
  const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as JsonObject;
  const entries = Object.entries(isObject(lock["packages"]) ? lock["packages"] : {});
  const installed = entries.filter(([path]) => path !== "");
  let own = 0;
  for (const [path, entry] of installed) {
    if (!isObject(entry)) continue;
    const folderName = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const name = typeof entry["name"] === "string" ? entry["name"] : folderName;
    if (name !== "citadel" && !name.startsWith("@citadel/")) continue;
    own++;
    const published = expected.get(`${name}@${checkVersion(entry["version"])}`);
    if (published !== undefined && published !== entry["integrity"])
      throw new CitadelError("E_PACKAGE_UNSOUND", `${name} is not the one that was published`, {
        hint: ["see whether the address leads to this registry"],
      });
  }
  return { packages: installed.length, own };
}

function demand(good: boolean, what: string): void {
  if (!good)
    throw new CitadelError("E_PREPARE", `the installed citadel does not work: ${what}`, {
      hint: ["look at it: --into <folder>"],
    });
}
