import { discard, environment, type Scratch } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { sizeText } from "@citadel/core/terminal";
import { boolean, string } from "@oclif/core/flags";
import { selfPublish } from "../../self-publish/self-publish.ts";
import { thereFlags, thereOf } from "../../there.ts";

const parts = ["check", "build-only", "verify-only"] as const;

export default class RegistrySelfPublish extends CitadelCommand {
  static override summary =
    "Publish Citadel itself into the registry, install it from there and run it";
  static override description =
    "In a clone of the sources: builds all packages, publishes them in one batch into the store of this machine (or with --registry into another Citadel), installs citadel from the running registry into an empty folder, and lets what was installed say its version and publish and resolve a package. What others made comes through the registries that this one asks. Packages that are there as they are are left out.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --start",
    "<%= config.bin %> <%= command.id %> --check",
    "<%= config.bin %> <%= command.id %> --verify-only",
  ];
  static override flags = {
    check: boolean({
      description: "say what would be published, write nothing",
      exclusive: ["build-only", "verify-only", "start"],
    }),
    start: boolean({ description: "start a registry for this when none answers" }),
    "build-only": boolean({ description: "build, and nothing else", exclusive: ["verify-only"] }),
    "verify-only": boolean({ description: "install and run what is published" }),
    "no-build": boolean({ description: "publish what is built already" }),
    into: string({
      helpValue: "<folder>",
      description: "empty folder to install into, which stays",
    }),
    ...thereFlags,
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistrySelfPublish);
    const part = parts.find((each) => flags[each]);
    const only = { check: "check", "build-only": "build", "verify-only": "verify" } as const;
    const done = await selfPublish(
      () => this.citadel(),
      {
        ...{ root: this.config.root, env: environment(), signal: this.signal },
        ...(part && { only: only[part] }),
        ...{ build: !flags["no-build"], start: flags.start },
        into: flags.into,
        warn: (line) => void this.warn(line),
        there: await thereOf(flags, this.signal),
        phase: (what) => this.note(what),
      },
      this.#scratch,
    );
    await this.table(done.items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version },
      { name: "size", value: ({ size }) => sizeText(this.terminal, size) },
      { name: "state", value: ({ state }) => state },
    ]);
    const { registry, verified } = done;
    if (verified && registry !== null) {
      this.success(`installed ${verified.packages} packages from ${registry}, ${verified.own} of them Citadel's own`); // prettier-ignore
      this.success(`it runs: ${verified.says}`);
    } else if (part === "build-only") this.success("built");
    return done;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
