import { keyArg, scopeFlag, SecretsCommand, versionList } from "@citadel/core/secrets";
import { string } from "@oclif/core/flags";

const flags = {
  scope: scopeFlag,
  versions: string({ helpValue: "<n,…>", description: "these versions only" }),
};

/** What `secrets:delete` and `secrets:undelete` have in common. */
export abstract class ChangeCommand extends SecretsCommand {
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password --versions 1,2",
  ];
  static override args = { key: keyArg };
  static override flags = flags;

  protected abstract readonly op: "delete" | "undelete";
  /** what to say: of a change, and where there was nothing to do */
  protected abstract readonly said: readonly [done: string, nothing: string];

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ChangeCommand, this.argv);
    const versions = flags.versions === undefined ? undefined : versionList(flags.versions);
    const vault = await this.vault(flags);
    const done = await vault.change(this.op, { name: args.key, scope: flags.scope }, versions);
    const what = `${done.scope}/${done.name}`;
    const [verb, nothing] = this.said;
    if (!done.changed) this.note(`${what} ${nothing}`);
    else {
      this.success(`${verb} ${what}${versions ? ` (${versions.join(", ")})` : ""}`);
      if (this.op === "delete") this.next(`citadel secrets:undelete ${done.name} -s ${done.scope}`);
    }
    return done;
  }
}
