import { formatSize } from "@citadel/core";
import { string as text } from "@oclif/core/args";
import { boolean, integer } from "@oclif/core/flags";
import { LockCommand } from "../../lock-command.ts";

export default class SyncPrefetch extends LockCommand {
  static override summary = "Fetch everything that a lockfile names into the cache";
  static override description =
    "Lockfiles of npm (1 to 3), pnpm (5, 6, 9), yarn 1, yarn berry and bun. Tarballs and packuments come from the registries behind this one, by its rules; each tarball is compared with the lockfile's hash. What did not come is listed, and the exit code says so. docs/sync.md has more.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> package-lock.json",
    "<%= config.bin %> <%= command.id %> pnpm-lock.yaml --concurrency 4 --json",
  ];
  static override args = {
    lockfile: text({ required: true, description: "path of the lockfile" }),
  };
  static override flags = {
    concurrency: integer({ min: 1, max: 128, default: 16, description: "tarballs at once" }),
    full: boolean({ description: "packuments in their full form as well" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SyncPrefetch);
    const { lockfile, all } = await this.fetched(args.lockfile, {
      concurrency: flags.concurrency,
      forms: flags.full ? ["short", "full"] : ["short"],
    });
    const { fetched, missing, failed } = all;
    const { format, skipped } = lockfile;
    await this.shown(failed, missing, skipped);
    const bytes = fetched.reduce((sum, { size }) => sum + size, 0);
    const line = `${fetched.length} of ${lockfile.locked.length} tarballs are here, ${formatSize(bytes)} (${format})`;
    if (failed.length === 0) this.success(line);
    else {
      const { exitOf } = await import("../../failures.ts");
      process.exitCode = exitOf(failed);
      this.warn(`${line}; ${failed.length} did not come`);
    }
    return { format, tarballs: fetched.length, bytes, failed, missing, skipped };
  }
}
