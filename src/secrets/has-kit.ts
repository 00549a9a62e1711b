import type { Citadel } from "../citadel.ts";
import { vaultKind, vaultName } from "../vault/kind.ts";
import { isCurrent } from "../vault/members.ts";
import { replaying } from "../vault/replay.ts";

/**
 * Whether a member of the vault is a recovery kit, as its signed history says. Opens nothing, so that it does not notice when
 * the store has an older history than this machine has seen.
 * @throws E_VAULT_DAMAGED
 */
export async function hasKit({ store }: Pick<Citadel, "store">): Promise<boolean> {
  const entries = [];
  for await (const { changes } of store.ledger(vaultKind()).history(vaultName))
    entries.push(changes.flatMap(({ events }) => events.map(({ jws }) => jws)));
  const take = replaying();
  let kit = false;
  for (const jws of entries.reverse().flat()) {
    const { state } = await take(jws);
    kit = [...state.members.values()].some(
      (member) => member.kind === "recovery" && isCurrent(member, Date.now()),
    );
  }
  return kit;
}
