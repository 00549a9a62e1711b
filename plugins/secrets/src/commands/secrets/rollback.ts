import { SecretsCommand, keyArg, scopeFlag, versionNumber } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class SecretsRollback extends SecretsCommand {
  static override summary = "Go back to the value of an older version";
  static override description = "As a new version, so that going back can be undone the same way.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password 2",
    "<%= config.bin %> <%= command.id %> db/password 2 --dry-run",
  ];
  static override args = {
    key: keyArg,
    version: text({ required: true, ignoreStdin: true, description: "number of the version" }),
  };
  static override flags = {
    scope: scopeFlag,
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsRollback);
    const version = versionNumber(args.version);
    const dryRun = flags["dry-run"];
    const vault = await this.vault(flags["passphrase-file"]);
    const which = { name: args.key, scope: flags.scope };
    const done = await vault.rollback(which, version, { dryRun });
    const what = `${done.scope}/${done.name}: version ${done.version} with the value of ${version}`;
    if (dryRun) this.note(`would make ${what}; nothing was changed`);
    else this.success(what);
    return { ...done, from: version, dryRun };
  }
}
