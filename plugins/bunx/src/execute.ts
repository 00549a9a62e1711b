import { realpath } from "node:fs/promises";
import process from "node:process";
import { CitadelError, environment, findDirs, type Scratch } from "@citadel/core";
import { runChild } from "@citadel/core/child";
import { nearest } from "@citadel/core/nearest";
import { matches } from "@citadel/core/patterns";
import { openCache, type Entry, type Identity, type RunCache } from "./cache.ts";
import { scrubbed } from "./environment.ts";
import { findProgram, headOf, launchOf, type Launch, type Runtime } from "./launch.ts";
import { npmOptions } from "./npm-options.ts";
import { prepare } from "./prepare.ts";
import { programOf } from "./program.ts";
import { createClient, type Place, type RegistryClient } from "./registry.ts";
import { resolve, type Resolution } from "./resolve.ts";
import { sandboxFlags } from "./sandbox.ts";
import { isWhole } from "./seal.ts";
import { checkPinned, readSpec, type Allowed, type Spec } from "./spec.ts";

/** Where packages come from, and where they are kept. */
export interface SourceOptions {
  /** A registry, or how to open one; it is opened only when it has to be asked, and closed before the program starts. */
  readonly registry: string | Place | (() => Promise<Place & { close?(): Promise<void> }>);
  /** names the registry in what is remembered of it @default its address */
  readonly registryId?: string;
  /** folder of caches @default Citadel's */
  readonly folder?: string;
  /** asks nobody @default false */
  readonly offline?: boolean;
}

export interface ExecuteOptions extends SourceOptions {
  /** program of the package, where it has several */
  readonly bin?: string;
  /** runs it with bun, whatever its first line says */
  readonly bun?: boolean;
  /** runs it with Node's permission model */
  readonly sandbox?: boolean;
  /** folders that it may write in the sandbox */
  readonly write?: readonly string[];
  /** `<name>@<version>` of packages whose install scripts may run */
  readonly allowScripts?: readonly string[];
  readonly allowGit?: boolean;
  readonly allowRemote?: boolean;
  /** variables to let through besides the usual ones */
  readonly env?: readonly string[];
  /** patterns of packages of other registries that run without a question */
  readonly allow?: readonly string[];
  /** Asked before a package of another registry runs for the first time; throws to say no. @default says no */
  readonly approve?: (question: string) => Promise<void>;
  /** hears what a person should know, one line each */
  readonly say?: (line: string) => void;
  /** @default all three of this process */
  readonly stdio?: "inherit" | readonly ["inherit", 2, "inherit"];
  readonly cwd?: string;
  /** paths that a process which ends early should remove */
  readonly scratch?: Scratch;
  /** hears what takes its time, before it begins */
  readonly onPhase?: (label: string) => Promise<void>;
  /** called when the program is about to start: from then on signals are for it */
  readonly onStart?: () => void;
}

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
  let release = async (): Promise<void> => {};
  try {
    const { entry, unmark } = await entryFor(text, source, options);
    release = unmark;
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
    await release();
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

/** The registry and the cache of one run. */
interface Source {
  readonly cache: RunCache;
  readonly place: string;
  readonly offline: boolean;
  client(): Promise<RegistryClient>;
  close(): Promise<void>;
}

function openSource({ registry, registryId, folder, offline = false }: SourceOptions): Source {
  const open = async () =>
    typeof registry === "function"
      ? registry()
      : typeof registry === "string"
        ? { url: slashed(registry) }
        : { ...registry, url: slashed(registry.url) };
  let opened: Promise<readonly [RegistryClient, () => Promise<void>]> | undefined;
  const place =
    registryId ??
    (typeof registry === "string"
      ? slashed(registry)
      : typeof registry === "object"
        ? slashed(registry.url)
        : "");
  return {
    cache: openCache(folder ?? findDirs(environment()).cache),
    place,
    offline,
    async client() {
      opened ??= open().then((at) => [
        createClient(at),
        async () => ("close" in at ? at.close?.() : undefined),
      ]);
      return (await opened)[0];
    },
    async close() {
      const [client, end] = (await opened?.catch(() => undefined)) ?? [];
      opened = undefined;
      await client?.close();
      await end?.();
    },
  };
}

const slashed = (url: string): string => (url.endsWith("/") ? url : `${url}/`);

/** What to install, and what it is. */
interface Plan {
  readonly identity: Identity;
  readonly spec: string;
  /** the registry behind ours, the repository or the address; undefined: published here */
  readonly upstream: string | undefined;
  /** in no registry, so that rules about names of packages say nothing of it */
  readonly elsewhere?: boolean;
}

async function entryFor(
  text: string,
  source: Source,
  options: ExecuteOptions,
): Promise<{ readonly entry: Entry; readonly unmark: () => Promise<void> }> {
  const { cache, offline } = source;
  const { scratch = new Set(), say = () => {} } = options;
  const allowScripts = checkPinned(options.allowScripts ?? []);
  const allowed: Allowed = { git: options.allowGit ?? false, remote: options.allowRemote ?? false };
  const spec = readSpec(text, allowed);
  await options.onPhase?.(`looking for ${spec.text}`);
  const plan =
    spec.name === undefined
      ? await planElsewhere(spec, source, allowScripts)
      : await planOf(spec as Spec & { name: string }, source, options);
  const { identity, upstream } = plan;
  await admit(plan, source, options);
  const id = cache.idOf(identity);
  const unmark = await cache.use(id);
  try {
    const found = await cache.find(id);
    if (found && (await isWhole(found))) return { entry: found, unmark };
    if (found)
      say(`what is kept of ${identity.name}@${identity.version} was changed: it is made anew`);
    const client = offline
      ? undefined
      : await source.client().catch((error: unknown) => {
          if (!found) throw error;
          return undefined;
        });
    await options.onPhase?.(`installing ${identity.name}@${identity.version}`);
    const entry = await prepare({
      ...{ cache, identity, spec: plan.spec, upstream, allowed, scratch, damaged: found },
      place: client?.place ?? { url: "http://citadel.invalid/" },
      offline: client === undefined,
    });
    if (entry.skipped.length > 0)
      say(
        `install scripts left out: ${entry.skipped.join(", ")}; if it does not work without: --allow-scripts ${entry.skipped[0]}`,
      );
    return { entry, unmark };
  } catch (error) {
    await unmark();
    throw error;
  }
}

async function planOf(
  spec: Spec & { readonly name: string },
  source: Source,
  { allowScripts: scripts = [], say = () => {} }: ExecuteOptions,
): Promise<Plan> {
  const found = await resolve(spec, source);
  const { name, version, integrity, upstream, from, before, because, deprecated } = found;
  if (because) say(`${because.message}; what is here runs: ${name}@${version}`);
  else if (from === "cache") say(`not asked: what is here runs: ${name}@${version}`);
  if (deprecated !== undefined) say(`${name}@${version} is deprecated: ${deprecated}`);
  if (before !== undefined) say(`${name}: ${before} was the last one, now it is ${version}`);
  return { identity: { name, version, integrity, scripts }, spec: `${name}@${version}`, upstream };
}

/** A git repository or an address, pinned to the commit or content that it has now. */
async function planElsewhere(
  { from, text }: Spec,
  { client, cache, offline }: Source,
  scripts: readonly string[],
): Promise<Plan> {
  if (offline)
    throw new CitadelError("E_NOT_CACHED", `what ${from} has is not known without asking`);
  const { default: pacote } = await import("pacote");
  const options = npmOptions((await client()).place, {
    ...{ cache: cache.content, offline, remote: from === "remote" },
  });
  const found = await pacote
    .manifest(text, { ...options, ignoreScripts: true })
    .catch((error: unknown) => {
      throw new CitadelError("E_PREPARE", `${JSON.stringify(text.slice(0, 120))} cannot be read`, {
        cause: error,
        hint: ["look whether it is there, and may be read without a question"],
      });
    });
  const { name, version, _resolved: resolved, _integrity: integrity = resolved } = found;
  const identity = { name, version, integrity, scripts };
  const [place = ""] = resolved.replace(/\/\/[^/@]*@/, "//").split("#");
  return { identity, spec: `${name}@${resolved}`, upstream: place, elsewhere: true };
}

/** Lets a package of another registry through, or not. @throws E_RUN_UNCONFIRMED, E_NAME_CONFUSION, what `approve` throws */
async function admit(
  { identity: { name, version }, upstream, elsewhere = false }: Plan,
  { cache, client, offline }: Source,
  { allow = [], approve = unasked, say = () => {} }: ExecuteOptions,
): Promise<void> {
  if (upstream === undefined) return;
  if (!elsewhere && allow.some((pattern) => matches(pattern, name))) return;
  const entries = await cache.list();
  if (entries.some((entry) => entry.name === name && entry.upstream === upstream)) return;
  const { programs, alike } = offline
    ? { programs: [], alike: [] }
    : await (await client()).about(name);
  if (programs.length > 0)
    throw new CitadelError(
      "E_NAME_CONFUSION",
      `${name} is a package of ${upstream}, and also a program of ${programs.join(", ")}, which is published here`,
      {
        hint: [
          `the program that is published here: citadel bunx:run --bin ${name} ${programs[0]}`,
          `the package of ${upstream}, if it is meant: name it in bunx.allow`,
        ],
      },
    );
  const ran = entries.map((entry) => entry.name).filter((one) => one !== name);
  const near = [...new Set([...alike, ...nearest(name, ran)])];
  if (near.length > 0)
    say(`${name} is another package than ${near.join(", ")}, which is known here`);
  await approve(`${name}@${version} comes from ${upstream} and never ran here. Run it?`);
}

const unasked = (question: string): Promise<never> =>
  Promise.reject(
    new CitadelError(
      "E_RUN_UNCONFIRMED",
      question.replace(/ Run it\?$/, ", and nobody can be asked"),
    ),
  );

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
