import { discard, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import type { LocalPackage, LocalPackages } from "../../local.ts";

export default class PkgLocal extends CitadelCommand {
  static override summary = "Compare a workspace with what is published";
  static override description =
    "Every package of an npm, pnpm or yarn workspace, or the one of a folder: what is published of it, whether the folder is ahead, and whether it needs another version for what changed, by the rules of version:recommend; build it first. Exit code 3 when a package needs a bump.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> ./work --json",
  ];
  static override args = { path: text({ default: ".", description: "root of the workspace" }) };

  #scratch: Scratch = new Set();

  async run(): Promise<LocalPackages> {
    const { args } = await this.parse(PkgLocal);
    const { localPackages } = await import("../../local.ts");
    const progress = await this.progress("comparing with what is published");
    const citadel = await this.citadel();
    const found = await localPackages(citadel, commandLine, args.path, this.#scratch);
    progress.stop();
    await this.table<LocalPackage>(found.items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version ?? "", importance: 0 },
      { name: "published", value: ({ published }) => published ?? "", importance: 0 },
      { name: "state", value: ({ state }) => state, importance: 0 },
      { name: "next", value: ({ next }) => next ?? "", importance: 1 },
      { name: "folder", value: ({ folder }) => folder, importance: 3 },
      { name: "because", value: ({ because }) => because ?? "", importance: 2 },
    ]);
    const due = found.items.filter(({ state }) => state === "needs bump");
    if (due.length > 0) process.exitCode = 3;
    const waiting = found.items.some(({ state }) => state === "new" || state === "ahead");
    if (waiting && due.length === 0) this.next("citadel registry:publish --workspace");
    return found;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
