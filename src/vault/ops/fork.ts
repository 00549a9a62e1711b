import type { OperationOf } from "../types.ts";
import { isHash, listOf } from "./checks.ts";
import type { Rule } from "./rule.ts";

export const fork: Rule<OperationOf<"fork">> = {
  shape: { heads: (value) => listOf(isHash)(value) && (value as []).length > 0 },
  apply(draft, { heads, by }) {
    for (const head of heads) draft.forks.set(head, by);
  },
};
