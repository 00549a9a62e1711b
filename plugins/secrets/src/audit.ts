import { timeOf, type AuditItem, type Caller } from "@citadel/core/vault";
import { iso } from "@citadel/core/secrets";

/** An entry of the audit as `--json` prints it. */
export interface AuditLine {
  readonly kind: "change" | "access";
  /** number in the vault's history, or in this machine's log */
  readonly seq: number;
  readonly at: string;
  readonly op: string;
  readonly scope: string | null;
  readonly name: string | null;
  readonly versions: readonly number[];
  /** key id */
  readonly by: string;
  /** somebody without a key, who asked this server */
  readonly caller?: Caller;
  /** why it was denied */
  readonly why?: string;
}

export function auditItem(item: AuditItem): AuditLine {
  const about = {
    at: iso(timeOf(item)),
    scope: item.scope ?? null,
    name: item.name ?? null,
  };
  if (item.kind === "access") {
    const { i, op, n, by, action, caller, why } = item.entry;
    const word = action === undefined ? op : `${op} ${action}`;
    return {
      ...{ kind: "access", seq: i, op: word, versions: n === 0 ? [] : [n], by, ...about },
      ...(caller && { caller }),
      ...(why !== undefined && { why }),
    };
  }
  const { event } = item;
  const { seq, by } = event;
  const versions = "n" in event ? [event.n] : "ns" in event ? event.ns : [];
  return { kind: "change", seq, op: wordOf(event), versions, by, ...about };
}

/** For people a restored value is going back, and a step of a rotation has a name. */
function wordOf(event: Extract<AuditItem, { readonly kind: "change" }>["event"]): string {
  if (event.op === "rotate") return `rotate ${event.step}`;
  if (event.op !== "set") return event.op;
  if (event.r !== undefined) return "rotate create";
  return event.rf === undefined ? "set" : "rollback";
}
