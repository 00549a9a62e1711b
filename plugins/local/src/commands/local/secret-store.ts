import { expiryOf, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { isValueType, valueTypes } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

export default class LocalSecretStore extends SecretsCommand {
  static override summary = "Keep a secret in the vault of the local registry";
  static override description =
    "The same vault as secrets:set. The value is what its type says, or is refused; its last line end on standard input does not count.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password - password < value",
    "<%= config.bin %> <%= command.id %> tls - certificate -s production < tls.pem",
    "<%= config.bin %> <%= command.id %> token - api-key --expires 30d < token",
  ];
  static override args = {
    name: text({ required: true, ignoreStdin: true, description: "name, such as db/password" }),
    value: text({
      required: true,
      ignoreStdin: true,
      description: "- for standard input; anything else can be seen by others",
    }),
    type: text({
      required: true,
      ignoreStdin: true,
      options: [...valueTypes],
      description: "what it is",
    }),
  };
  static override flags = {
    scope: scopeFlag,
    expires: string({ helpValue: "<30d|date>", description: "not handed out from then on" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalSecretStore);
    const { name, type } = args;
    const { scope, expires: end } = flags;
    const expires = end === undefined ? undefined : expiryOf(end, Date.now());
    const given = await this.given(args.value);
    const vault = await this.vault(flags, given.stdin);
    const value = await given.read();
    const kept = await vault.set({ name, scope }, value, {
      ...(isValueType(type) && { type }),
      ...(expires !== undefined && { expires }),
    });
    value.fill(0);
    const what = `${kept.scope}/${kept.name}`;
    if (kept.changed) this.success(`${what} is at version ${kept.version}`);
    else this.note(`${what} has this value already: version ${kept.version}`);
    return { ...kept, type };
  }
}
