import { checkNames, due, nameArgs, SyncCommand } from "../../sync-command.ts";

export default class SyncStatus extends SyncCommand {
  static override summary = "Compare this registry with the store that machines share";
  static override description =
    "What is only here, only there, has grown on both sides, and is in conflict. Changes nothing. Exit code 0 when both are the same, 3 when there is something to bring over, 5 with conflicts.";
  static override strict = false;
  static override args = nameArgs;
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> @acme/* --remote s3://bucket/shared --json",
  ];

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(SyncStatus);
    const names = checkNames(argv);
    const { items, remote } = await this.compare(names, flags);
    const different = items.filter(({ standing }) => standing !== "same");
    await this.rows(different);
    if (different.length === 0) this.success(`${items.length} names are the same in ${remote}`);
    else {
      process.exitCode = due;
      this.note(`${different.length} of ${items.length} names differ from ${remote}`);
      this.left(items, "citadel sync:upload");
    }
    return { remote, items };
  }
}
