import type { Kind } from "../store/types.ts";
import type { AccessRule } from "./types.ts";

export interface RulesState {
  /** one a pattern */
  readonly rules: readonly AccessRule[];
}

export type RulesEvent =
  /** takes the place of the one with this pattern */
  | { readonly type: "rule"; readonly rule: AccessRule }
  | { readonly type: "remove"; readonly pattern: string };

export const noRules: RulesState = { rules: [] };

/** Who may do what: `d/access/default`. */
export function rulesKind(): Kind<RulesState, RulesEvent> {
  return {
    name: "access",
    reduce({ rules } = noRules, event) {
      const pattern = event.type === "rule" ? event.rule.pattern : event.pattern;
      const others = rules.filter((rule) => rule.pattern !== pattern);
      return { rules: event.type === "rule" ? [...others, event.rule] : others };
    },
  };
}
