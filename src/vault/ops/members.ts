import { entitled, isCurrent } from "../members.ts";
import { keyId } from "../identity/key-id.ts";
import type { MemberState, OperationOf, Envelope } from "../types.ts";
import {
  isFlag,
  isHash,
  isKey,
  isNumber,
  isRecipient,
  isText,
  listOf,
  oneOf,
  optional,
  pairsOf,
} from "./checks.ts";
import { introduced, type Draft, type Refuse, type Rule } from "./rule.ts";

const given = {
  admin: isFlag,
  ss: listOf(isText),
  until: optional(isNumber),
  rec: isHash,
  slots: pairsOf(isText, isHash),
};

export const memberAdd: Rule<OperationOf<"member.add">> = {
  shape: { sign: isKey, age: isRecipient, kind: oneOf("person", "machine", "recovery"), ...given },
  apply(draft, event, refuse) {
    const { sign, age, kind } = event;
    const kid = keyId(sign);
    for (const member of draft.members.values())
      if (isCurrent(member) && (member.kid === kid || member.age === age))
        refuse("adds a member that is one already");
    put(draft, event, { kid, sign, age, kind, since: event.at }, refuse);
  },
};

export const memberRole: Rule<OperationOf<"member.role">> = {
  shape: { kid: isHash, ...given },
  apply(draft, event, refuse) {
    const known = draft.members.get(event.kid);
    if (!known || !isCurrent(known)) return refuse("is about no member");
    put(draft, event, known, refuse);
    keepAdministrator(draft, event.at, refuse);
  },
};

export const memberRemove: Rule<OperationOf<"member.remove">> = {
  shape: { kid: isHash },
  apply(draft, { kid, at }, refuse) {
    const known = draft.members.get(kid);
    if (!known || !isCurrent(known)) return refuse("is about no member");
    draft.members.set(kid, { ...known, removed: at });
    keepAdministrator(draft, at, refuse);
  },
};

/** The member as the event says, and the keys that it is given: all that it needs, and no others. */
function put(
  draft: Draft,
  event: (OperationOf<"member.add"> | OperationOf<"member.role">) & Envelope,
  who: Pick<MemberState, "kid" | "sign" | "age" | "kind" | "since">,
  refuse: Refuse,
): void {
  const { admin: administrator, ss: scopes, until, rec, slots, at } = event;
  const { kid, sign, age, kind, since } = who;
  if (scopes.some((s) => !draft.scopes.has(s))) refuse("is about no scope");
  const { id, generation } = draft.meta;
  const n = (draft.members.get(kid)?.record?.place.n ?? 0) + 1;
  const record = introduced(draft, event, rec, { s: id, g: generation, id: kid, n, k: "meta" });
  draft.members.set(kid, {
    ...{ kid, sign, age, kind, administrator, scopes, since, record },
    ...(until !== undefined && { until }),
  });
  draft.meta = { ...draft.meta, seals: draft.meta.seals + 1 };
  const replaced = new Map(slots);
  for (const compartment of [draft.meta, ...draft.scopes.values()]) {
    const slot = replaced.get(compartment.id);
    const needs =
      entitled(draft, compartment.id, at).some((one) => one.kid === kid) &&
      !compartment.holders.includes(kid);
    if (needs !== (slot !== undefined)) refuse("gives other keys than it says");
    if (slot === undefined) continue;
    const next = { slot, holders: [...compartment.holders, kid] };
    const scope = draft.scopes.get(compartment.id);
    if (scope) draft.scopes.set(scope.id, { ...scope, ...next });
    else draft.meta = { ...draft.meta, ...next };
    replaced.delete(compartment.id);
  }
  if (replaced.size > 0) refuse("is about no scope");
}

function keepAdministrator(draft: Draft, at: number, refuse: Refuse): void {
  const left = [...draft.members.values()].some(
    (member) => member.administrator && isCurrent(member, at),
  );
  if (!left) refuse("leaves nobody who may change members");
}
