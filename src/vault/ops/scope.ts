import { entitled } from "../members.ts";
import type { OperationOf } from "../types.ts";
import { isHash, isText } from "./checks.ts";
import { introduced, type Rule } from "./rule.ts";

export const scope: Rule<OperationOf<"scope">> = {
  shape: { s: isText, slot: isHash, rec: isHash },
  apply(draft, event, refuse) {
    const { s, slot, rec, at } = event;
    if (draft.scopes.has(s) || s === draft.meta.id) refuse("makes a scope that exists");
    const { id, generation } = draft.meta;
    const record = introduced(draft, event, rec, { s: id, g: generation, id: s, n: 1, k: "meta" });
    draft.meta = { ...draft.meta, seals: draft.meta.seals + 1 };
    const holders = entitled(draft, s, at).map(({ kid }) => kid);
    draft.scopes.set(s, { id: s, generation: 1, slot, record, holders, seals: 0 });
  },
};

export const label: Rule<OperationOf<"label">> = {
  shape: { s: isText, rec: isHash },
  apply(draft, event, refuse) {
    const { s, rec } = event;
    const known = draft.scopes.get(s);
    if (!known) return refuse("is about no scope");
    const { id, generation: g } = draft.meta;
    const n = known.record.place.n + 1;
    const record = introduced(draft, event, rec, { s: id, g, id: s, n, k: "meta" });
    draft.scopes.set(s, { ...known, record });
    draft.meta = { ...draft.meta, seals: draft.meta.seals + 1 };
  },
};
