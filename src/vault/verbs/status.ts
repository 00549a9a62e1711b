import type { VaultStatus } from "../api-members.ts";
import { fingerprint } from "../identity/text.ts";
import { sealsOffered } from "../limits.ts";
import { administrators, isCurrent } from "../members.ts";
import type { Session } from "../session.ts";
import { leaked } from "./rekey.ts";

/** {@link MemberVerbs.status} */
export async function status({ use, lookForIdentity }: Session): Promise<VaultStatus> {
  const { state, me, contents } = await use();
  const found = await lookForIdentity();
  const now = Date.now();
  const current = [...state.members.values()].filter((member) => isCurrent(member, now));
  const due = new Set(leaked(state, now).map(({ id }) => id));
  return {
    vault: state.id,
    fingerprint: await fingerprint(state.id),
    identity: {
      ...{ source: found?.source ?? "key file", where: found?.where ?? "" },
      ...{ id: me.kid, ...(await contents.memberOf(state, me)) },
    },
    pin: { seq: state.seq, head: state.head },
    members: current.length,
    administrators: administrators(state).length,
    recovery: current.some(({ kind }) => kind === "recovery"),
    scopes: await Promise.all(
      [...state.scopes.values()].map(async (scope) => ({
        name: (await contents.scopeOf(state, scope)).name,
        generation: scope.generation,
        seals: scope.seals,
        ...(due.has(scope.id)
          ? { rekey: "somebody who was removed or has expired had the key" as const }
          : scope.seals >= sealsOffered && { rekey: "it has sealed too much" as const }),
      })),
    ),
  };
}
