import { CitadelError } from "@citadel/core/errors";
import { keyArg, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { describeFlags, descriptionOf } from "../../describe.ts";

export default class SecretsEdit extends SecretsCommand {
  static override summary = "Say something else of a secret";
  static override description =
    "Type, expiry, description, tags, how many versions are kept, and how often it is rotated; the value stays. An empty text takes a description or the tags away.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password --every 30d --window 02:00-04:00",
    "<%= config.bin %> <%= command.id %> db/password --tag db --max-versions 10",
    "<%= config.bin %> <%= command.id %> db/password --expires never",
  ];
  static override args = { key: keyArg };
  static override flags = { scope: scopeFlag, ...describeFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsEdit);
    const said = descriptionOf(flags);
    if (Object.values(said).every((value) => value === undefined))
      throw new CitadelError("E_USAGE", "no flag says what is to be changed");
    const vault = await this.vault(flags);
    const done = await vault.describe({ name: args.key, scope: flags.scope }, said);
    const what = `${done.scope}/${done.name}`;
    if (done.changed) this.success(`changed what is said of ${what}`);
    else this.note(`that is said of ${what} already`);
    return done;
  }
}
