import { join } from "node:path";
import type { Citadel } from "../citadel.ts";
import { openVault, type Vault, type VaultOptions } from "../vault/index.ts";
import { storeIdOf } from "./store-id.ts";

export interface OpenSecretsOptions {
  readonly citadel: Pick<Citadel, "store" | "backends" | "dirs" | "crash">;
  /** asked when the key file is opened, or made */
  readonly passphrase: (use: "new" | "known") => Promise<string>;
  /** where the identity may come from besides the keychain and the key file */
  readonly from?: VaultOptions["from"];
  /** hears when something was changed */
  readonly changed?: () => void;
}

/** The vault in the store of this Citadel, with the key file, pin and access log of this machine. */
export function openSecrets({
  citadel,
  passphrase,
  from = {},
  changed,
}: OpenSecretsOptions): Vault {
  const { store, backends, dirs, crash } = citadel;
  const url = backends[0]?.url ?? "";
  return openVault({
    ...{ store, passphrase, from, who: { name: "local", via: "cli" } },
    // not beside the data: what brings an older state of that back must not bring the pin back with it
    folder: join(dirs.config, "vault"),
    storeId: storeIdOf(url),
    crash: (point) => crash(point),
    ...(changed && { changed }),
  });
}

/**
 * Brings this machine's own index of secrets to what the vault says. It is for SQL and counts: a failure costs nothing else.
 */
export async function noteSecrets(
  { catalog, settings }: Pick<Citadel, "catalog" | "settings">,
  vault: Vault,
): Promise<void> {
  const rows = settings.secrets.plainNames ? await vault.rows() : [];
  await (await catalog()).noteSecrets(rows);
}
