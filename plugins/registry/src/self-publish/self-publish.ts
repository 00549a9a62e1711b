import { mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { withFolder, type Citadel, type Scratch, type Settings } from "@citadel/core";
import type { Environment } from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";
import { readPackageJson } from "@citadel/core/pack";
import { checkVersion } from "@citadel/core/registry";
import type { There } from "../find.ts";
import { demandBuilt, demandSources, publishOwn, type OwnItem } from "./packages.ts";
import { runProgram, withThisNode } from "./program.ts";
import { answers, start, type Running } from "./start.ts";
import { verify, type Verified } from "./verify.ts";

export interface SelfPublishOptions {
  /** of the installation that runs */
  readonly root: string;
  readonly env: Environment;
  /** what to do: everything, or one part */
  readonly only?: "check" | "build" | "verify";
  /** publishes what is built */
  readonly build: boolean;
  /** starts a registry when none answers */
  readonly start: boolean;
  /** another registry than that of this machine */
  readonly there: There | undefined;
  /** empty folder to install into, which stays @default a temporary one */
  readonly into: string | undefined;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
  /** hears what comes next */
  readonly phase: (what: string) => void;
}

export interface SelfPublished {
  readonly version: string;
  /** null where none was asked */
  readonly registry: string | null;
  /** the packages, and what became of them; with `check`, what would */
  readonly items: readonly OwnItem[];
  readonly verified: Verified | null;
}

/**
 * Builds Citadel's own packages, publishes them all at once, installs `citadel` from the registry and runs it.
 * @throws E_USAGE without sources, E_REMOTE_UNAVAILABLE when no registry runs, E_VERSION_EXISTS, E_PREPARE, E_PACKAGE_UNSOUND
 */
export async function selfPublish(
  citadel: () => Promise<Citadel>,
  options: SelfPublishOptions,
  scratch: Scratch,
): Promise<SelfPublished> {
  const { root, env, only, there, into, signal, phase } = options;
  const version = checkVersion(readPackageJson(root)["version"]);
  const nothing = { version, registry: null, items: [], verified: null };
  if (only !== "verify") demandSources(root);
  const opened = only === "build" ? undefined : await citadel();
  const url = opened && addressOf(opened, there);
  // who waits for a build wants to be told first
  if (url !== undefined && only !== "check" && !(options.start && !there))
    await demandAnswer(url, there);
  if (only === "build" || (only === undefined && options.build)) {
    phase("building");
    const args = ["run", "-s", "build"];
    await runProgram({ file: "npm", args, cwd: root, env: withThisNode(env), signal });
  }
  if (!opened || url === undefined) return nothing;
  if (only !== "verify") demandBuilt(root);
  const publishing = { root, there, dryRun: only === "check", signal, warn: options.warn };
  if (only === "check") {
    phase("packing");
    return { ...nothing, items: await publishOwn(opened, publishing, scratch) };
  }
  const running = await reach(url, opened.settings, options);
  try {
    if (only !== "verify") phase("publishing");
    const items = only === "verify" ? [] : await publishOwn(opened, publishing, scratch);
    phase("installing");
    const expected = new Map(items.map((item) => [`${item.name}@${item.version}`, item.integrity]));
    const check = (folder: string): Promise<Verified> =>
      verify({
        ...{ folder, url: running.url, version, expected, env, signal },
        token: there?.token,
      });
    const verified = into
      ? await check(await empty(into))
      : await withFolder(join(opened.dirs.cache, "tmp"), scratch, check);
    return { version, registry: running.url, items, verified };
  } finally {
    await running.stop();
  }
}

/** @throws E_USAGE for a folder that holds something */
async function empty(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0)
    throw new CitadelError("E_USAGE", `${folder} is not empty`, { hint: ["name another folder"] });
  return resolve(folder);
}

/** Where the registry to install from answers, or will. */
function addressOf({ settings }: Citadel, there: There | undefined): string {
  const { port, publicUrl } = settings.server;
  const url = there?.url ?? publicUrl ?? `http://localhost:${port}/`;
  return url.endsWith("/") ? url : `${url}/`;
}

/** @throws E_REMOTE_UNAVAILABLE */
async function demandAnswer(url: string, there: There | undefined): Promise<void> {
  if (await answers(url)) return;
  throw new CitadelError("E_REMOTE_UNAVAILABLE", `no registry answers at ${url}`, {
    hint: there ? ["start it"] : ["start one for this: --start", "or run: citadel serve"],
  });
}

async function reach(
  url: string,
  settings: Settings,
  { root, env, phase }: SelfPublishOptions,
): Promise<Running> {
  if (await answers(url)) return { url, stop: async () => {} };
  phase("starting a registry");
  return start(root, settings, env);
}
