import { join, resolve } from "node:path";
import { findSchemes } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { newDriver } from "../../driver-new.ts";

export default class DriverNew extends CitadelCommand {
  static override summary = "Write the package of a new storage driver";
  static override description =
    "A small driver that works as it is and passes the conformance suite, with its test, to be changed into yours.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> notebook",
    "<%= config.bin %> <%= command.id %> notebook --output ./drivers/notebook",
  ];
  static override args = {
    name: text({ required: true, description: "name, which is also the scheme of its URLs" }),
  };
  static override flags = {
    output: string({
      char: "o",
      aliases: ["out"],
      helpValue: "<folder>",
      description: "where to [default: ./citadel-driver-<name>]",
    }),
    "dry-run": boolean({ char: "n", description: "show what would be written" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DriverNew);
    const dryRun = flags["dry-run"];
    const made = await newDriver(args.name, {
      template: join(this.config.root, "templates/driver"),
      folder: resolve(flags.output ?? `citadel-driver-${args.name}`),
      version: this.config.pjson.dependencies?.["@citadel/core"] ?? this.config.version,
      taken: new Set(findSchemes(this.config).keys()),
      dryRun,
    });
    for (const file of made.files) this.out(join(made.folder, file));
    if (dryRun) this.note("nothing was written");
    else {
      this.success(`wrote ${made.package} to ${made.folder}`);
      this.next(`citadel plugins link ${made.folder}, then citadel driver:test ${made.scheme}:...`);
    }
    return { ...made, dryRun };
  }
}
