import { keyArg, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { defaultLength, generate } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { boolean, integer } from "@oclif/core/flags";
import { describeFlags, descriptionOf, generateFlags } from "../../describe.ts";

export default class SecretsSet extends SecretsCommand {
  static override summary = "Keep a new value of a secret";
  static override description =
    "Asks for the value, or reads it from standard input, whose last line end does not count. Each value is a version of its own; the same value again makes none. Without a scope it is kept in default.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password -s production < value",
    "<%= config.bin %> <%= command.id %> db/password --generate --length 40",
    "<%= config.bin %> <%= command.id %> tls --type certificate --cas 3 - < pem",
  ];
  static override args = {
    key: keyArg,
    value: text({
      ignoreStdin: true,
      description: "- for standard input; anything else can be seen by others",
    }),
  };
  static override flags = {
    scope: scopeFlag,
    cas: integer({
      min: 0,
      helpValue: "<version>",
      description: "only if this is the newest version; 0: only a new secret",
    }),
    force: boolean({ char: "f", description: "a new version for the same value too" }),
    ...generateFlags,
    ...describeFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsSet);
    const { cas, force, scope, length = defaultLength, symbols } = flags;
    const said = descriptionOf(flags);
    const given = flags.generate ? undefined : await this.given(args.value);
    const vault = await this.vault(flags, given?.stdin);
    const value = given ? await given.read() : Buffer.from(generate({ length, symbols }));
    const set = await vault.set({ name: args.key, scope }, value, {
      ...{ force, ...said },
      ...(flags.generate && said.type === undefined && { type: "password" as const }),
      ...(cas !== undefined && { cas }),
    });
    value.fill(0);
    const what = `${set.scope}/${set.name}`;
    if (set.changed) this.success(`${what} is at version ${set.version}`);
    else this.note(`${what} has this value already: version ${set.version}`);
    return set;
  }
}
