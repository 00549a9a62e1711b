import { CitadelError, parseDuration, type Citadel } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import {
  changeItem,
  describeRule,
  families,
  parseSubject,
  type ChangeItem,
  type Changed,
  type Family,
  type PolicyEvent,
} from "@citadel/core/policy";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";

/** What a rule or an exception is about. */
export const subject = text({
  required: true,
  description: "name, @scope/* or name*, with @range or without",
});
/** Flags of the commands that change the policy. */
export const dryRun = boolean({ char: "n", description: "show what would change, change nothing" });
export const reason = string({ helpValue: "<text>", description: "why, in one line" });
export const until = string({
  helpValue: "<time>",
  description: "when it ends: 30d, or a date",
});
export const from = string({
  helpValue: "<rules>",
  description: "only from these: names, scripts, license, age",
});

/** A command that changes the policy as the operating-system user. */
export abstract class PolicyCommand extends CitadelCommand {
  protected async apply(event: PolicyEvent, options: { readonly dryRun: boolean }) {
    const policies = await (await this.citadel()).policies();
    return this.changed(await policies.apply(commandLine, event, options), options);
  }

  /** A rule that blocks or allows what a {@link subject} names. */
  protected list(
    kind: "allow" | "block",
    named: string,
    flags: { readonly reason?: string | undefined; readonly "dry-run": boolean },
  ) {
    const why = flags.reason === undefined ? {} : { reason: flags.reason };
    const rule = { kind, ...parseSubject(named), ...why };
    return this.apply({ type: "rule", rule }, { dryRun: flags["dry-run"] });
  }

  /** Prints what has changed, or would. */
  protected changed(
    change: Changed,
    { dryRun: dry }: { readonly dryRun: boolean },
  ): ChangeItem & { readonly dryRun: boolean } {
    const item = changeItem(change);
    const lines = linesOf(item);
    if (lines.length === 0) this.note("nothing to change");
    for (const line of lines)
      if (dry) this.note(`would be: ${line}`);
      else this.success(line);
    if (dry) this.note("nothing was changed");
    else if (change.state.mode !== "enforce" && lines.length > 0)
      this.note(`the policy is not enforced (${change.state.mode})`);
    return { ...item, dryRun: dry };
  }
}

function linesOf({ mode, added, removed }: ChangeItem): string[] {
  const { rules, exceptions, requests } = added;
  return [
    ...(mode === undefined ? [] : [`the policy is now: ${mode}`]),
    ...rules.map((rule) => `${rule.id}: ${describeRule({ ...rule })}`),
    ...exceptions.map(
      (one) => `${one.id}: ${subjectOf(one)} is excepted ${endOf(one.until)}: ${one.reason}`,
    ),
    ...requests.map((one) => `${one.id}: ${subjectOf(one)} is ${one.state}`),
    ...removed.map((id) => `${id} is gone`),
  ];
}

export const subjectOf = (one: { readonly pattern: string; readonly range?: string }): string =>
  one.range === undefined ? one.pattern : `${one.pattern}@${one.range}`;

const endOf = (time: string | undefined): string =>
  time === undefined ? "for good" : `until ${time}`;

/** ms since 1970 of `30d` (from now) or a date. @throws E_USAGE */
export function parseUntil(text: string, now: number): number {
  const duration = parseDuration(text);
  const time = duration === undefined ? Date.parse(text) : now + duration;
  if (Number.isFinite(time) && time <= 8.64e15) return time;
  throw new CitadelError("E_USAGE", `${JSON.stringify(text.slice(0, 40))} is no time`, {
    hint: ["write it as 30d, 12h or 2027-01-31"],
  });
}

/** The terms of an exception as flags give them. @throws E_USAGE */
export function grantTerms(flags: {
  readonly until?: string | undefined;
  readonly from?: string | undefined;
}): { readonly until?: number; readonly families?: readonly Family[] } {
  const named = flags.from?.split(",").map((word) => word.trim());
  const unknown = named?.find((word) => !families.some((family) => family === word));
  if (unknown !== undefined)
    throw new CitadelError("E_USAGE", `--from ${JSON.stringify(unknown.slice(0, 40))}`, {
      hint: [`exceptions are from ${families.join(", ")}`],
    });
  return {
    ...(flags.until === undefined ? {} : { until: parseUntil(flags.until, Date.now()) }),
    ...(named ? { families: named as Family[] } : {}),
  };
}

/** An open request. @throws E_NOT_FOUND */
export async function requestOf({ policies }: Citadel, id: string) {
  const { requests } = await (await policies()).read();
  const found = requests.find((one) => one.id === id);
  if (found) return found;
  throw new CitadelError("E_NOT_FOUND", `there is no request ${JSON.stringify(id.slice(0, 40))}`, {
    hint: ["see what waits: citadel registry:policy"],
  });
}
