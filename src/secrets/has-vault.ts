import type { Citadel } from "../citadel.ts";
import { vaultKind, vaultName } from "../vault/kind.ts";

/** Is there a vault in the store, damaged or not? */
export const hasVault = async ({ store }: Pick<Citadel, "store">): Promise<boolean> =>
  (await store.ledger(vaultKind()).read(vaultName)) !== undefined;
