import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Driver } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { newIdentity, openVault, type Vault } from "@citadel/core/vault";

export type Identity = Awaited<ReturnType<typeof newIdentity>>;

/** Somebody with an identity and a folder of their own. */
export interface Machine {
  readonly identity: Identity;
  readonly folder: string;
  /** the vault as the next command would open it; of another store with `driver` */
  open(driver?: Driver): Vault;
}

/** A machine whose identity is in memory, so that no passphrase costs time. @param parent for its folder */
export async function machine(
  driver: Driver,
  parent: string,
  identity?: Identity,
): Promise<Machine> {
  const known = identity ?? (await newIdentity());
  const folder = await mkdtemp(join(parent, "machine-"));
  return {
    ...{ identity: known, folder },
    open: (over = driver) =>
      openVault({
        store: openStore({ driver: over, grace: 60_000, memory: 1e6 }),
        ...{ folder, storeId: "test", who: { name: "local", via: "cli" }, from: { known } },
        passphrase: () => Promise.reject(new Error("nobody is asked")),
      }),
  };
}
