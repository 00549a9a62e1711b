import { CitadelError } from "@citadel/core";
import { nearest } from "@citadel/core/nearest";
import { matches } from "@citadel/core/patterns";
import { checkName } from "@citadel/core/registry";
import type { Entry, Identity } from "./cache.ts";
import { npmOptions } from "./npm-options.ts";
import type { ExecuteOptions } from "./options.ts";
import { prepare } from "./prepare.ts";
import { resolve } from "./resolve.ts";
import { isWhole } from "./seal.ts";
import type { Source } from "./source.ts";
import { checkPinned, readSpec, type Allowed, type Spec } from "./spec.ts";

/** What to install, and what it is. */
interface Plan {
  readonly identity: Identity;
  readonly spec: string;
  /** the registry behind ours, the repository or the address; undefined: published here */
  readonly upstream: string | undefined;
  /** in no registry, so that rules about names of packages say nothing of it */
  readonly elsewhere?: boolean;
}

/** An entry that this process uses. */
export interface Taken {
  readonly entry: Entry;
  /** says that it is used no more */
  release(): Promise<void>;
}

/** Finds out what is meant, whether it may run, and has it ready. */
export async function entryFor(
  text: string,
  source: Source,
  options: ExecuteOptions,
): Promise<Taken> {
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
  const release = await cache.use(id);
  try {
    const found = await cache.find(id);
    if (found && (await isWhole(found))) return { entry: found, release };
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
    return { entry, release };
  } catch (error) {
    await release();
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
  const { version, _resolved: resolved, _integrity: integrity = resolved } = found;
  const name = checkName(found.name);
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
