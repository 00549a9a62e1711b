import { formatSize } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import { boolean, string } from "@oclif/core/flags";
import {
  checkNames,
  nameArgs,
  SyncCommand,
  takenOf,
  type RemoteFlags,
} from "../../sync-command.ts";

export default class SyncUpload extends SyncCommand {
  static override summary = "Bring packages of this registry to a store that machines share";
  static override description =
    "Only what is missing there travels. A package that has grown on both sides is merged here first, on top of what is there; one in conflict stays as it is on both sides until --take says who is right. May be interrupted at any moment and run again. docs/sync.md says what a conflict is. With --views finished answers for a CDN go there instead, see docs/edge.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> @acme/ui --take @acme/ui=theirs",
    "<%= config.bin %> <%= command.id %> --views https://npm.example.com/",
  ];
  static override strict = false;
  static override args = nameArgs;
  static override flags = {
    take: string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "<package>=ours|theirs",
      description: "who is right where both have changed the same; * for all",
    }),
    views: string({
      helpValue: "<url>",
      exclusive: ["take"],
      description: "bring finished answers for the CDN at this address",
    }),
    "dry-run": boolean({ char: "n", description: "compare, change nothing" }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(SyncUpload);
    const names = checkNames(argv);
    const dryRun = flags["dry-run"];
    if (flags.views === undefined)
      return this.exchange("upload", { names, take: takenOf(flags.take ?? []), dryRun, flags });
    if (names.length > 0)
      throw new CitadelError("E_USAGE", "--views brings all packages, not some of them", {
        hint: ["leave out the names"],
      });
    return this.#views(flags.views, dryRun, flags);
  }

  async #views(base: string, dryRun: boolean, flags: RemoteFlags): Promise<object> {
    const { exportViews } = await import("@citadel/core/edge");
    const citadel = await this.citadel();
    const { phase, at, stop } = await this.progress("opening the remote store", { unit: "packages" }); // prettier-ignore
    const { driver, url } = await this.remote(flags);
    const options = { base, dryRun, signal: this.signal, phase, at };
    const exported = await this.working(exportViews(citadel, driver, options));
    stop();
    const { packages, tarballs } = exported;
    const what = `${packages.changed} of ${packages.all} packages and removed ${packages.removed}`;
    if (dryRun) this.note(`would bring ${what}; nothing was changed`);
    else this.success(`brought ${what}, ${formatSize(tarballs.bytes)} of tarballs`);
    return { remote: url, base, dryRun, ...exported };
  }
}
