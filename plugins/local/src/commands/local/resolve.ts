import { discard, type Scratch } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { commandLine } from "@citadel/core/access";
import { factColumns, facts, sizeText } from "@citadel/core/terminal";
import { npmName } from "../../names.ts";
import { passContent, resolve, writeContent } from "../../resolve.ts";

export default class LocalResolve extends CitadelCommand {
  static override summary = "Show a package, or write its content back";
  static override description =
    "With -o the content comes back byte for byte as it was given: the single file, or the tarball. Its SHA-512 is checked first; when it is wrong, nothing is written and the error names the damaged object.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> hello latest demo",
    '<%= config.bin %> <%= command.id %> hello "^1.0.0" demo -o ./hello.js',
    "<%= config.bin %> <%= command.id %> site next demo -o - | tar -tz",
  ];
  static override args = {
    name: text({ required: true, description: "name without scope" }),
    version: text({ required: true, description: "version, range or dist-tag" }),
    scope: text({ required: true, description: "scope, with or without @; - for none" }),
  };
  static override flags = {
    output: string({
      char: "o",
      helpValue: "<path>",
      description: "file or folder for the content, - for standard output",
    }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalResolve);
    const citadel = await this.citadel();
    const found = await resolve(citadel, commandLine, npmName(args.name, args.scope), args.version);
    const { name, version } = found;
    if (flags.output === "-" && !this.terminal.json) {
      await passContent(citadel, found, process.stdout, this.#scratch);
      return found;
    }
    if (flags.output === undefined || flags.output === "-") {
      await this.table(this.#facts(found), factColumns);
      this.next(`citadel local:resolve ${args.name} ${version} ${args.scope} -o .`);
      return found;
    }
    const output = await writeContent(citadel, found, flags.output, this.#scratch);
    this.success(`wrote ${name}@${version} to ${output}`);
    return { ...found, output };
  }

  #facts(found: Awaited<ReturnType<typeof resolve>>): ReturnType<typeof facts> {
    return facts([
      ["package", `${found.name}@${found.version}`],
      ["description", found.description],
      ["tags", found.tags.join(", ")],
      ["deprecated", found.deprecated],
      ["uuid", found.uuid],
      ["integrity", found.integrity],
      ["size", sizeText(this.terminal, found.size)],
      ["stored", sizeText(this.terminal, found.storedSize)],
      ["compressed", found.compressed],
      ["encrypted", found.encrypted],
      ["file", found.file?.content],
      ["published", found.published],
      ["publisher", found.publisher],
    ]);
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
