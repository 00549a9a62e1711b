import type { OperationOf } from "../types.ts";
import { isHash } from "./checks.ts";
import { introduced, type Rule } from "./rule.ts";

export const policy: Rule<OperationOf<"policy">> = {
  shape: { rec: isHash },
  apply(draft, event) {
    const { id, generation: g } = draft.meta;
    const n = (draft.policy?.place.n ?? 0) + 1;
    draft.policy = introduced(draft, event, event.rec, { s: id, g, id, n, k: "meta" });
    draft.meta = { ...draft.meta, seals: draft.meta.seals + 1 };
  },
};
