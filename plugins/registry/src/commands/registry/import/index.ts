import { discard, environment, formatSize, parseDuration, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { factColumns, facts, showPhases } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, integer, string } from "@oclif/core/flags";
import { moveFromRegistry } from "../../../moving/remote/move.ts";
import { movedFacts, problemColumns } from "../../../moving/report.ts";

export default class RegistryImport extends CitadelCommand {
  static override summary = "Copy packages from another registry";
  static override description =
    "Takes packages from any npm registry by its address: every version with its tarball, checked against its hash, dist-tags, dates and deprecations. Requests go to that registry alone. What is here already is skipped, so that it goes on where it was stopped. For a Verdaccio whose files are at hand, with its accounts: registry:import verdaccio.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> http://localhost:4873/ --all",
    "<%= config.bin %> <%= command.id %> https://npm.example.org/ --scope acme",
    "<%= config.bin %> <%= command.id %> https://npm.example.org/ --package left-pad -n",
    "<%= config.bin %> <%= command.id %> https://npm.example.org/ --all --token-file t",
  ];
  static override args = {
    url: text({ required: true, description: "address of the registry" }),
  };
  static override flags = {
    package: string({ multiple: true, helpValue: "<name>", description: "this package" }),
    scope: string({ multiple: true, description: "all packages of a scope that it lists" }),
    all: boolean({ description: "all packages that it lists" }),
    "token-file": string({
      helpValue: "<file>",
      description: "file with a token for it, - for standard input (CITADEL_IMPORT_TOKEN)",
    }),
    owner: string({
      multiple: true,
      helpValue: "<user>",
      description: "owner of packages whose maintainers have no account here",
    }),
    "tarball-host": string({
      multiple: true,
      helpValue: "<origin>",
      description: "where its tarballs may also come from, such as https://cdn.example.org",
    }),
    concurrency: integer({ min: 1, max: 64, default: 8, description: "requests at once" }),
    timeout: string({ default: "60s", description: "longest wait for an answer" }),
    "dry-run": boolean({ char: "n", description: "count what would come, write nothing" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryImport);
    const timeout = parseDuration(flags.timeout);
    if (timeout === undefined || timeout === 0)
      throw new CitadelError("E_USAGE", `${flags.timeout} is not a duration such as 30s`);
    const citadel = await this.citadel();
    const progress = await this.progress(`asking ${args.url}`, { unit: "packages" });
    const moved = await moveFromRegistry(
      citadel,
      commandLine,
      {
        ...{ url: args.url, packages: flags.package ?? [], all: flags.all, timeout },
        scopes: (flags.scope ?? []).map((scope) => scope.replace(/^@/, "")),
        ...(flags["tarball-host"] && { hosts: flags["tarball-host"] }),
        ...(flags["token-file"] !== undefined && { tokenFile: flags["token-file"] }),
        token: environment()["CITADEL_IMPORT_TOKEN"],
      },
      {
        ...{ dryRun: flags["dry-run"], concurrency: flags.concurrency, signal: this.signal },
        ...(flags.owner && { owners: flags.owner }),
        onProgress: showPhases(progress),
      },
      this.#scratch,
    );
    progress.stop();
    const { packages, versions, problems, bytes } = moved;
    const from = ["from", moved.from] as const;
    await this.table(facts([from, ...movedFacts(this.terminal, moved)]), factColumns);
    await this.table(problems, problemColumns);
    if (problems.length > 0) {
      this.warn(`what stays behind: ${problems.length}, see above`);
      process.exitCode = 3;
    }
    const what = `${versions.added} versions of ${packages.added + packages.changed} packages`;
    if (moved.dryRun) this.note(`would add ${what}; nothing was written`);
    else this.success(`added ${what}, ${formatSize(bytes)}`);
    return moved;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
