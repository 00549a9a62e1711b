import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Caller } from "../access/types.ts";
import type { Citadel } from "../citadel.ts";
import { CitadelError } from "../errors.ts";
import type { Guard } from "../guard/guard.ts";
import { checkName, checkTag, checkVersion } from "../registry/names.ts";
import { spool } from "../registry/spool.ts";
import type { JsonObject, PublishInput } from "../registry/types.ts";
import { withFolder, type Scratch } from "../scratch.ts";
import { listFiles, readPackageJson } from "./folder.ts";
import { pack } from "./tarball.ts";
import { findWorkspace, publishable, type Workspace, type WorkspacePackage } from "./workspace.ts";

export interface PublishOptions {
  /** a package, or the root of a workspace */
  readonly path: string;
  /** all packages of the workspace that are not private; `with-root`: the root is one of them */
  readonly workspace: boolean | "with-root";
  /** @default what each package's publishConfig says, else latest */
  readonly tag?: string;
  /** leaves out versions that are there already */
  readonly skipPublished: boolean;
  readonly dryRun?: boolean;
  /** looks into each package first @default nobody does */
  readonly guard?: Guard;
  /** takes them to another registry @default they are published into this one */
  readonly send?: (inputs: readonly PublishInput[], signal?: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** A version that was published, or would be. */
export interface PublishedItem {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  readonly tags: readonly string[];
}

export interface PublishedPackages {
  readonly items: readonly PublishedItem[];
  /** left out: private, or published already */
  readonly skipped: readonly { readonly name: string; readonly why: "private" | "published" }[];
  readonly dryRun: boolean;
}

/**
 * Packs a folder, or every package of a workspace, as npm does without running scripts, and publishes all or none.
 * @throws E_USAGE, E_VERSION_EXISTS, E_MANIFEST_MISMATCH, E_FORBIDDEN and what another registry refuses
 */
export async function publishPackages(
  citadel: Citadel,
  caller: Caller,
  options: PublishOptions,
  scratch: Scratch,
): Promise<PublishedPackages> {
  const root = resolve(options.path);
  const alone = () => ({ folder: root, packageJson: readPackageJson(root) });
  const { packages, catalogs }: Workspace = options.workspace
    ? await findWorkspace(root)
    : { packages: [alone()], catalogs: new Map() };
  const workspace = {
    packages: options.workspace === "with-root" ? [...packages, alone()] : packages,
    catalogs,
  };
  const { chosen, skipped } = await choose(citadel, workspace, options);
  return withFolder(join(citadel.dirs.cache, "tmp"), scratch, async (dir) => {
    const inputs: PublishInput[] = [];
    for (const one of chosen) {
      options.signal?.throwIfAborted();
      inputs.push(
        await prepare(citadel, join(dir, String(inputs.length)), one, workspace, options),
      );
    }
    for (const { name, version, tarball } of inputs)
      await options.guard?.(`${name}@${version}`, tarball.content);
    if (inputs.length > 0) await publish(citadel, caller, inputs, options);
    const items = inputs.map(({ name, version, tarball, tags = ["latest"] }) => ({
      ...{ name, version, integrity: tarball.integrity, size: tarball.size, tags },
    }));
    return { items, skipped, dryRun: options.dryRun ?? false };
  });
}

/** Which packages are to be published. A single private one is a mistake; in a workspace it is usual. */
async function choose(
  { registry }: Citadel,
  { packages }: Workspace,
  { workspace, skipPublished, send }: PublishOptions,
) {
  const skipped: PublishedPackages["skipped"][number][] = [];
  const chosen: WorkspacePackage[] = [];
  for (const one of packages) {
    const { folder, packageJson } = one;
    if (packageJson["private"] === true) {
      if (!workspace)
        throw new CitadelError("E_USAGE", `${join(folder, "package.json")} says "private": true`, {
          hint: ["publish its workspace: --workspace", 'or take "private" out of it'],
        });
      const { name: called } = packageJson;
      skipped.push({ name: typeof called === "string" ? called : folder, why: "private" });
      continue;
    }
    const name = checkName(packageJson["name"]);
    const version = checkVersion(packageJson["version"]);
    const there =
      skipPublished && !send && (await registry.packages.read(name))?.state.versions.has(version);
    if (there) skipped.push({ name, why: "published" });
    else chosen.push(one);
  }
  if (packages.length === 0) throw new CitadelError("E_USAGE", "the workspace has no packages");
  return { chosen, skipped };
}

async function prepare(
  { settings }: Citadel,
  dir: string,
  one: WorkspacePackage,
  workspace: Workspace,
  { tag }: PublishOptions,
): Promise<PublishInput> {
  const { folder, packageJson } = one;
  const manifest = publishable(one, workspace);
  const { files, executable } = await listFiles(folder, packageJson);
  const source =
    JSON.stringify(manifest) === JSON.stringify(packageJson)
      ? folder
      : await copied(folder, files, manifest, join(dir, "package"));
  const { publishConfig } = packageJson as { publishConfig?: JsonObject };
  const wanted = tag ?? publishConfig?.["tag"];
  const access = publishConfig?.["access"];
  return {
    name: checkName(packageJson["name"]),
    version: checkVersion(packageJson["version"]),
    manifest,
    tarball: await spool(pack(source, files, executable), { limit: settings.limits.tarball, dir }),
    ...(wanted === undefined ? {} : { tags: [checkTag(wanted)] }),
    ...(access === "public" || access === "restricted" ? { access } : {}),
  };
}

/** The files of a package with another package.json. */
async function copied(
  folder: string,
  files: readonly string[],
  manifest: JsonObject,
  to: string,
): Promise<string> {
  for (const file of files) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    if (file !== "package.json") await copyFile(join(folder, file), join(to, file));
  }
  await writeFile(join(to, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return to;
}

async function publish(
  { registry }: Citadel,
  caller: Caller,
  inputs: readonly PublishInput[],
  { dryRun, send, signal }: PublishOptions,
): Promise<void> {
  if (send) return dryRun ? undefined : send(inputs, signal);
  if (dryRun) for (const input of inputs) await registry.checkPublish(input, caller);
  else if ((await registry.publishBatch(inputs, caller)).repeated)
    // a repeat of a request whose answer got lost makes sense over HTTP; here it is a second publish
    throw new CitadelError(
      "E_VERSION_EXISTS",
      `already published: ${inputs.map(({ name, version }) => `${name}@${version}`).join(", ")}`,
    );
}
