import { checkRule, commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { listOf, listText, ruleItem } from "../../../access.ts";

const who = "<who,…>";

export default class RegistryAccessSet extends CitadelCommand {
  static override summary = "Say who may read and write the packages of a pattern";
  static override description =
    "Takes the place of the rule with this pattern. A list holds $all, $authenticated, users, organisations and <org>:<team>, or is the word nobody; a list that is not given is left to a pattern that says less.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> '*' --read '$authenticated'",
    "<%= config.bin %> <%= command.id %> '@acme/*' --write acme:core --claimed",
  ];
  static override args = {
    pattern: text({ required: true, description: "name, beginning with a star, or *" }),
  };
  static override flags = {
    read: string({ helpValue: who, description: "who reads what is public there" }),
    write: string({ helpValue: who, description: "who makes new names there" }),
    stage: string({ helpValue: who, description: "who else proposes versions" }),
    claimed: boolean({ description: "never look for such names elsewhere" }),
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryAccessSet);
    const { read, write, stage, claimed } = flags;
    const rule = checkRule({
      pattern: args.pattern,
      ...(read !== undefined && { read: listOf(read) }),
      ...(write !== undefined && { write: listOf(write) }),
      ...(stage !== undefined && { stage: listOf(stage) }),
      ...(claimed && { claimed }),
    });
    const { access } = await this.citadel();
    if (!flags["dry-run"]) await access.set(rule, commandLine);
    const item = ruleItem(rule);
    const lists = (["read", "write", "stage"] as const)
      .filter((list) => item[list] !== null)
      .map((list) => `${list} ${listText(item[list]) ?? ""}`);
    const said = [...lists, ...(item.claimed ? ["claimed"] : [])].join("; ");
    if (flags["dry-run"]) this.note(`would be: ${item.pattern}: ${said}; nothing was changed`);
    else this.success(`${item.pattern}: ${said}`);
    return { ...item, dryRun: flags["dry-run"] };
  }
}
