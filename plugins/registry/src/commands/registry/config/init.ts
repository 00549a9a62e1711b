import { CitadelCommand } from "@citadel/core/command";
import { commentedSettings } from "@citadel/core/commented";
import { CitadelError } from "@citadel/core/errors";
import { boolean } from "@oclif/core/flags";
import { fileFlags } from "../../../settings-file/flags.ts";
import { replace, settingsFileOf, textOf } from "../../../settings-file/place.ts";

export default class RegistryConfigInit extends CitadelCommand {
  static override summary = "Begin a settings file, with every setting explained";
  static override description =
    "Everything in it is a comment: it changes nothing until something is taken out of the comments. A file that is there is not touched.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --project",
    "<%= config.bin %> <%= command.id %> --dry-run > citadel.json5",
  ];
  static override flags = {
    ...fileFlags,
    "dry-run": boolean({ char: "n", description: "print it, write nothing" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryConfigInit);
    const path = settingsFileOf(flags, process.cwd(), this.dirs);
    const text = commentedSettings(this.dirs);
    const dryRun = flags["dry-run"];
    if (dryRun) this.out(text.trimEnd());
    else {
      if ((await textOf(path)) !== undefined)
        throw new CitadelError("E_CONFLICT", `${path} is there already`, {
          hint: ["change it: citadel registry:config:save server.port=5000", "or --file <path>"],
        });
      await replace(path, text);
      this.out(path);
      this.success("wrote every setting, as comments");
    }
    return { path, dryRun, ...(dryRun && { text }) };
  }
}
