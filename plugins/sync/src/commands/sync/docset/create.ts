import { basename } from "node:path";
import { discard, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";

export default class SyncDocsetCreate extends CitadelCommand {
  static override summary = "Make a docset of packages, for Dash and Zeal";
  static override description =
    "README and API of packages of this registry, or of those behind it, to be searched and read without a network. The same versions give the same bytes. docs/docsets.md has more.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui",
    "<%= config.bin %> <%= command.id %> @acme/ui @acme/core@2.x --name Acme",
  ];
  static override strict = false;
  static override args = {
    packages: text({ required: true, description: "name, name@range or name@tag; one or more" }),
  };
  static override flags = {
    output: string({ char: "o", helpValue: "<folder>", description: "ends in .docset" }),
    name: string({ description: "what it is called; the first package unless it is said" }),
    force: boolean({ char: "f", description: "replace a docset that is there" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(SyncDocsetCreate);
    const packages = argv.map(String);
    const title = flags.name ?? packages[0]?.replace(/(?<=.)@.*$/, "") ?? "";
    const path = flags.output ?? `${title.replaceAll(/[^\w.-]+/g, "-").replaceAll(/^-|-$/g, "")}.docset`; // prettier-ignore
    if (!/.\.docset$/.test(basename(path)))
      throw new CitadelError("E_USAGE", `${path} does not end in .docset`, {
        hint: ["name a folder: -o Acme.docset"],
      });
    if (!title.isWellFormed() || /\p{Cc}/u.test(title))
      throw new CitadelError("E_USAGE", "the name of a docset is one line of text", {
        hint: ["name it otherwise: --name Acme"],
      });
    const { createDocset } = await import("../../../docset/create.ts");
    const citadel = await this.citadel();
    const total = packages.length;
    const progress = await this.progress(`reading ${total} packages`, { total, unit: "packages" });
    const options = { packages, title, path, force: flags.force, signal: this.signal, seen: progress.at }; // prettier-ignore
    const made = await createDocset(citadel, commandLine, options, this.#scratch);
    progress.stop();
    this.success(`made ${path}: ${made.entries} entries of ${made.packages.length} packages`);
    return { name: title, ...made };
  }

  protected override async stopping(): Promise<void> {
    await discard(this.#scratch);
  }
}
