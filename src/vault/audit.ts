import { timeOf, type Audit, type AuditItem } from "./api.ts";
import { operationsOf } from "./event.ts";
import { all } from "./lookup.ts";
import { decide } from "./policy/permit.ts";
import { recordsOf } from "./records.ts";
import type { Opened } from "./session.ts";
import type { Event } from "./types.ts";

/** Everything that a look back needs: the verified history, and what opens its names. */
interface History extends Opened {
  readonly events: readonly Event[];
}

/** All changes that the rules let this identity see, and what this machine has handed out, by time. @param verify open every version too */
export async function audit(history: History, verify: boolean): Promise<Audit> {
  const { state, me, events, identity, contents, log } = history;
  const problems: string[] = [];
  const names = new Map<string, { scope: string; name?: string }>();
  for (const scope of state.scopes.values())
    // its name lies in `meta`, which every member can open
    names.set(scope.id, { scope: (await contents.scopeOf(state, scope)).name });
  const hidden = new Set<string>();
  for await (const { secret, label, name } of all(state, contents)) {
    names.set(secret.id, { scope: label.name, name });
    const about = { scope: label.name, env: label.env, name };
    if (!(await decide(history, "audit", about)).allowed) hidden.add(secret.id);
  }
  if (verify)
    for (const compartment of [state.meta, ...state.scopes.values()])
      for (const record of contents.holds(compartment) ? recordsOf(state, compartment.id) : []) {
        const value = await contents.get(record, compartment).catch((error: unknown) => error);
        if (value instanceof Buffer) value.fill(0);
        else problems.push(value instanceof Error ? value.message : String(value));
      }
  const { items, bad, checked } = await log.read(identity);
  if (!checked && me.administrator)
    problems.push(
      "the access log of this machine is not sealed to this identity: nobody here can tell whether it is whole",
    );
  if (bad !== undefined)
    problems.push(`the access log of this machine is not what was written from entry ${bad} on`);
  const lines: AuditItem[] = [
    ...events.flatMap(operationsOf).map((event): AuditItem => {
      const about = "id" in event ? event.id : "s" in event ? event.s : undefined;
      return { kind: "change", event, ...(about !== undefined && names.get(about)) };
    }),
    ...items.map((entry): AuditItem => ({ kind: "access", entry, ...names.get(entry.id) })),
  ];
  const shown = lines.filter((item) => !hidden.has(subjectOf(item)));
  return { items: shown.sort((a, b) => timeOf(a) - timeOf(b)), problems };
}

const subjectOf = (item: AuditItem): string =>
  item.kind === "access" ? item.entry.id : "id" in item.event ? item.event.id : "";
