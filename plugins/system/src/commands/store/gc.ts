import { CitadelError, formatDuration, formatSize, parseDuration } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { boolean, string } from "@oclif/core/flags";

export default class StoreGc extends CitadelCommand {
  static override summary = "Remove objects of the store that nothing refers to";
  static override description =
    "Blobs, manifests and history entries that no document needs, expired entries and tokens, and what killed writers left behind. Only what is older than the setting store.grace goes, so that publishes under way are safe.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --dry-run",
    "<%= config.bin %> <%= command.id %> --grace 1h --yes",
  ];
  static override flags = {
    "dry-run": boolean({ char: "n", description: "show what would go, remove nothing" }),
    grace: string({ helpValue: "<time>", description: "age, instead of store.grace" }),
    yes: boolean({ description: "do not ask about a shorter grace" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(StoreGc);
    const dryRun = flags["dry-run"];
    const { settings } = await this.settings();
    const grace = flags.grace === undefined ? settings.store.grace : parseDuration(flags.grace);
    if (grace === undefined)
      throw new CitadelError("E_USAGE", `--grace is not a time: ${flags.grace}`, {
        hint: ["write it as 48h or 30min"],
      });
    if (grace < settings.store.grace && !dryRun && !flags.yes)
      await this.confirm(
        `A publish that takes longer than ${formatDuration(grace / 2)} can lose its content. Go on?`,
        "--yes",
      );
    const citadel = await this.citadel();
    const progress = await this.progress("looking for what nothing refers to");
    const { removed, bytes, keys, expiredTokens } = await citadel.collect({ dryRun, grace });
    progress.stop();
    for (const key of keys) this.out(key);
    const what = `${removed} objects and ${expiredTokens} expired tokens, ${formatSize(bytes)}`;
    if (dryRun) this.note(`would remove ${what}; nothing was changed`);
    else this.success(`removed ${what}`);
    return { removed, bytes, items: keys, expiredTokens, dryRun };
  }
}
