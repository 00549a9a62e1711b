import { readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { createTurns, nearest, withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { outlineOf, readHistory, unpackVersion } from "@citadel/core/documents";
import { CitadelError } from "@citadel/core/errors";
import { checkName } from "@citadel/core/registry";
import { maxSatisfying } from "semver";
import type { Documented } from "./types.ts";
import { writeDocset } from "./write.ts";

/** packages looked into at once: each has a compiler of its own */
const AT_ONCE = 2;
const readme = /^readme(?:\.(?:md|markdown|txt))?$/i;
/** what is unpacked: code, declarations, JSON and the README */
const wanted = /\.(?:[cm]?js|[cm]?ts|json)$|^readme(?:\.(?:md|markdown|txt))?$/i;

export interface DocsetOptions {
  /** `name`, `name@1.x`, `name@next` */
  readonly packages: readonly string[];
  /** what it is called in Dash and Zeal */
  readonly title: string;
  /** ends in `.docset` */
  readonly path: string;
  /** takes the place of one that is there @default false */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** hears how many packages are done */
  readonly seen?: (count: number) => void;
}

export interface Docset {
  /** absolute */
  readonly path: string;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
  /** what is found in it */
  readonly entries: number;
}

/**
 * A docset of packages of this registry, or of those behind it, for Dash and Zeal. The folder appears whole or not at all.
 * @throws E_USAGE, E_INVALID_NAME, E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_REMOTE_*
 */
export async function createDocset(
  citadel: Citadel,
  caller: Caller,
  { packages, title, path, force = false, signal, seen = () => {} }: DocsetOptions,
  scratch: Scratch = new Set(),
): Promise<Docset> {
  const target = resolve(path);
  const before = await stat(target).catch(() => undefined);
  if (before && !force)
    throw new CitadelError("E_USAGE", `${path} is there already`, {
      hint: ["replace it: --force"],
    });
  const turn = createTurns(AT_ONCE);
  let count = 0;
  const documented = await Promise.all(
    packages.map((what) =>
      turn(async () => {
        signal?.throwIfAborted();
        const one = await withFolder(join(citadel.dirs.cache, "tmp"), scratch, (folder) =>
          read(citadel, caller, what, folder),
        );
        seen(++count);
        return one;
      }),
    ),
  );
  documented.sort((a, b) => (a.name < b.name ? -1 : 1));
  // a rename wants the same disk
  return withFolder(dirname(target), scratch, async (folder) => {
    const made = join(folder, basename(target));
    const entries = await writeDocset(made, title, documented);
    if (before) await rename(target, join(folder, "before"));
    await rename(made, target);
    await rm(join(folder, "before"), { recursive: true, force: true });
    return { path: target, packages: documented.map(({ name, version }) => ({ name, version })), entries }; // prettier-ignore
  });
}

async function read(
  citadel: Citadel,
  caller: Caller,
  what: string,
  folder: string,
): Promise<Documented> {
  const at = what.indexOf("@", 1);
  const name = checkName(at < 0 ? what : what.slice(0, at));
  const history = await readHistory(citadel, name, caller);
  const version = versionOf(history, at < 0 ? "latest" : what.slice(at + 1));
  const { origin } = history;
  const tree = await unpackVersion(citadel, caller, { name, version, origin }, folder, wanted);
  const file = tree.files.find((one) => readme.test(one));
  const { description } = tree.manifest;
  return {
    ...{ name, version },
    description: typeof description === "string" ? description : "",
    readme: file === undefined ? "" : await readFile(join(tree.root, file), "utf8"),
    outline: await outlineOf(tree),
  };
}

/** @throws E_VERSION_NOT_FOUND */
function versionOf(
  { name, tags, versions }: Awaited<ReturnType<typeof readHistory>>,
  spec: string,
): string {
  const live = versions.filter(({ removed }) => !removed).map(({ version }) => version);
  const tagged = tags.get(spec) ?? spec;
  if (live.includes(tagged)) return tagged;
  const found = maxSatisfying(live, spec);
  if (found !== null) return found;
  const like = nearest(spec, [...tags.keys(), ...live]);
  throw new CitadelError(
    "E_VERSION_NOT_FOUND",
    `${name} has no version ${JSON.stringify(spec.slice(0, 80))}`,
    {
      // prettier-ignore
      ...(like.length > 0 && { hint: [`did you mean ${like.join(", ")}?`] }),
    },
  );
}
