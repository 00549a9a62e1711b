import { pathToFileURL } from "node:url";
import {
  createAccess,
  createAccounts,
  createMemberships,
  createOrgs,
  createScopes,
  local,
  type Access,
  type Caller,
  type Orgs,
} from "@citadel/core/access";
import { createKeys, type Keys } from "@citadel/core/keys";
import { createRegistry, tarballOf, type JsonObject, type Registry } from "@citadel/core/registry";
import { openStore, type Store } from "@citadel/core/store";
import memory from "@citadel/driver-memory";
import sqlite from "@citadel/driver-sqlite";

import { pack, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

export const limits = { tarball: 2 ** 20, unpacked: 8 * 2 ** 20, files: 1000 };

export const stage = { expiry: 3_600_000, perPackage: 3 };

export interface Place extends AsyncDisposable {
  readonly store: Store;
  readonly accounts: ReturnType<typeof createAccounts>;
  readonly keys: Keys;
  readonly access: Access;
  readonly orgs: Orgs;
  readonly registry: Registry;
}

export type DriverName = "memory" | "sqlite";
export const drivers: readonly DriverName[] = ["memory", "sqlite"];

/** A registry of its own over a real driver. */
export async function place(name: DriverName, { open = false } = {}): Promise<Place> {
  const folder = name === "sqlite" ? await tempFolder("registry") : undefined;
  const url = folder ? pathToFileURL(`${folder.path}/store.db`) : undefined;
  const driver = url ? sqlite(new URL(`sqlite:${url.pathname}`)) : memory(new URL("memory:"));
  await driver.open();
  const store = openStore({ driver, grace: 3_600_000, memory: 16 * 2 ** 20 });
  const serverKey = Buffer.alloc(32, 7).toString("base64");
  const keys = createKeys({ store, serverKey, folder: "/nowhere" });
  const accounts = createAccounts({ store, keys, memberships: createMemberships({ store }) });
  const scopes = createScopes({ store, accounts });
  const access = createAccess({ store, scopes, open });
  const policy = () => access.policy();
  const options = { store, accounts, scopes, keys, limits, stage, policy };
  const registry = createRegistry(options);
  return {
    store,
    accounts,
    keys,
    access,
    registry,
    orgs: createOrgs({ store, accounts, scopes, packages: registry.packages }),
    async [Symbol.asyncDispose]() {
      await store.close();
      await folder?.remove();
    },
  };
}

/** Somebody who is signed in. */
export function user(name: string): Caller {
  return { principal: { kind: "user", name, admin: false }, via: "npm" };
}

export const operator: Caller = { principal: local, via: "cli" };

/** What a client sends for `manifest`, with a tarball that agrees unless another is given. */
export function release(manifest: Manifest, tarball: Buffer = pack(manifest)) {
  const { name, version } = manifest;
  return {
    name,
    version,
    manifest: structuredClone(manifest) as unknown as JsonObject,
    tarball: tarballOf(tarball),
  };
}

/** The code of the error that a promise ends with; undefined when it succeeds. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}
