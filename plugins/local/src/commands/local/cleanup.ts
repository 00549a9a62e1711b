import { formatSize, type Citadel } from "@citadel/core";
import { errorCode } from "@citadel/core/errors";
import { hasVault, SecretsCommand, type VaultFlags } from "@citadel/core/secrets";
import { boolean } from "@oclif/core/flags";
import { cleanUp } from "../../cleanup.ts";

export default class LocalCleanup extends SecretsCommand {
  static override summary = "Remove what nothing refers to any more";
  static override description =
    "Objects of the store without a package, expired tokens, versions of secrets that expired longer ago than the setting secrets.grace, and temporary files of processes that were killed. Only what is older than the setting store.grace goes, so that publishes under way are safe.";
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
    const vault = await this.#openVault(citadel, flags);
    const progress = await this.progress("looking for what nothing refers to");
    const cleaned = await cleanUp(citadel, flags["dry-run"], vault);
    progress.stop();
    const { objects, temporary, cache, tokens, secrets, bytes, items } = cleaned;
    for (const item of items) this.out(item);
    const what = `${objects.removed} objects, ${temporary.removed} temporary files, ${cache.removed} expired cache entries, ${tokens.removed} expired tokens and ${secrets.removed} versions of secrets, ${formatSize(bytes)}`;
    if (cleaned.dryRun) this.note(`would remove ${what}; nothing was changed`);
    else this.success(`removed ${what}`);
    const { expired } = (await citadel.catalog()).secretStats(Date.now());
    if (secrets.locked && expired > 0)
      this.note(
        `${expired} expired secrets stay: the vault was not opened, pass --passphrase-file`,
      );
    return cleaned;
  }

  /** The vault, where there is one that this command can open; it is not worth a question. */
  async #openVault(citadel: Citadel, flags: VaultFlags) {
    if (!(await hasVault(citadel))) return undefined;
    const { expired } = (await citadel.catalog()).secretStats(Date.now());
    if (this.terminal.interactive && expired === 0) return undefined;
    const vault = await this.vault(flags);
    try {
      await vault.unlock();
      return vault;
    } catch (error) {
      if (errorCode(error) === "E_USAGE" || errorCode(error) === "E_VAULT_LOCKED") return undefined;
      throw error;
    }
  }
}
