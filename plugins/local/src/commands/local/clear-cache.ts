import { formatSize } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { sizeText } from "@citadel/core/terminal";
import { clearCache } from "../../clear-cache.ts";

export default class LocalClearCache extends CitadelCommand {
  static override summary = "Empty the caches";
  static override description =
    "All tiers of the setting cache.tiers, for every server that shares them. Nothing is lost: what was cached is made again when somebody asks for it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(LocalClearCache);
    const cleared = await clearCache(await this.citadel());
    const { items, entries, bytes } = cleared;
    await this.table(items, [
      { name: "cache", value: ({ tier }) => tier, importance: 0 },
      { name: "entries", value: (row) => row.entries, align: "right", importance: 0 },
      { name: "size", value: (row) => sizeText(this.terminal, row.bytes), align: "right" },
      { name: "error", value: ({ error }) => error, importance: 3 },
    ]);
    const failed = items.filter(({ error }) => error !== undefined);
    if (failed.length > 0)
      throw new CitadelError(
        "E_STORE_UNAVAILABLE",
        `not emptied: ${failed.map(({ tier, error }) => `${tier} (${error ?? ""})`).join(", ")}`,
        { hint: ["see which tier is down: citadel local:stats", "then run it again"] },
      );
    this.success(`removed ${entries} entries, ${formatSize(bytes)}`);
    return cleared;
  }
}
