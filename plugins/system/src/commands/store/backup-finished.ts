import { CitadelError } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { boolean, string } from "@oclif/core/flags";

/** characters of a place: what hooks are told is short */
const longest = 1000;

export default class StoreBackupFinished extends CitadelCommand {
  static override summary = "Say that a backup of the store has ended";
  static override description =
    "For whatever makes backups, such as the script of the template `backup`: hooks are told of backup.finished, dashboards of a notice, and a good one shows in the metrics as citadel_last_backup_timestamp_seconds.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --place /var/backups/citadel",
    "<%= config.bin %> <%= command.id %> --failed",
  ];
  static override flags = {
    failed: boolean({ description: "it did not work" }),
    place: string({ helpValue: "<text>", description: "where it lies" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(StoreBackupFinished);
    const { failed, place } = flags;
    if (place !== undefined && place.length > longest)
      throw new CitadelError("E_USAGE", `--place has at most ${longest} characters`);
    const backups = await (await this.citadel()).backups();
    await backups.finished({ ok: !failed, ...(place !== undefined && { place }) });
    this.success(failed ? "noted that the backup failed" : "noted that the backup is done");
    return { result: failed ? "failed" : "ok", place: place ?? null };
  }
}
