import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryTrustRemove extends CitadelCommand {
  static override summary = "Trust a pipeline no longer; what it holds is dead at once";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui 1de6f3db-2ed9-4d72-b3dd-8f0e2b474a2f",
  ];
  static override args = {
    package: text({ required: true, description: "name of the package" }),
    id: text({ required: true, description: "id, as registry:trust:list shows it" }),
  };
  static override flags = {
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryTrustRemove);
    const trust = await (await this.citadel()).trust();
    const dryRun = flags["dry-run"];
    await trust.remove(args.package, args.id, commandLine, { dryRun });
    if (dryRun) this.note(`would be gone: ${args.id}; nothing was changed`);
    else this.success(`${args.package} trusts ${args.id} no longer`);
    return { package: args.package, id: args.id, dryRun };
  }
}
