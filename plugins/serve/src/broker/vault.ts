import { errorCode, type Citadel } from "@citadel/core";
import type { Vault } from "@citadel/core/vault";

/** Does something with the vault of the store; the identity of this server opens it, at the first use. */
export type ServerVault = <T>(work: (vault: Vault) => Promise<T>) => Promise<T>;

/** The vault of this process. One that does not open is looked for anew the next time: somebody may have put that right. */
export function createServerVault(citadel: Citadel): ServerVault {
  let opened: Promise<Vault> | undefined;
  const open = async (): Promise<Vault> =>
    (await import("@citadel/core/unasked")).openUnasked(citadel);
  return async (work) => {
    const vault = await (opened ??= open());
    try {
      return await work(vault);
    } catch (error) {
      if (errorCode(error) === "E_VAULT_LOCKED") opened = undefined;
      throw error;
    }
  };
}
