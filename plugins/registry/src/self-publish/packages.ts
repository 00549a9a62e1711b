import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Citadel, Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import { openGuard } from "@citadel/core/guard";
import { publishPackages, readPackageJson } from "@citadel/core/pack";
import { isObject, type PublishInput } from "@citadel/core/registry";
import { withRemote, type There } from "../find.ts";

/** patterns of the names of Citadel's own packages */
export const own = ["citadel", "@citadel/*"] as const;

export interface OwnItem {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  /** `published`: it was there already, byte for byte; `other`: the version is there with other content */
  readonly state: "new" | "published" | "other";
}

/** @throws E_USAGE for an installation without sources */
export function demandSources(root: string): void {
  if (!existsSync(join(root, "src/package.json")) || !existsSync(join(root, "tsconfig.json")))
    throw new CitadelError("E_USAGE", `${root} is no clone of Citadel's sources`, {
      hint: ["run it in a clone, after npm ci", "what is installed is checked by --verify-only"],
    });
}

/** @throws E_USAGE when what is to be published has not been built */
export function demandBuilt(root: string): void {
  const { workspaces } = readPackageJson(root);
  if (Array.isArray(workspaces) && existsSync(join(root, "src/dist/index.js"))) return;
  throw new CitadelError("E_USAGE", `${root} has not been built`, {
    hint: ["build it: citadel registry:self-publish --build-only"],
  });
}

export interface OwnOptions {
  readonly root: string;
  /** another registry @default the store of this machine */
  readonly there: There | undefined;
  /** only says what would be done */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

/**
 * Publishes all packages of the clone at once, those left out that are there as they are.
 * @throws E_VERSION_EXISTS when one is there with other content, and what a publish throws; then nothing was published
 */
export async function publishOwn(
  citadel: Citadel,
  { root, there, dryRun, signal, warn }: OwnOptions,
  scratch: Scratch,
): Promise<readonly OwnItem[]> {
  const items: OwnItem[] = [];
  const options = { path: root, workspace: "with-root", skipPublished: false } as const;
  // the manual shows what secrets look like
  const guard = openGuard(citadel, { lenient: true, warn });
  const send = async (inputs: readonly PublishInput[]): Promise<void> => {
    for (const { name, version, tarball } of inputs) {
      const { integrity, size } = tarball;
      const found = await integrityOf(citadel, there, name, version);
      const state = found === undefined ? "new" : found === integrity ? "published" : "other";
      items.push({ name, version, integrity, size, state });
    }
    if (dryRun) return;
    const others = items.filter(({ state }) => state === "other");
    if (others.length > 0)
      throw new CitadelError(
        "E_VERSION_EXISTS",
        `other content was published as ${others.map(({ name, version }) => `${name}@${version}`).join(", ")}`,
        { hint: ["raise the version of all packages", "or publish into an empty store"] },
      );
    const fresh = inputs.filter((_, n) => items[n]?.state === "new");
    if (fresh.length === 0) return;
    if (there) return (await import("../send-batch.ts")).sendBatch(there, fresh, signal);
    await citadel.registry.publishBatch(fresh, commandLine);
  };
  await publishPackages(citadel, commandLine, { ...options, guard, send, signal }, scratch);
  return items;
}

async function integrityOf(
  { registry }: Citadel,
  there: There | undefined,
  name: string,
  version: string,
): Promise<string | undefined> {
  if (!there) return (await registry.packages.read(name))?.state.versions.get(version)?.integrity;
  const packument = await withRemote(there, (remote) => remote.json(name.replace("/", "%2f")));
  const versions = isObject(packument) ? packument["versions"] : undefined;
  const found = isObject(versions) ? versions[version] : undefined;
  const dist = isObject(found) ? found["dist"] : undefined;
  const integrity = isObject(dist) ? dist["integrity"] : undefined;
  return typeof integrity === "string" ? integrity : undefined;
}
