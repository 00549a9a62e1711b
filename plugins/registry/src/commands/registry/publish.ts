import { discard, environment, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { publishPackages } from "@citadel/core/pack";
import { sizeText } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { sendBatch } from "../../send-batch.ts";
import { readToken } from "../../token.ts";

export default class RegistryPublish extends CitadelCommand {
  static override summary = "Publish a package, or all packages of a workspace at once";
  static override description =
    "Packs as npm does, without running scripts, and publishes all or none: nobody ever sees half of a workspace. With --workspace, the packages of an npm, pnpm or yarn workspace that are not private; workspace: and catalog: ranges are replaced. Into the store of this machine, or with --registry into another Citadel over HTTP.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ./packages/ui",
    "<%= config.bin %> <%= command.id %> --workspace -n",
    "<%= config.bin %> <%= command.id %> --workspace --skip-published",
    "<%= config.bin %> <%= command.id %> . --registry http://localhost:4873/",
  ];
  static override args = {
    path: text({ default: ".", description: "folder of the package, or root of the workspace" }),
  };
  static override flags = {
    workspace: boolean({ char: "w", description: "all packages of the workspace" }),
    tag: string({ description: "dist-tag (latest, or what publishConfig says)" }),
    "skip-published": boolean({
      description: "leave out versions that are there",
      exclusive: ["registry"],
    }),
    registry: string({ helpValue: "<url>", description: "another Citadel" }),
    "token-file": string({
      helpValue: "<file>",
      description: "file with a token for it, - for standard input (CITADEL_TOKEN)",
      dependsOn: ["registry"],
    }),
    "allow-patterns": boolean({
      description: "publish what looks like a secret; a value of the vault never",
    }),
    "dry-run": boolean({ char: "n", description: "pack and check, publish nothing" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPublish);
    const file = flags["token-file"];
    const token = file === undefined ? environment()["CITADEL_TOKEN"] : await readToken(file);
    const citadel = await this.citadel();
    const { registry: url } = flags;
    const progress = this.terminal.err.motion ? await this.progress("packing") : undefined;
    const { openGuard } = await import("@citadel/core/guard");
    const guard = openGuard(citadel, {
      lenient: flags["allow-patterns"],
      warn: (line) => this.warn(line),
    });
    const published = await publishPackages(
      citadel,
      commandLine,
      {
        ...{ guard, path: args.path, workspace: flags.workspace, dryRun: flags["dry-run"] },
        ...{ skipPublished: flags["skip-published"], signal: this.signal },
        ...(flags.tag !== undefined && { tag: flags.tag }),
        ...(url !== undefined && {
          send: (inputs, signal) => sendBatch({ url, token }, inputs, signal),
        }),
      },
      this.#scratch,
    );
    progress?.stop();
    const { items, skipped, dryRun } = published;
    await this.table(items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version },
      { name: "tag", value: ({ tags }) => tags.join(", ") },
      { name: "size", value: ({ size }) => sizeText(this.terminal, size) },
    ]);
    for (const { name, why } of skipped) this.note(`left out: ${name} (${why})`);
    const what = items.length === 1 ? "1 package" : `${items.length} packages`;
    if (dryRun) this.note(`would publish ${what}; nothing was written`);
    else this.success(`published ${what}`);
    return published;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
