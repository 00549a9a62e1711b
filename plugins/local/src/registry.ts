import type { Citadel } from "@citadel/core";
import { local, type Caller } from "@citadel/core/access";
import { packages, type PackageRow } from "@citadel/core/catalog";
import { CitadelError } from "@citadel/core/errors";
import type { InstalledOptions } from "@citadel/core/installed";
import type { JsonObject } from "@citadel/core/registry";
import type { Changed, Read, SecretInfo, ValueType, Vault } from "@citadel/core/vault";
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

export interface LocalRegistryOptions extends InstalledOptions {
  /** of the vault's key file; asked for when a secret is used */
  readonly passphrase?: () => Promise<string>;
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
  /**
   * Keeps a secret in the vault of this registry, as a new version.
   * @param type what the value is; all but `custom` are checked
   * @throws E_INVALID_SECRET, E_VAULT_NOT_FOUND, E_VAULT_LOCKED
   */
  storeSecret(
    name: string,
    value: string | Uint8Array,
    type: ValueType,
    scope?: string,
  ): Promise<Changed>;
  /** @throws E_SECRET_NOT_FOUND, E_SECRET_GONE, E_USAGE for a name in several scopes */
  getSecret(name: string, scope?: string): Promise<Read>;
  /** Without values. */
  listSecrets(scope?: string): Promise<readonly SecretInfo[]>;
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
  const { openInstalled } = await import("@citadel/core/installed");
  const { citadel, schemes } = await openInstalled(options);
  return localRegistry(citadel, schemes, options.passphrase);
}

/** The same over a registry that is open already; `close()` closes it. */
export function localRegistry(
  citadel: Citadel,
  schemes: ReadonlyMap<string, string> = new Map(),
  passphrase: () => Promise<string> = nobody,
): LocalRegistry {
  let opened: Promise<Vault> | undefined;
  const vault = () =>
    (opened ??= import("@citadel/core/open-secrets").then(({ openSecrets }) =>
      openSecrets({ citadel, passphrase }),
    ));
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

    storeSecret: async (name, value, type, scope) =>
      (await vault()).set({ name, scope }, Buffer.from(value), { type }),
    getSecret: async (name, scope) => (await vault()).get({ name, scope }),
    listSecrets: async (scope) => (await vault()).list(scope),
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

async function nobody(): Promise<never> {
  throw new CitadelError("E_USAGE", "the vault needs its passphrase", {
    hint: ["pass passphrase: a function that resolves with it"],
  });
}
