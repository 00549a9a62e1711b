import { CitadelCommand } from "@citadel/core/command";
import { sizeText, timeText } from "@citadel/core/terminal";
import { openCache } from "../../cache.ts";

export default class BunxCache extends CitadelCommand {
  static override summary = "List what bunx:run keeps";
  static override description =
    "Packages with all that they need, ready to run without a registry. The one that was used last comes first.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(BunxCache);
    const entries = await openCache(this.dirs.cache).list();
    const items = entries
      .toSorted((a, b) => b.used - a.used)
      .map(({ id, folder, name, version, integrity, upstream, size, ran, skipped, ...times }) => ({
        ...{ id, name, version, integrity, upstream, size },
        created: new Date(times.created).toISOString(),
        used: new Date(times.used).toISOString(),
        ...{ ranScripts: ran, skippedScripts: skipped, folder },
      }));
    await this.table(items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version, importance: 0 },
      { name: "size", value: ({ size }) => sizeText(this.terminal, size), align: "right" },
      { name: "last use", value: ({ used }) => timeText(this.terminal, Date.parse(used)) },
      { name: "from", value: ({ upstream }) => upstream ?? "here", importance: 2 },
      { name: "scripts", value: ({ ranScripts }) => ranScripts.join(", "), importance: 3 },
    ]);
    if (items.length === 0) this.note("nothing was run yet");
    return { items, bytes: items.reduce((sum, { size }) => sum + size, 0) };
  }
}
