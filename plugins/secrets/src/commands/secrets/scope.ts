import { SecretsCommand } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { retentionFlags, retentionOf } from "../../describe.ts";

export default class SecretsScope extends SecretsCommand {
  static override summary = "Say what holds for all secrets of a scope";
  static override description =
    "How many versions are kept, for how long, and whether --cas is asked for. Where a secret says something else, the stricter of both counts.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> production --cas-required --max-versions 20",
    "<%= config.bin %> <%= command.id %> dev --delete-after never",
  ];
  static override args = {
    scope: text({ required: true, ignoreStdin: true, description: "name of the scope" }),
  };
  static override flags = retentionFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsScope);
    const vault = await this.vault(flags);
    const label = await vault.describeScope(args.scope, retentionOf(flags));
    const { name, env, maxVersions = null, deleteAfter = null, casRequired = false } = label;
    const { formatDuration } = await import("@citadel/core");
    const kept = maxVersions === null ? "all versions" : `${maxVersions} versions`;
    const age = deleteAfter === null ? "" : `, for ${formatDuration(deleteAfter)}`;
    this.success(`${name} (${env}) keeps ${kept}${age}${casRequired ? ", asks for --cas" : ""}`);
    return { name, env, maxVersions, deleteAfter, casRequired };
  }
}
