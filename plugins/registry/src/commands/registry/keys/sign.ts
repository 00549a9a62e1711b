import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { signPackages } from "../../../keys.ts";

export default class RegistryKeysSign extends CitadelCommand {
  static override summary = "Sign versions that have no signature yet";
  static override description =
    "For versions that were published before this registry had a key. Versions with a signature keep it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> -n",
    "<%= config.bin %> <%= command.id %> @acme/ui",
  ];
  static override args = {
    package: text({ description: "only this package" }),
  };
  static override flags = {
    "dry-run": boolean({ char: "n", description: "count, sign nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryKeysSign);
    const citadel = await this.citadel();
    const progress = await this.progress("signing", { unit: "packages" });
    const signed = await signPackages(citadel, commandLine, {
      ...(args.package !== undefined && { name: args.package }),
      ...{ dryRun: flags["dry-run"], signal: this.signal },
    });
    progress.stop();
    const what = `${signed.versions} versions of ${signed.packages} packages`;
    if (signed.dryRun) this.note(`would sign ${what}; nothing was changed`);
    else this.success(`signed ${what}`);
    return signed;
  }
}
