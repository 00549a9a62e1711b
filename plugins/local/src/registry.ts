import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { environment, findDirs, findSchemes, loadSettings, type Citadel } from "@citadel/core";
import { local, type Caller } from "@citadel/core/access";
import { packages, type PackageRow } from "@citadel/core/catalog";
import { CitadelError } from "@citadel/core/errors";
import type { JsonObject } from "@citadel/core/registry";
import { cleanUp, type CleanedUp } from "./cleanup.ts";
import { clearCache, type ClearedCache } from "./clear-cache.ts";
import { npmName } from "./names.ts";
import {
  publish,
  type PackageContent,
  type PublishedPackage,
  type PublishOptions,
} from "./publish.ts";
import { contentOf, resolve, writeContent, type ResolvedPackage } from "./resolve.ts";
import { gatherStats, type RegistryStats } from "./stats.ts";
import type { Exported, ExportOptions } from "./transfer/export.ts";
import type { Imported, ImportOptions } from "./transfer/import.ts";

export interface LocalRegistryOptions {
  /** URL of the store @default what the settings say: files, `CITADEL_*` and other variables */
  readonly store?: string;
  /** folder of data, cache and configuration @default `CITADEL_HOME`, else the user's own */
  readonly home?: string;
  /** URL scheme without colon → absolute path of a driver's module @default those of the installed `citadel` and its plugins */
  readonly schemes?: ReadonlyMap<string, string>;
}

/** A version found by `resolvePackage`, and its content. */
export interface ResolvedContent extends ResolvedPackage {
  /** The single file, or the tarball, byte for byte as published. @throws E_INTEGRITY that names the damaged object */
  content(): Promise<Uint8Array>;
  /** The same in constant memory; ends well only when every byte was right. */
  stream(): AsyncIterable<Uint8Array>;
  /** Writes it to a file, or into a folder, whole or not at all. @returns the path of the file */
  writeTo(path: string): Promise<string>;
}

/**
 * The registry of this machine, without a server: the library behind the `local:` commands. All methods act as the
 * operating-system user and throw errors with a `code` of `docs/errors.md`. Scopes are written with or without `@`;
 * an empty one is for names without scope.
 */
export interface LocalRegistry extends AsyncDisposable {
  /**
   * Publishes content as the npm package `@scope/name`.
   * @param metadata fields for its package.json, such as description, keywords, license and dependencies
   * @throws E_VERSION_EXISTS, E_MANIFEST_MISMATCH, E_INVALID_*, E_TOO_LARGE; then nothing was published
   */
  publishPackage(
    name: string,
    version: string,
    scope: string,
    content: PackageContent,
    metadata?: JsonObject,
    options?: PublishOptions,
  ): Promise<PublishedPackage>;
  /**
   * @param version number, range or tag
   * @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND
   */
  resolvePackage(scope: string, name: string, version: string): Promise<ResolvedContent>;
  /**
   * Packages in their newest state, sorted by name.
   * @param scope only this one; all when left out
   * @param page `after` is the last name of the page before; without `limit` all are returned
   */
  listPackages(
    scope?: string,
    page?: { readonly after?: string; readonly limit?: number },
  ): Promise<PackageRow[]>;
  getRegistryStats(): Promise<RegistryStats>;
  /** Empties all caches: memory, Redis, SQLite, files. Nothing that they held is lost, only slower for once. */
  clearCache(): Promise<ClearedCache>;
  /** Removes what nothing refers to and is older than `store.grace`. */
  cleanup(options?: { readonly dryRun?: boolean }): Promise<CleanedUp>;
  /**
   * Writes every package with its content, history aside, to one file; a `.json` document, or a `.tar`, `.tar.gz` or `.tar.zst`.
   * @throws E_USAGE, E_INTEGRITY; what was at the path stays then
   */
  exportData(path: string, options?: ExportOptions): Promise<Exported>;
  /**
   * Adds the packages of an export, all or, when anything is wrong or in conflict, none. What is here never changes.
   * @throws E_VERSION_EXISTS, E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE; then nothing was added
   */
  importData(path: string, options?: ImportOptions): Promise<Imported>;
  /** The SQL of the tables and indexes of the catalog. */
  getDatabaseSchema(): Promise<readonly { type: string; name: string; sql: string }[]>;
  close(): Promise<void>;
}

export const LocalRegistry = { open: openLocalRegistry } as const;

/**
 * Opens the registry that the settings describe; with none at all, an embedded one in the user's data folder.
 * @throws E_CONFIG, E_STORE_UNAVAILABLE
 */
export async function openLocalRegistry(
  options: LocalRegistryOptions = {},
): Promise<LocalRegistry> {
  const env: Readonly<Record<string, string | undefined>> = {
    ...environment(),
    ...(options.home !== undefined && { CITADEL_HOME: options.home }),
  };
  const dirs = findDirs(env);
  const { settings } = loadSettings({
    env,
    cwd: process.cwd(),
    dirs,
    flags: { store: options.store },
  });
  const schemes = options.schemes ?? (await installedSchemes());
  const { openCitadel } = await import("@citadel/core/open");
  const citadel = await openCitadel({
    settings,
    schemes,
    dirs,
    serverKey: env["CITADEL_SERVER_KEY"],
  });
  return localRegistry(citadel, schemes);
}

/** The same over a registry that is open already; `close()` closes it. */
export function localRegistry(
  citadel: Citadel,
  schemes: ReadonlyMap<string, string> = new Map(),
): LocalRegistry {
  const caller: Caller = { principal: local, via: "api" };
  const close = () => citadel.close();
  return {
    publishPackage: (name, version, scope, content, metadata = {}, options = {}) =>
      publish(citadel, caller, {
        ...options,
        name: npmName(name, scope),
        version,
        content,
        metadata,
      }),

    async resolvePackage(scope, name, version) {
      const found = await resolve(citadel, caller, npmName(name, scope), version);
      return {
        ...found,
        content: async () => Buffer.concat(await Array.fromAsync(contentOf(citadel, found))),
        stream: () => contentOf(citadel, found),
        writeTo: (path) => writeContent(citadel, found, path),
      };
    },

    async listPackages(scope, { after, limit = Infinity } = {}) {
      const rows: PackageRow[] = [];
      for await (const row of packages(citadel, { scope, after, limit })) rows.push(row);
      return rows;
    },

    getRegistryStats: () =>
      gatherStats(Promise.resolve(citadel), citadel.settings, schemes, citadel.dirs),
    clearCache: () => clearCache(citadel),
    cleanup: ({ dryRun = false } = {}) => cleanUp(citadel, dryRun),
    exportData: async (path, options) =>
      (await import("./transfer/export.ts")).exportTo(citadel, path, options),
    importData: async (path, options) =>
      (await import("./transfer/import.ts")).importFrom(citadel, caller, path, options),
    getDatabaseSchema: async () => (await citadel.catalog()).schema(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The drivers of the `citadel` that this library is a part of, and of the plugins installed or linked there. */
async function installedSchemes(): Promise<Map<string, string>> {
  const { Config } = await import("@oclif/core/config");
  return findSchemes(await Config.load(citadelRoot(import.meta.dirname)));
}

function citadelRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const root of [folder, join(folder, "node_modules", "citadel")]) {
      const file = join(root, "package.json");
      if (
        existsSync(file) &&
        (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name === "citadel"
      )
        return root;
    }
    if (folder === dirname(folder))
      throw new CitadelError(
        "E_CONFIG",
        "the package citadel, which brings the drivers, is not installed",
        {
          hint: [
            "install it: npm install citadel",
            "or pass schemes: URL scheme → module of a driver",
          ],
        },
      );
  }
}
