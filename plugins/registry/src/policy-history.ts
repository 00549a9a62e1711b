import { ruleId, type Policies, type PolicyEvent } from "@citadel/core/policy";
import { subjectOf } from "./policy.ts";

/** One change of the policy for people. */
export interface HistoryItem {
  readonly rev: number;
  readonly at: string;
  readonly who: string;
  readonly what: string;
}

/** Every change, newest first. */
export async function policyHistory(policies: Policies): Promise<HistoryItem[]> {
  const items: HistoryItem[] = [];
  for await (const { rev, changes } of policies.history())
    for (const { at, who, events } of changes)
      for (const event of events)
        items.push({
          rev,
          at: new Date(at).toISOString(),
          who: who.name,
          what: describeEvent(event),
        });
  return items;
}

function describeEvent(event: PolicyEvent): string {
  switch (event.type) {
    case "mode":
      return `mode ${event.mode}`;
    case "rule":
      return `set ${ruleId(event.rule)}`;
    case "remove":
      return `removed ${event.id}`;
    case "except":
      return `exception for ${subjectOf(event.grant)}`;
    case "request":
      return `asked for ${subjectOf(event.request)}`;
    case "approve":
      return `approved ${event.id}: ${subjectOf(event.grant)}`;
    case "deny":
      return `denied ${event.id}`;
    case "restore":
      return `restored ${event.state.rules.length} rules, ${event.state.exceptions.length} exceptions`;
  }
}
