import type { OperationOf } from "../types.ts";
import { isHash, isKey, isRecipient, isText } from "./checks.ts";
import type { Rule } from "./rule.ts";

/** The first event; `replay.ts` makes the state that it stands for. */
export const genesis: Rule<OperationOf<"genesis">> = {
  shape: { sign: isKey, age: isRecipient, s: isText, slot: isHash },
  apply: (_draft, _event, refuse) => refuse("is out of place"),
};
