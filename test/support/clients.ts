import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

import { root } from "./citadel.ts";
import { run } from "./run.ts";

/** How to start each package manager: the program and its first arguments. */
export interface ClientTools {
  readonly npm10: readonly string[];
  readonly npm11: readonly string[];
  readonly npm12: readonly string[];
  readonly pnpm: readonly string[];
  readonly yarn1: readonly string[];
  readonly yarn4: readonly string[];
  readonly bun: readonly string[];
  readonly deno: readonly string[];
}

/**
 * The package managers of test/clients/package-lock.json; bun, deno and pnpm are started from their platform packages. Fails with
 * the reason when they cannot be installed; no test is skipped for that.
 */
export async function clientTools(): Promise<ClientTools> {
  const modules = await installed("clients");
  const script = (path: string) => [process.execPath, join(modules, path)];
  return {
    npm10: script("npm10/bin/npm-cli.js"),
    npm11: script("npm11/bin/npm-cli.js"),
    npm12: script("npm12/bin/npm-cli.js"),
    pnpm: [await platformBinary(modules, "@pnpm", "pnpm")],
    yarn1: script("yarn/bin/yarn.js"),
    yarn4: script("@yarnpkg/cli-dist/bin/yarn.js"),
    bun: [await platformBinary(modules, "@oven", "bin/bun")],
    deno: [await platformBinary(modules, "@deno", "deno")],
  };
}

/**
 * The node_modules of test/<name>/package-lock.json, installed once per lock into .cache from the configured registry, without
 * running install scripts.
 */
export async function installed(name: string): Promise<string> {
  const pins = join(root, "test", name);
  const lock = await readFile(join(pins, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex").slice(0, 12);
  const folder = join(root, `.cache/${name}-${process.platform}-${process.arch}-${hash}`);
  if (!existsSync(folder)) await alone(`${folder}.lock`, () => install(pins, folder));
  return join(folder, "node_modules");
}

async function install(pins: string, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  for (const file of ["package.json", "package-lock.json", ".npmrc"])
    if (existsSync(join(pins, file))) await copyFile(join(pins, file), join(draft, file));
  const ran = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: draft,
    timeout: 300_000,
  });
  if (ran.code !== 0) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(
      `What ${pins}/package.json names could not be installed, so the tests that need it cannot run.\n` +
        `Check the registry of \`npm config get registry\` and run the tests again.\n${ran.output}`,
    );
  }
  await rename(draft, folder);
}

/** npm installs only the package of this platform. */
async function platformBinary(modules: string, scope: string, file: string): Promise<string> {
  const names = await readdir(join(modules, scope)).catch(() => []);
  const found = names
    .map((name) => join(modules, scope, name, file))
    .find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`no ${scope} binary for ${process.platform} ${process.arch} in ${modules}`);
  return found;
}

/** Runs `work` while holding a lock folder; a holder that has not touched it for 30 s is taken for dead. */
async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  await mkdir(dirname(lock), { recursive: true });
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const held = await stat(lock).catch(() => undefined);
      if (held && Date.now() - held.mtimeMs > 30_000)
        await rm(lock, { recursive: true, force: true });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const beat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => {}), 5_000);
  try {
    await work();
  } finally {
    clearInterval(beat);
    await rm(lock, { recursive: true, force: true });
  }
}
