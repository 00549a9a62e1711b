import { keyArg, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { string } from "@oclif/core/flags";

export default class SecretsPurge extends SecretsCommand {
  static override summary = "Remove a secret with all its versions, and free its name";
  static override description =
    "The history keeps that there was one. A new secret of that name is another one, which no old version fits.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password --confirm=db/password",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    confirm: string({ helpValue: "<name>", description: "the name again, instead of a question" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsPurge);
    const vault = await this.vault(flags);
    const { scope, name } = await vault.versions({ name: args.key, scope: flags.scope });
    await this.confirmName(`Remove ${scope}/${name} for good?`, name, flags.confirm);
    const done = await vault.purge({ name, scope });
    this.success(`purged ${scope}/${name}`);
    return done;
  }
}
