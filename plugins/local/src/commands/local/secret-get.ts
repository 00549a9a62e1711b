import { keyArg, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { boolean } from "@oclif/core/flags";

export default class LocalSecretGet extends SecretsCommand {
  static override summary = "Print a secret of the local registry";
  static override description =
    "As it is, without a line end, into a pipe or file; on a terminal masked, unless --reveal. Without a scope the name has to be in one scope only. Older versions: secrets:get.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password > value",
    "<%= config.bin %> <%= command.id %> tls -s production | openssl x509 -noout",
  ];
  static override args = { name: keyArg };
  static override flags = {
    scope: scopeFlag,
    reveal: boolean({ description: "print it on a terminal" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalSecretGet);
    this.mayShow(flags.reveal);
    const vault = await this.vault(flags);
    return this.show(await vault.get({ name: args.name, scope: flags.scope }), flags.reveal);
  }
}
