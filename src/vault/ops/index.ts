import type { Operation, OperationOf } from "../types.ts";
import { fork } from "./fork.ts";
import { genesis } from "./genesis.ts";
import { memberAdd, memberRemove, memberRole } from "./members.ts";
import { rekey } from "./rekey.ts";
import type { Rule } from "./rule.ts";
import { label, scope } from "./scope.ts";
import { alert, change, meta, purge, rotate, set } from "./versions.ts";
import { policy } from "./policy.ts";

/** Every operation that a history may contain. */
export const rules: { readonly [O in Operation["op"]]: Rule<OperationOf<O>> } = {
  genesis,
  scope,
  label,
  policy,
  set,
  meta,
  delete: change,
  undelete: change,
  destroy: change,
  purge,
  rotate,
  alert,
  "member.add": memberAdd,
  "member.role": memberRole,
  "member.remove": memberRemove,
  rekey,
  fork,
};
