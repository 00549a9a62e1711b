import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import type { Rollback } from "@citadel/core/registry";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";

export default class VersionRollback extends CitadelCommand {
  static override summary = "Take the tag latest back to an older version";
  static override description =
    "Nothing is removed: who asks for the newer version, or for a range that only it fits, still gets it. --undo takes the newest rollback back, with the deprecation that came with it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui 1.4.2 --dry-run",
    '<%= config.bin %> <%= command.id %> @acme/ui 1.4.2 --deprecate "use 1.4.2"',
    "<%= config.bin %> <%= command.id %> @acme/ui --undo",
  ];
  static override args = {
    package: text({ required: true, description: "name with scope" }),
    version: text({ description: "version that latest shall point to; not with --undo" }),
  };
  static override flags = {
    reason: string({ description: "one line for the history" }),
    deprecate: string({
      helpValue: "<message>",
      description: "deprecate the version that latest leaves",
    }),
    expect: string({
      helpValue: "<version>",
      description: "fail unless latest points to this one still",
    }),
    undo: boolean({
      exclusive: ["reason", "deprecate", "expect"],
      description: "take the newest rollback back",
    }),
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
  };

  async run(): Promise<Rollback & { readonly dryRun: boolean }> {
    const { args, flags } = await this.parse(VersionRollback);
    const { rollBack } = await import("../../rollback.ts");
    const dryRun = flags["dry-run"];
    const done = await rollBack(await this.citadel(), commandLine, { ...args, ...flags, dryRun });
    const { explain } = await import("../../rollback.ts");
    const { name, from, to, changed, undo } = done;
    for (const line of explain(done)) this.note(line);
    if (!changed) this.success(`latest of ${name} points to ${to} already`);
    else if (dryRun) this.note("dry run: nothing was changed");
    else {
      this.success(`latest of ${name}: ${from} ${this.terminal.unicode ? "→" : "->"} ${to}`);
      if (!undo) this.next(`citadel version:rollback ${name} --undo`);
    }
    return { ...done, dryRun };
  }
}
