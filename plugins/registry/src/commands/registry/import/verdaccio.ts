import { discard, formatSize, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts, showPhases } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { movedFacts, problemColumns } from "../../../moving/report.ts";
import { moveFromVerdaccio } from "../../../moving/verdaccio/move.ts";

export default class RegistryImportVerdaccio extends CitadelCommand {
  static override summary = "Move a Verdaccio in: its packages, accounts and access rules";
  static override description =
    "Reads Verdaccio's configuration, or its storage folder alone, and changes nothing there. Every package that was published to it comes with its versions, byte for byte and checked, dist-tags, dates, deprecations, readmes, owners and stars; copies of upstream packages stay behind. Accounts keep their passwords. What is wrong with one package is reported and does not keep the others; run it again as often as you like.";
  static override examples = [
    "<%= config.bin %> registry:import verdaccio ./config.yaml --dry-run",
    "<%= config.bin %> registry:import verdaccio ./config.yaml",
    "<%= config.bin %> registry:import verdaccio ./storage --htpasswd ./htpasswd",
  ];
  static override args = {
    path: text({ required: true, description: "its config.yaml, or its storage folder" }),
  };
  static override flags = {
    "dry-run": boolean({ char: "n", description: "check everything, write nothing" }),
    htpasswd: string({ helpValue: "<file>", description: "file of the accounts" }),
    "no-rules": boolean({ description: "leave the access rules behind" }),
    "no-users": boolean({ description: "leave the accounts behind", exclusive: ["htpasswd"] }),
    tokens: string({
      helpValue: "<file>",
      description: "tokens that go on working: one a line, or .npmrc; - for standard input",
    }),
    owner: string({
      multiple: true,
      helpValue: "<user>",
      description: "owner of packages that name no user",
    }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryImportVerdaccio);
    const citadel = await this.citadel();
    const progress = await this.progress(`reading ${args.path}`, { unit: "packages" });
    const options = {
      ...{ dryRun: flags["dry-run"], rules: !flags["no-rules"] },
      ...(flags.tokens !== undefined && { tokens: flags.tokens }),
      ...(flags.owner && { owners: flags.owner }),
      ...(flags["no-users"]
        ? { htpasswd: false as const }
        : flags.htpasswd !== undefined && { htpasswd: flags.htpasswd }),
      signal: this.signal,
      onProgress: showPhases(progress),
    };
    const moved = await moveFromVerdaccio(citadel, commandLine, args.path, options, this.#scratch);
    progress.stop();
    const { access, users, tokens, packages, versions, problems, bytes } = moved;
    await this.table(
      facts([
        ["from", moved.config ?? moved.folders[0]],
        ...movedFacts(this.terminal, moved),
        ["users added", users.added],
        ["users unchanged", users.unchanged],
        ["tokens added", tokens.added || undefined],
        ["tokens unchanged", tokens.unchanged || undefined],
        ["rules added", access.added.join(", ")],
        ["rules unchanged", access.kept.join(", ")],
      ]),
      factColumns,
    );
    await this.table(problems, problemColumns);
    for (const note of access.notes) this.note(note);
    if (moved.unowned > 0)
      this.note(
        `${moved.unowned} packages name no user as owner; name who publishes them: --owner <user>, or npm owner add`,
      );
    const what = `${versions.added} versions of ${packages.added + packages.changed} packages, ${formatSize(bytes)}, and ${users.added} accounts`;
    if (problems.length > 0) {
      this.warn(`what stays behind: ${problems.length}, see above`);
      process.exitCode = 3;
    }
    if (moved.dryRun) this.note(`would add ${what}; nothing was written`);
    else {
      this.success(`added ${what}`);
      this.next("citadel serve");
    }
    return moved;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
