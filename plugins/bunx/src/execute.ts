import { realpath } from "node:fs/promises";
import process from "node:process";
import { CitadelError, environment } from "@citadel/core";
import { runChild } from "@citadel/core/child";
import type { Entry } from "./cache.ts";
import { entryFor, type Taken } from "./entry.ts";
import { scrubbed } from "./environment.ts";
import { findProgram, headOf, launchOf, type Launch, type Runtime } from "./launch.ts";
import type { ExecuteOptions } from "./options.ts";
import { programOf } from "./program.ts";
import { resolve, type Resolution } from "./resolve.ts";
import { sandboxFlags } from "./sandbox.ts";
import { openSource, type SourceOptions } from "./source.ts";
import { readSpec, type Spec } from "./spec.ts";

/** What was run. */
export interface Executed {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly upstream: string | undefined;
  readonly program: string;
  readonly runtime: Runtime;
  /** of the program; 128 and the number of the signal that ended it */
  readonly exitCode: number;
  /** packages whose install scripts were left out */
  readonly skippedScripts: readonly string[];
}

/**
 * Runs a program of a package and waits for its end. Signals of this process go to it.
 * @param text `name`, `name@range`
 * @throws what {@link resolveVersion} throws, E_RUN_UNCONFIRMED, E_NAME_CONFUSION, E_SPEC_REFUSED, E_BIN_NOT_FOUND,
 *   E_PACKAGE_UNSOUND, E_RUNTIME_NOT_FOUND, E_PREPARE
 */
export async function execute(
  text: string,
  args: readonly string[],
  options: ExecuteOptions,
): Promise<Executed> {
  const { cwd = process.cwd(), stdio = "inherit", env, onStart } = options;
  const source = openSource(options);
  let taken: Taken | undefined;
  try {
    taken = await entryFor(text, source, options);
    const { entry } = taken;
    const program = await programOf(entry, options.bin);
    const launch = await startOf(entry, program.path, cwd, options);
    await source.close();
    const programs = `${entry.folder}/node_modules/.bin`;
    onStart?.();
    const exitCode = await runChild({
      file: launch.file,
      args: [...launch.args, ...args],
      env: scrubbed(environment(), { programs, ...(env && { more: env }) }),
      cwd,
      stdio: typeof stdio === "string" ? stdio : [...stdio],
    });
    const { name, version, integrity, upstream, skipped: skippedScripts } = entry;
    return {
      ...{ name, version, integrity, upstream, program: program.name, runtime: launch.runtime },
      ...{ exitCode, skippedScripts },
    };
  } finally {
    await source.close();
    await taken?.release();
  }
}

/** The version that would run. @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_POLICY, E_NOT_CACHED, E_REMOTE_* */
export async function resolveVersion(
  name: string,
  range: string | undefined,
  options: SourceOptions,
): Promise<Resolution & { readonly cached: boolean }> {
  const spec = readSpec(range === undefined || range === "" ? name : `${name}@${range}`);
  const source = openSource(options);
  try {
    const found = await resolve(spec as Spec & { name: string }, source);
    const entries = await source.cache.list();
    const cached = entries.some(({ integrity }) => integrity === found.integrity);
    return { ...found, cached };
  } finally {
    await source.close();
  }
}

async function startOf(
  entry: Entry,
  program: string,
  cwd: string,
  { bun = false, sandbox = false, write = [] }: ExecuteOptions,
): Promise<Launch> {
  const env = environment();
  const windows = process.platform === "win32";
  const extensions = windows ? [".exe", ".com"] : [""];
  const find = (name: string) =>
    findProgram(name, { path: env["PATH"] ?? env["Path"], extensions });
  const node = process.versions["bun"] === undefined ? process.execPath : undefined;
  const head = await headOf(program);
  if (!sandbox) return launchOf({ program, head, find, node, bun, windows });
  if (node === undefined)
    throw new CitadelError("E_RUNTIME_NOT_FOUND", "the sandbox is Node's, and this is run by bun", {
      hint: ["run citadel with node"],
    });
  const launch = launchOf({
    ...{ program, head, node, windows },
    find: (name) => (name === "bun" ? undefined : find(name)),
  });
  if (launch.runtime !== "node")
    throw new CitadelError(
      "E_USAGE",
      `only a program for Node runs in the sandbox, and this is none`,
    );
  const flags = await sandboxFlags(await realpath(entry.folder), cwd, { write });
  return { ...launch, args: [...flags, ...launch.args] };
}
