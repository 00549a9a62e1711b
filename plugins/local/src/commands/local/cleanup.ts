import { formatSize } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { boolean } from "@oclif/core/flags";
import { cleanUp } from "../../cleanup.ts";

export default class LocalCleanup extends CitadelCommand {
  static override summary = "Remove what nothing refers to any more";
  static override description =
    "Objects of the store without a package, expired tokens, and temporary files of processes that were killed. Only what is older than the setting store.grace goes, so that publishes under way are safe.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --dry-run",
    "<%= config.bin %> <%= command.id %>",
  ];
  static override flags = {
    "dry-run": boolean({ char: "n", description: "show what would go, remove nothing" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(LocalCleanup);
    const citadel = await this.citadel();
    const progress = await this.progress("looking for what nothing refers to");
    const cleaned = await cleanUp(citadel, flags["dry-run"]);
    progress.stop();
    const { objects, temporary, cache, tokens, bytes, items } = cleaned;
    for (const item of items) this.out(item);
    const what = `${objects.removed} objects, ${temporary.removed} temporary files, ${cache.removed} expired cache entries and ${tokens.removed} expired tokens, ${formatSize(bytes)}`;
    if (cleaned.dryRun) this.note(`would remove ${what}; nothing was changed`);
    else this.success(`removed ${what}`);
    return cleaned;
  }
}
