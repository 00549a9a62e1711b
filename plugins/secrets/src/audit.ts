import { timeOf, type AuditItem } from "@citadel/core/vault";
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
}

export function auditItem(item: AuditItem): AuditLine {
  const about = {
    at: iso(timeOf(item)),
    scope: item.scope ?? null,
    name: item.name ?? null,
  };
  if (item.kind === "access") {
    const { i, op, n, by } = item.entry;
    return { kind: "access", seq: i, op, versions: [n], by, ...about };
  }
  const { seq, by, op } = item.event;
  const versions =
    item.event.op === "set" ? [item.event.n] : "ns" in item.event ? item.event.ns : [];
  // a restored value is a version like any other; for people it is going back
  const word = item.event.op === "set" && item.event.rf !== undefined ? "rollback" : op;
  return { kind: "change", seq, op: word, versions, by, ...about };
}
