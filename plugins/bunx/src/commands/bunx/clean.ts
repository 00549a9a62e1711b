import { CitadelError, parseSize } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { sizeText } from "@citadel/core/terminal";
import { integer } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { openCache, type Entry } from "../../cache.ts";

export default class BunxClean extends CitadelCommand {
  static override summary = "Remove what bunx:run keeps and nobody used for long";
  static override description =
    "By last use, with the content that nothing else needs, and what crashed runs left behind. Never what is running.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> 7 --max-size 500MB -n",
    "<%= config.bin %> <%= command.id %> 0",
  ];
  static override args = {
    days: integer({ min: 0, default: 30, description: "days without use; 0 removes everything" }),
  };
  static override flags = {
    "max-size": string({
      helpValue: "<size>",
      description: "room for the rest; what was used least recently goes",
    }),
    "dry-run": boolean({ char: "n", description: "say what would go, remove nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(BunxClean);
    const most = flags["max-size"] === undefined ? undefined : sizeOf(flags["max-size"]);
    const { clean, daysOf } = await import("../../clean.ts");
    const done = await clean(openCache(this.dirs.cache), {
      ...{ age: daysOf(args.days), most, dryRun: flags["dry-run"] },
    });
    const { removed, inUse, kept, bytes, orphans, dryRun } = done;
    await this.table(removed, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version, importance: 0 },
      { name: "size", value: ({ size }) => sizeText(this.terminal, size), align: "right" },
    ]);
    for (const { name, version } of inUse) this.note(`in use: ${name}@${version}`);
    const text = `${removed.length} of ${removed.length + inUse.length + kept.length}, ${sizeText(this.terminal, bytes)}`;
    if (dryRun) this.note(`would remove ${text}; nothing was removed`);
    else this.success(`removed ${text}`);
    return {
      ...{ items: removed.map(item), inUse: inUse.map(item), kept: kept.length },
      ...{ bytes, orphans, dryRun },
    };
  }
}

const item = ({ id, name, version, size, used }: Entry) => ({
  ...{ id, name, version, size },
  used: new Date(used).toISOString(),
});

function sizeOf(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new CitadelError(
    "E_USAGE",
    `--max-size is a size such as 500MB, not ${JSON.stringify(text.slice(0, 40))}`,
  );
}
