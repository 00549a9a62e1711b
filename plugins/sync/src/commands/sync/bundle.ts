import { discard, formatSize, type Scratch } from "@citadel/core";
import { string as text } from "@oclif/core/args";
import { integer, string } from "@oclif/core/flags";
import { LockCommand } from "../../lock-command.ts";

export default class SyncBundle extends LockCommand {
  static override summary = "Write everything that a lockfile names to one file";
  static override description =
    "For a Citadel without a network: citadel local:import loads the file there, all of it or nothing. It holds the versions of the lockfile with their manifests and tarballs, each checked as a publish is and against the lockfile's hash; when one does not come, no file is written. docs/sync.md has more.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> package-lock.json -o project.tar",
    "<%= config.bin %> <%= command.id %> pnpm-lock.yaml -o /media/stick/project.tar.zst",
  ];
  static override args = {
    lockfile: text({ required: true, description: "path of the lockfile" }),
  };
  static override flags = {
    output: string({
      char: "o",
      required: true,
      helpValue: "<file>",
      description: "ends in .tar, .tar.gz or .tar.zst",
    }),
    concurrency: integer({ min: 1, max: 128, default: 16, description: "tarballs at once" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SyncBundle);
    const { lockfile, all } = await this.fetched(args.lockfile, {
      concurrency: flags.concurrency,
      forms: ["full"],
    });
    const { format, skipped } = lockfile;
    const { fetched, missing } = all;
    const written = all.failed.length > 0 ? all : await this.#write(flags.output, fetched, format);
    const failed = "failed" in written ? written.failed : [];
    await this.shown(failed, missing, skipped);
    if ("exported" in written && written.exported) {
      const { packages, versions, size } = written.exported;
      this.success(`wrote ${versions} versions of ${packages} packages, ${formatSize(size)}`);
      this.next(`citadel local:import ${flags.output}`);
      return { lockfile: format, ...written.exported, failed, missing, skipped };
    }
    const { exitOf } = await import("../../failures.ts");
    process.exitCode = exitOf(failed);
    this.warn(`${failed.length} of ${lockfile.locked.length} versions did not come: no file was written`); // prettier-ignore
    return { lockfile: format, failed, missing, skipped };
  }

  async #write(path: string, fetched: Parameters<WriteBundle>[3], lockfile: string) {
    const [{ writeBundle }, { commandLine }] = await Promise.all([
      import("../../bundle.ts"),
      import("@citadel/core/access"),
    ]);
    const progress = await this.progress(`writing ${path}`, { unit: "packages" });
    const { phase, at } = progress;
    const options = { lockfile, signal: this.signal, phase, at };
    const citadel = await this.citadel();
    const work = writeBundle(citadel, commandLine, path, fetched, options, this.#scratch);
    const written = await this.working(work);
    progress.stop();
    return written;
  }

  protected override async stopping(): Promise<void> {
    await super.stopping();
    await discard(this.#scratch);
  }
}

type WriteBundle = typeof import("../../bundle.ts").writeBundle;
