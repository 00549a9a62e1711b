import { boolean, string } from "@oclif/core/flags";
import { checkNames, nameArgs, SyncCommand, takenOf } from "../../sync-command.ts";

export default class SyncDownload extends SyncCommand {
  static override summary = "Bring packages of a store that machines share to this registry";
  static override description =
    "Only what is missing here travels, and the store is not changed but for keys. A package that has grown on both sides is merged here, on top of what is there; one in conflict stays as it is until --take says who is right. May be interrupted at any moment and run again. docs/sync.md says what a conflict is.";
  static override strict = false;
  static override args = nameArgs;
  static override examples = [
    "<%= config.bin %> <%= command.id %> --remote file:/mnt/shared/registry",
    "<%= config.bin %> <%= command.id %> @acme/* --take '*=theirs'",
  ];
  static override flags = {
    take: string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "<package>=ours|theirs",
      description: "who is right where both have changed the same; * for all",
    }),
    "dry-run": boolean({ char: "n", description: "compare, change nothing" }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(SyncDownload);
    return this.exchange("download", {
      names: checkNames(argv),
      take: takenOf(flags.take ?? []),
      dryRun: flags["dry-run"],
      flags,
    });
  }
}
