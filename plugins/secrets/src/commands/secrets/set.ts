import { SecretsCommand, keyArg, readValue, scopeFlag } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean, integer } from "@oclif/core/flags";

export default class SecretsSet extends SecretsCommand {
  static override summary = "Keep a new value of a secret";
  static override description =
    "Asks for the value, or reads it from standard input, whose last line end does not count. Each value is a version of its own; the same value again makes none. Without a scope it is kept in default.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password -s production < value",
    "<%= config.bin %> <%= command.id %> db/password --cas 3 - < value",
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
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsSet);
    const { value: given } = args;
    const visible = given !== undefined && given !== "-";
    if (visible) {
      // takes it out of the list of processes
      process.title = "citadel secrets:set";
      this.warn("a value on the command line is seen by others and kept by shells: pipe it in");
    }
    const stdin = !visible && !(given === undefined && this.terminal.interactive);
    const vault = await this.vault(flags["passphrase-file"], stdin);
    const value = await readValue(this.terminal, given);
    const { cas, force, scope } = flags;
    const set = await vault.set({ name: args.key, scope }, value, {
      force,
      ...(cas !== undefined && { cas }),
    });
    value.fill(0);
    const what = `${set.scope}/${set.name}`;
    if (set.changed) this.success(`${what} is at version ${set.version}`);
    else this.note(`${what} has this value already: version ${set.version}`);
    return set;
  }
}
