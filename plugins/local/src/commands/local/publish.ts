import { discard, type Scratch } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { commandLine } from "@citadel/core/access";
import { factColumns, facts, showPhases, sizeText } from "@citadel/core/terminal";
import { readMetadata } from "../../cli.ts";
import { npmName } from "../../names.ts";
import { publish } from "../../publish.ts";

export default class LocalPublish extends CitadelCommand {
  static override summary = "Publish a file, a folder or a tarball as a package";
  static override description =
    "Any content becomes an ordinary npm package @scope/name. A folder is packed as npm packs it, without running its scripts; a .tgz or .tar.gz is stored byte for byte; any other file becomes a package of that one file. A version that exists is never overwritten.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> hello 1.0.0 demo -f hello.js",
    "<%= config.bin %> <%= command.id %> site 2.1.0 demo -f ./packages/site --tag next",
    "<%= config.bin %> <%= command.id %> notes 1.0.0 - -f - --as notes.txt < notes.txt",
    "<%= config.bin %> <%= command.id %> hello 1.0.1 demo -f hello.js -m metadata.json -n",
  ];
  static override args = {
    name: text({ required: true, description: "name without scope" }),
    version: text({ required: true, description: "semantic version" }),
    scope: text({ required: true, description: "scope, with or without @; - for none" }),
  };
  static override flags = {
    file: string({
      char: "f",
      default: ".",
      helpValue: "<path>",
      description: "file, folder, tarball, or - for standard input",
    }),
    metadata: string({
      char: "m",
      helpValue: "<file>",
      description: "JSON with description, keywords, license, dependencies, ...",
    }),
    tag: string({ default: "latest", description: "dist-tag that points to this version" }),
    as: string({
      helpValue: "<name>",
      description: "name of the file in the package; makes one file of a tarball, too",
    }),
    claim: boolean({
      description: "take the name although an upstream has it, and hide what is there",
    }),
    "allow-patterns": boolean({
      description: "publish what looks like a secret; a value of the vault never",
    }),
    "dry-run": boolean({ char: "n", description: "check and pack, publish nothing" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalPublish);
    const metadata = await readMetadata(flags.metadata);
    const input = {
      name: npmName(args.name, args.scope),
      version: args.version,
      content: flags.file === "-" ? process.stdin : { path: flags.file },
      metadata,
      tag: flags.tag,
      ...(flags.as !== undefined && { fileName: flags.as }),
      claim: flags.claim,
      dryRun: flags["dry-run"],
    };
    // one line per phase would only be noise for what is over at once
    const progress = this.terminal.err.motion ? await this.progress("packing") : undefined;
    const shown = progress ? { ...input, onProgress: showPhases(progress) } : input;
    const citadel = await this.citadel();
    const { openGuard } = await import("@citadel/core/guard");
    const guard = openGuard(citadel, {
      lenient: flags["allow-patterns"],
      warn: (line) => this.warn(line),
    });
    const published = await publish(citadel, commandLine, { ...shown, guard }, this.#scratch);
    progress?.stop();
    const { name, version, tag, uuid, integrity, size, storedSize } = published;
    await this.table(
      facts([
        ["package", `${name}@${version}`],
        ["tag", tag],
        ["uuid", uuid],
        ["integrity", integrity],
        ["size", sizeText(this.terminal, size)],
        ["stored", storedSize === undefined ? undefined : sizeText(this.terminal, storedSize)],
        ["compressed", published.compressed],
        ["encrypted", published.encrypted],
      ]),
      factColumns,
    );
    if (published.dryRun) this.note(`would publish ${name}@${version}; nothing was written`);
    else {
      this.success(`published ${name}@${version}`);
      this.next(`citadel local:resolve ${args.name} ${version} ${args.scope}`);
    }
    return published;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
