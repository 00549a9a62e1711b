import { entitled } from "../members.ts";
import { recordsOf } from "../records.ts";
import type { OperationOf, RecordRef } from "../types.ts";
import { isHash, isNumber, isText, pairsOf } from "./checks.ts";
import type { Rule } from "./rule.ts";

export const rekey: Rule<OperationOf<"rekey">> = {
  shape: { s: isText, g: isNumber, slot: isHash, recs: pairsOf(isHash, isHash) },
  apply(draft, { s, g, slot, recs, at }, refuse) {
    const scope = draft.scopes.get(s);
    const compartment = s === draft.meta.id ? draft.meta : scope;
    if (!compartment) return refuse("is about no scope");
    if (g !== compartment.generation + 1) refuse("leaves out or repeats a generation");
    const sealed = new Map(recs);
    const before = recordsOf(draft, s);
    if (before.length !== sealed.size || before.some(({ hash }) => !sealed.has(hash)))
      refuse("does not seal exactly what there is");
    const anew = ({ hash, place }: RecordRef): RecordRef => ({
      hash: sealed.get(hash) ?? hash,
      place: { ...place, g },
    });
    const holders = entitled(draft, s, at).map(({ kid }) => kid);
    const next = { generation: g, slot, holders, seals: recs.length };
    if (scope) {
      draft.scopes.set(s, { ...scope, ...next });
      for (const secret of draft.secrets.values())
        if (secret.scope === s)
          draft.secrets.set(secret.id, {
            ...secret,
            meta: anew(secret.meta),
            versions: secret.versions.map((version) =>
              version.state === "destroyed"
                ? version
                : { ...version, record: anew(version.record) },
            ),
          });
      return;
    }
    draft.meta = { ...draft.meta, ...next };
    if (draft.policy) draft.policy = anew(draft.policy);
    for (const one of draft.scopes.values())
      draft.scopes.set(one.id, { ...one, record: anew(one.record) });
    for (const member of draft.members.values())
      if (member.record) draft.members.set(member.kid, { ...member, record: anew(member.record) });
  },
};
