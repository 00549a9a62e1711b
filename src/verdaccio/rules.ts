import type { AccessRule } from "../access/types.ts";
import { matches } from "../patterns.ts";
import { widerThan } from "./globs.ts";
import type { VerdaccioConfig, VerdaccioRule } from "./types.ts";

export interface TranslatedRules {
  readonly rules: readonly AccessRule[];
  /** what cannot be said here, one sentence each */
  readonly notes: readonly string[];
}

/**
 * The access rules that come closest to `packages:`. There the first entry that matches counts, here the most specific; an entry that
 * an earlier one hides is left out. Publishing means the same for names that are new; what is there belongs to its owners, and to those
 * whom a rule names.
 */
export function translateRules({ rules }: Pick<VerdaccioConfig, "rules">): TranslatedRules {
  const translated = new Map<string, AccessRule>();
  const notes: string[] = [];
  for (const rule of rules) {
    // what cannot be said must not become open
    const closing = rule.patterns.length === 0 && !rule.access.map(groupOf).includes("$all");
    const wider = closing ? widerThan(rule.glob) : undefined;
    if (rule.patterns.length === 0)
      notes.push(
        wider === undefined
          ? `no pattern here means what ${rule.glob} means: its names follow the other rules`
          : `no pattern here means what ${rule.glob} means: ${wider} is as closed as it`,
      );
    for (const pattern of wider === undefined ? rule.patterns : [wider]) {
      const hiding = [...translated.keys()].find((earlier) => covers(earlier, pattern));
      if (hiding === undefined) translated.set(pattern, ruleOf(pattern, rule));
      else notes.push(`${rule.glob} never counted: ${hiding} stands before it`);
    }
    if (rule.publish.map(groupOf).includes("$all"))
      notes.push(`whoever publishes ${rule.glob} has to be signed in`);
    if (rule.unpublish && rule.unpublish.join() !== rule.publish.join())
      notes.push(`whoever may publish ${rule.glob} may unpublish it, too`);
  }
  return { rules: [...translated.values()], notes };
}

/** Does every name of the second pattern match the first? */
export const covers = (first: string, second: string): boolean =>
  second.endsWith("*")
    ? first.endsWith("*") && second.startsWith(first.slice(0, -1))
    : matches(first, second);

function ruleOf(pattern: string, { access, publish }: VerdaccioRule): AccessRule {
  const read = access.map(groupOf);
  const write = publish.map(groupOf).map((who) => (who === "$all" ? "$authenticated" : who));
  return { pattern, read: [...new Set(read)], write: [...new Set(write)] };
}

/** `@all` is how the first versions wrote `$all`; who is not signed in is among all. */
function groupOf(word: string): string {
  const group = word.replace(/^@(?=all$|authenticated$|anonymous$)/, "$");
  if (group === "all" || group === "$anonymous" || group === "undefined") return "$all";
  return group;
}
