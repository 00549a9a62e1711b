import { CitadelError } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryAccessRemove extends CitadelCommand {
  static override summary = "Take away the rule of a pattern";
  static override examples = ["<%= config.bin %> <%= command.id %> '@acme/*'"];
  static override args = {
    pattern: text({ required: true, description: "pattern, as registry:access shows it" }),
  };
  static override flags = {
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryAccessRemove);
    const dryRun = flags["dry-run"];
    const { access } = await this.citadel();
    const there = dryRun
      ? (await access.read()).rules.some(({ pattern }) => pattern === args.pattern)
      : await access.remove(args.pattern, commandLine);
    if (!there)
      throw new CitadelError(
        "E_NOT_FOUND",
        `there is no rule for ${JSON.stringify(args.pattern)}`,
        {
          hint: ["see the rules: citadel registry:access"],
        },
      );
    if (dryRun) this.note(`the rule for ${args.pattern} would go; nothing was changed`);
    else this.success(`the rule for ${args.pattern} is gone`);
    return { pattern: args.pattern, dryRun };
  }
}
