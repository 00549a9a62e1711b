import { CitadelError } from "@citadel/core/errors";
import { keyArg, scopeFlag, SecretsCommand, versionNumber } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class SecretsLabel extends SecretsCommand {
  static override summary = "Give a version of a secret a label, or take it away";
  static override description =
    "A label is on one version at a time, and a version that has one is never pruned. The labels current, previous and pending move by themselves.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password blue 3",
    "<%= config.bin %> <%= command.id %> db/password blue --remove",
  ];
  static override args = {
    key: keyArg,
    label: text({ required: true, ignoreStdin: true, description: "a word" }),
    version: text({ ignoreStdin: true, description: "number of the version" }),
  };
  static override flags = {
    scope: scopeFlag,
    remove: boolean({ description: "take the label away" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsLabel);
    const { key, label } = args;
    if ((args.version === undefined) !== (flags.remove === true))
      throw new CitadelError("E_USAGE", "either a version, or --remove");
    const version = args.version === undefined ? null : versionNumber(args.version);
    const vault = await this.vault(flags);
    const which = { name: key, scope: flags.scope };
    const done = await vault.describe(which, { label: [label, version] });
    const what = `${done.scope}/${done.name}`;
    if (!done.changed) this.note(`${what} is labelled so already`);
    else if (version === null) this.success(`${what} has no label ${label}`);
    else this.success(`${what}: ${label} is version ${version}`);
    return { ...done, version, label };
  }
}
