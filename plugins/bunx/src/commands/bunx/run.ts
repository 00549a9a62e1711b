import { CitadelError, environment } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { clean, type Progress } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import type { Executed } from "../../execute.ts";
import { sourceOf } from "../../cli.ts";

export default class BunxRun extends CitadelCommand {
  static override summary = "Run a program of a package without installing it";
  static override description =
    "What stands after the package is for the program. A package that was published here runs at once; one of a registry behind this one is asked about the first time. Install scripts do not run. The program sees an environment without tokens and secrets. Exits as the program does. With --json what the program prints goes to stderr. docs/bunx.md says what --sandbox keeps from it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> prettier --check .",
    "<%= config.bin %> <%= command.id %> create-vite@latest app --template vue",
    "<%= config.bin %> <%= command.id %> --sandbox --allow-write . @acme/codegen",
  ];
  static override usage = ["<%= command.id %> [flags] <package> [arguments]"];
  /** see `argv.ts` of the core */
  static foreign = true;
  static override args = {
    package: text({ required: true, description: "name, or name@range" }),
  };
  static override flags = {
    yes: boolean({ char: "y", description: "do not ask before a package runs first" }),
    bin: string({ helpValue: "<program>", description: "program of a package that has several" }),
    bun: boolean({
      description: "run it with bun, whatever it says itself",
      exclusive: ["sandbox"],
    }),
    sandbox: boolean({ description: "refuse it other files, programs and add-ons" }),
    "allow-write": string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "<folder>",
      description: "folder that it may write in the sandbox",
      dependsOn: ["sandbox"],
    }),
    "allow-scripts": string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "<name@version>",
      description: "package whose install scripts may run",
    }),
    "allow-git": boolean({ description: "run what lies in a git repository" }),
    "allow-remote": boolean({ description: "run what lies at an address" }),
    env: string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "<name>",
      description: "variable to let through",
    }),
    offline: boolean({ description: "ask nobody, run what is here" }),
    registry: string({ helpValue: "<url>", description: "another registry (CITADEL_TOKEN)" }),
  };

  #scratch = new Set<string>();
  #shown: Progress | undefined;

  async run(): Promise<Executed> {
    const end = this.argv.indexOf("--");
    const args = end < 0 ? [] : this.argv.slice(end + 1);
    const own = this.argv.slice(0, end < 0 ? undefined : end);
    const {
      args: { package: spec },
      flags,
    } = await this.parse(BunxRun, own);
    const { settings } = await this.settings();
    const { execute } = await import("../../execute.ts");
    const done = await execute(spec, args, {
      ...sourceOf({
        ...{ settings, registry: flags.registry, config: this.config },
        citadel: () => this.citadel(),
      }),
      ...{ folder: this.dirs.cache, offline: flags.offline, scratch: this.#scratch },
      ...{ bun: flags.bun, sandbox: flags.sandbox, write: flags["allow-write"] ?? [] },
      ...{ allowGit: flags["allow-git"], allowRemote: flags["allow-remote"] },
      ...{ allowScripts: flags["allow-scripts"] ?? [], env: flags.env ?? [] },
      ...(flags.bin !== undefined && { bin: flags.bin }),
      allow: settings.bunx.allow,
      approve: (question) => this.#approve(question, flags.yes),
      say: (line) => this.#say(clean(line)),
      onPhase: (label) => this.#show(label),
      stdio: this.terminal.json ? ["inherit", 2, "inherit"] : "inherit",
      onStart: () => {
        this.#shown?.stop();
        this.keepSignals();
      },
    });
    process.exitCode = done.exitCode;
    return done;
  }

  #say(line: string): void {
    this.#shown?.stop();
    this.note(line);
  }

  async #show(label: string): Promise<void> {
    if (this.terminal.err.motion) this.#shown = await this.progress(label);
  }

  async #approve(question: string, yes: boolean): Promise<void> {
    this.#shown?.stop();
    if (yes) return;
    if (this.terminal.interactive && !environment()["CI"]) return this.confirm(question, "--yes");
    throw new CitadelError(
      "E_RUN_UNCONFIRMED",
      question.replace(" Run it?", " Nobody can be asked"),
    );
  }

  protected override async stopping(): Promise<void> {
    const { discard } = await import("@citadel/core");
    await discard(this.#scratch);
  }
}
