import { join, resolve } from "node:path";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { newPlugin } from "../../plugin-new.ts";

export default class PluginNew extends CitadelCommand {
  static override summary = "Write the package of a new plugin";
  static override description =
    "Two small commands that work as they are, with a setting, a test and a build, to be changed into yours.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> census",
    "<%= config.bin %> <%= command.id %> census --output ./plugins/census",
  ];
  static override args = {
    name: text({
      required: true,
      description: "name, which is also the first word of its commands",
    }),
  };
  static override flags = {
    output: string({
      char: "o",
      aliases: ["out"],
      helpValue: "<folder>",
      description: "where to [default: ./citadel-plugin-<name>]",
    }),
    "dry-run": boolean({ char: "n", description: "show what would be written" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginNew);
    const dryRun = flags["dry-run"];
    const made = await newPlugin(args.name, {
      template: join(this.config.root, "templates/plugin"),
      folder: resolve(flags.output ?? `citadel-plugin-${args.name}`),
      version: this.config.pjson.dependencies?.["@citadel/core"] ?? this.config.version,
      taken: new Set(this.config.commandIDs.map((id) => id.split(":")[0] as string)),
      dryRun,
    });
    for (const file of made.files) this.out(join(made.folder, file));
    if (dryRun) this.note("nothing was written");
    else {
      this.success(`wrote ${made.package} to ${made.folder}`);
      this.next(`npm install and npm run build in it, then citadel plugins link ${made.folder}`);
    }
    return { ...made, dryRun };
  }
}
