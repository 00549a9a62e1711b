import { CitadelError, parseDuration } from "@citadel/core";
import type { PolicyEvent, Rule } from "@citadel/core/policy";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { dryRun, PolicyCommand, reason } from "../../../policy.ts";

const modes = ["enforce", "dry-run", "off"] as const;
const kinds = ["age", "scripts", "licenses", "licenses-except", "mode"] as const;

export default class RegistryPolicySet extends PolicyCommand {
  static override summary = "Set a rule: release age, install scripts, licences, or the mode";
  static override description =
    "A rule takes the place of the one of its kind with the same pattern. In the mode dry-run everything is served, and what would be refused is logged and counted.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> age 3d",
    "<%= config.bin %> <%= command.id %> age 0 --for @acme/*",
    "<%= config.bin %> <%= command.id %> scripts deny",
    "<%= config.bin %> <%= command.id %> scripts allow --for esbuild",
    "<%= config.bin %> <%= command.id %> licenses MIT,ISC,Apache-2.0",
    "<%= config.bin %> <%= command.id %> mode dry-run",
  ];
  static override args = {
    what: text({ required: true, options: [...kinds], description: "kind of rule" }),
    value: text({ required: true, description: "a time, allow or deny, SPDX ids, a mode" }),
  };
  static override flags = {
    for: string({
      helpValue: "<pattern>",
      default: "*",
      description: "packages: name, @scope/*, name*",
    }),
    unknown: string({
      options: ["allow", "deny"],
      default: "deny",
      description: "versions whose licence is not known",
    }),
    reason,
    "dry-run": dryRun,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicySet);
    const rest = {
      pattern: flags.for,
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    };
    const event = eventOf(args.what, args.value, rest, flags.unknown === "allow");
    return this.apply(event, { dryRun: flags["dry-run"] });
  }
}

function eventOf(
  what: string,
  value: string,
  rest: Pick<Rule, "pattern" | "reason">,
  unknown: boolean,
): PolicyEvent {
  switch (what) {
    case "age": {
      const age = parseDuration(value);
      if (age === undefined) throw wrong(value, "a time such as 3d or 12h");
      return { type: "rule", rule: { kind: "age", age, ...rest } };
    }
    case "scripts":
      if (value !== "allow" && value !== "deny") throw wrong(value, "allow or deny");
      return { type: "rule", rule: { kind: "scripts", allow: value === "allow", ...rest } };
    case "mode": {
      const mode = modes.find((one) => one === value);
      if (!mode) throw wrong(value, modes.join(", "));
      return { type: "mode", mode };
    }
    default:
      return {
        type: "rule",
        rule: {
          kind: "license",
          list: what === "licenses" ? "only" : "except",
          ids: value.split(",").map((id) => id.trim()),
          unknown: unknown ? "allow" : "deny",
          ...rest,
        },
      };
  }
}

const wrong = (value: string, wanted: string): CitadelError =>
  new CitadelError("E_USAGE", `${JSON.stringify(value.slice(0, 40))} is not ${wanted}`);
