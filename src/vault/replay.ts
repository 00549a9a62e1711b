import type { CryptoKey } from "jose";
import { importJWK } from "jose";
import { operationsOf, readEvent, verifyEvent } from "./event.ts";
import { hash } from "./hash.ts";
import { keyId } from "./identity/key-id.ts";
import { isCurrent } from "./members.ts";
import { rules } from "./ops/index.ts";
import type { Draft, Rule } from "./ops/rule.ts";
import { damaged } from "./problems.ts";
import type { Event, Member, MemberState, Operation, VaultState } from "./types.ts";

/** Takes the next event, and returns it with the state that it leads to, which the event after that changes. */
export type Replay = (
  jws: string,
) => Promise<{ readonly event: Event; readonly state: VaultState }>;

/**
 * Takes signed events one by one. Every rule of who may do what to which version is checked here again: what a history
 * contains is valid only when it could have come about. Each call throws E_VAULT_DAMAGED for an event that could not.
 * @param before undefined for a history from its beginning; stays as it is
 */
export function replaying(before?: VaultState): Replay {
  let draft: Draft | undefined = before && {
    ...before,
    members: new Map(before.members),
    scopes: new Map(before.scopes),
    secrets: new Map(before.secrets),
    purged: new Set(before.purged),
    forks: new Map(before.forks),
  };
  const keys = new Map<string, Promise<CryptoKey | Uint8Array>>();

  return async (jws) => {
    const event = readEvent(jws);
    const refuse = (why: string): never => {
      throw damaged(`event ${event.seq} of the vault's history ${why}`);
    };
    if (event.seq !== (draft?.seq ?? 0) + 1) refuse("is out of order");
    if (event.prev !== (draft?.head ?? null)) refuse("does not follow the one before");
    if (event.at < (draft?.at ?? 0)) refuse("is older than the one before");
    const signer = draft ? draft.members.get(event.by) : founder(event, refuse);
    if (!signer || !isCurrent(signer, event.at)) return refuse("is not by a member");
    let key = keys.get(signer.kid);
    if (!key) keys.set(signer.kid, (key = importJWK(signer.sign, "EdDSA")));
    await verifyEvent(jws, signer.kid, await key);
    const head = hash(jws);
    if (!draft) draft = begun(event, signer, head, refuse);
    else
      for (const operation of operationsOf(event)) {
        const rule = ruleOf(operation);
        // no id of a scope is empty
        if (!signer.administrator && !signer.scopes.includes(rule.scope?.(draft, operation) ?? ""))
          refuse("is not by somebody who may do that");
        rule.apply(draft, operation, refuse);
      }
    const now = Object.assign(draft, { seq: event.seq, head, at: event.at });
    return { event, state: now };
  };
}

/** The state that one event leads to. @throws E_VAULT_DAMAGED */
export const replay = async (before: VaultState | undefined, jws: string): Promise<VaultState> =>
  (await replaying(before)(jws)).state;

// the table gives each operation the rule of its own; TypeScript cannot follow that through an index
const ruleOf = ({ op }: Operation): Rule<Operation> => rules[op] as unknown as Rule<Operation>;

function founder(event: Event, refuse: (why: string) => never): MemberState {
  if (event.op !== "genesis") return refuse("does not begin it");
  const { sign, age, at } = event;
  const who: Member = { kid: keyId(sign), sign, age };
  return { ...who, kind: "person", administrator: true, scopes: [], since: at };
}

function begun(
  event: Event,
  signer: MemberState,
  head: string,
  refuse: (why: string) => never,
): Draft {
  if (event.op !== "genesis") return refuse("does not begin it");
  const { s, slot, seq, at } = event;
  return {
    ...{ id: head, seq, head, at },
    members: new Map([[signer.kid, signer]]),
    meta: { id: s, generation: 1, slot, holders: [signer.kid], seals: 0 },
    scopes: new Map(),
    secrets: new Map(),
    purged: new Set(),
    forks: new Map(),
  };
}
