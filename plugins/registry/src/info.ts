import type { Citadel, Settings } from "@citadel/core";
import { allUsers } from "@citadel/core/access";

/** What a registry is, as `citadel registry:info --json` prints it. */
export interface RegistryInfo {
  readonly store: {
    /** addresses without credentials; equal when one store holds both */
    readonly documents: string;
    readonly blobs: string;
    readonly compression: Settings["store"]["compression"];
    /** how old a package document may be that is shown to a reader: 0 ms is `strict` */
    readonly freshness: { readonly setting: string; readonly boundMs: number };
  };
  readonly server: {
    readonly host: readonly string[];
    readonly port: number;
    /** null: taken from each request */
    readonly publicUrl: string | null;
    readonly hosts: readonly string[];
    readonly trustProxy: readonly string[];
    readonly signup: Settings["server"]["signup"];
    readonly workers: number;
  };
  /** false when the store could not be read: then packages, versions and bytes are those of the last time */
  readonly current: boolean;
  readonly packages: number;
  readonly versions: number;
  /** of all tarballs */
  readonly bytes: number;
  readonly users: number;
}

/** @throws E_STORE_UNAVAILABLE */
export async function describeRegistry(citadel: Citadel): Promise<RegistryInfo> {
  const { settings, backends, staleness } = citadel;
  const { host, port, publicUrl, hosts, trustProxy, signup, workers } = settings.server;
  const catalog = await citadel.catalog();
  const current = await catalog.sync().then(
    () => true,
    () => false,
  );
  const { packages, versions, bytes } = catalog.stats();
  const addressOf = (role: "documents" | "blobs"): string | undefined =>
    backends.find((backend) => backend.role === role)?.url;
  const documents = addressOf("documents") ?? "";
  return {
    store: {
      documents,
      blobs: addressOf("blobs") ?? documents,
      compression: settings.store.compression,
      freshness: { setting: String(settings.store.freshness), boundMs: staleness },
    },
    server: { host, port, publicUrl: publicUrl ?? null, hosts, trustProxy, signup, workers },
    current,
    packages,
    versions,
    bytes,
    users: await countUsers(citadel),
  };
}

export async function countUsers(citadel: Citadel): Promise<number> {
  let count = 0;
  for await (const _ of allUsers(citadel.accounts)) count++;
  return count;
}
