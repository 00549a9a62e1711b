import { Command } from "@oclif/core/command";
import { boolean, string } from "@oclif/core/flags";
import type { Interfaces } from "@oclif/core";
import { join } from "node:path";
import type { Citadel } from "./citadel.ts";
import { findDirs } from "./config/dirs.ts";
import type { SettingsFile } from "./config/files.ts";
import { environment, logEverything, serverKeyOf } from "./config/environment.ts";
import type { Loaded } from "./config/load.ts";
import type { PluginSetting } from "./config/plugins.ts";
import type { Dirs } from "./config/settings.ts";
import { CitadelError, errorCode, errorObject, type ErrorObject } from "./errors.ts";
import type { Driver } from "./driver/driver.ts";
import { findSchemes } from "./plugins.ts";
import { causes, errorJson, printError } from "./terminal/error.ts";
import type { Column } from "./terminal/table.ts";
import type { Progress } from "./terminal/progress.ts";
import { createTerminal, type Terminal } from "./terminal/terminal.ts";
import { writeReport } from "./report.ts";
import { usageError } from "./usage.ts";
import type { Shield } from "./vault/mask/shield.ts";

const exits = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof exits;

type Values = Record<string, unknown>;

/**
 * The base of every command: `--json`, errors and exit codes by the table, output that suits a pipe and a terminal,
 * the core context on demand, and an orderly end. A command parses, calls one function, prints, and returns what
 * `--json` shows.
 */
export abstract class CitadelCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    store: string({
      helpGroup: "GLOBAL",
      helpValue: "<url>",
      description: "store of documents and blobs",
    }),
    quiet: boolean({ char: "q", helpGroup: "GLOBAL", description: "print data and errors only" }),
    verbose: boolean({ helpGroup: "GLOBAL", description: "log what happens to stderr" }),
    "no-color": boolean({ helpGroup: "GLOBAL", description: "print without colour" }),
    "no-input": boolean({ helpGroup: "GLOBAL", description: "never ask, fail instead" }),
  };

  /** Flags of the command that are settings: `{ port: "server.port" }`. Their values win over all other sources. */
  static settingFlags: Readonly<Record<string, string>> = {};

  /** What the output streams can show. Ready when `run()` starts. */
  protected terminal!: Terminal;
  #settingFlags: Record<string, unknown> = {};
  #givenFile: SettingsFile | undefined;
  #citadel: Promise<Citadel> | undefined;
  #loaded: Promise<Loaded> | undefined;
  #progress: Progress | undefined;
  #redact = (text: string): string => text;
  #streamed = false;
  #shield: Promise<Shield> | undefined;
  #stop = new AbortController();
  #unlisten = (): void => {};

  /** Does the work and resolves with what `--json` prints: an object, never nothing. */
  abstract override run(): Promise<object>;

  /** Aborted by Ctrl-C and SIGTERM. */
  protected get signal(): AbortSignal {
    return this.#stop.signal;
  }

  protected get dirs(): Dirs {
    return findDirs(environment());
  }

  /** All settings with their origins, flags of this command included. Warnings of files are printed once, unless `quiet`. */
  protected settings({ quiet = false } = {}): Promise<Loaded> {
    this.#loaded ??= this.#load(quiet);
    return this.#loaded;
  }

  /** Settings of a plugin: `plugins.<plugin>.<name>` in files, `CITADEL_PLUGINS_<PLUGIN>_<NAME>`. @throws E_CONFIG */
  protected async pluginSettings<const T extends Readonly<Record<string, unknown>>>(
    plugin: string,
    settings: { readonly [K in keyof T]: PluginSetting<T[K]> },
  ): Promise<T> {
    const [{ pluginSettings }, loaded] = await Promise.all([
      import("./config/plugins.ts"),
      this.settings(),
    ]);
    return pluginSettings(plugin, settings, { loaded, env: environment(), cwd: process.cwd() });
  }

  /** Settings that the command line says in words of its own, before anybody has asked for them. */
  protected give(flags: Readonly<Record<string, unknown>>, file?: SettingsFile): void {
    Object.assign(this.#settingFlags, flags);
    this.#givenFile = file;
  }

  /** The core context, opened when first asked for and closed at the end of the command. */
  protected citadel(): Promise<Citadel> {
    this.#citadel ??= this.#open();
    return this.#citadel;
  }

  /** Other stores, kept as the settings say of the own ones; the caller closes them. @throws E_CONFIG, E_STORE_UNAVAILABLE */
  protected async stores(documents: string, blobs = documents): Promise<Driver> {
    const [{ openStores, storesOf }, { settings }] = await Promise.all([
      import("./citadel.ts"),
      this.settings(),
    ]);
    const own = storesOf(settings, this.dirs, serverKeyOf(environment()));
    return openStores({ ...own, documents, blobs }, findSchemes(this.config), async (...asked) =>
      (await this.citadel()).secret(...asked),
    );
  }

  /** Data, one line or more, to stdout; nothing with `--json`. */
  protected out(text: string): void {
    if (!this.terminal.json) process.stdout.write(`${text}\n`);
  }

  /** One JSON document per line to stdout, for commands that stream; then the result of `run()` is not printed. */
  protected emit(value: object): void {
    this.#streamed = true;
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** One line for people, to stderr; nothing with `--quiet` or `--json`. */
  protected note(text: string): void {
    this.terminal.note(text);
  }

  /** The new state after a change, to stderr like a note. */
  protected success(text: string): void {
    const { unicode, err } = this.terminal;
    this.note(`${err.palette.good(unicode ? "✔" : "ok")} ${text}`);
  }

  /** The command that usually comes next. */
  protected next(text: string): void {
    this.note(this.terminal.err.palette.dim(`next: ${text}`));
  }

  /** Long text to stdout: through the user's pager on a terminal that it does not fit on. */
  protected async page(text: string): Promise<void> {
    const { json, out } = this.terminal;
    if (json) return;
    if (!out.tty || text.split("\n").length < (out.stream.rows || 24)) return this.out(text);
    const { page } = await import("./terminal/pager.ts");
    // keys that a pager understands are not for us
    this.#unlisten();
    const ignore = (): void => {};
    process.on("SIGINT", ignore);
    const paged = await page(text, environment()).finally(() => {
      process.off("SIGINT", ignore);
      this.#listen();
    });
    if (!paged) this.out(text);
  }

  /** Rows to stdout: a table that fits a terminal, else tab-separated values; nothing with `--json`. */
  protected async table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
    const { json, out, unicode } = this.terminal;
    if (json) return;
    const { formatTable } = await import("./terminal/table.ts");
    const width = out.tty ? out.width : undefined;
    for (const line of formatTable(rows, columns, { width, palette: out.palette, unicode }))
      this.out(line);
  }

  /** Shows long work on stderr until the command ends or `stop()` is called. */
  protected async progress(
    label: string,
    options?: { total?: number; unit?: string },
  ): Promise<Progress> {
    const { startProgress } = await import("./terminal/progress.ts");
    this.#progress?.stop();
    this.#progress = startProgress(this.terminal, label, options);
    return this.#progress;
  }

  /** Asks before something is changed. @param flag what a script passes instead. @throws E_USAGE, E_CANCELLED */
  protected async confirm(question: string, flag: string): Promise<void> {
    const { confirm } = await import("./terminal/prompt.ts");
    await confirm(this.terminal, question, flag);
  }

  /** Asks for the name of what would be lost, unless `--confirm` gave it. @throws E_USAGE, E_CANCELLED */
  protected async confirmName(question: string, name: string, given?: string): Promise<void> {
    const { confirmName } = await import("./terminal/prompt.ts");
    await confirmName(this.terminal, question, name, given);
  }

  /** What keeps values of the vault out of all that this command says, raised when first asked for. */
  protected shield(): Promise<Shield> {
    return (this.#shield ??= import("./vault/mask/shield.ts").then(({ raiseShield }) => {
      const shield = raiseShield([process.stdout, process.stderr]);
      this.#redact = shield.text;
      return shield;
    }));
  }

  /** Leaves SIGINT and SIGTERM to what the command does about them. */
  protected keepSignals(): void {
    this.#unlisten();
  }

  /** Lets a long-running command end its work after Ctrl-C or SIGTERM, before what it opened is closed. */
  protected async stopping(_signal: Signal): Promise<void> {}

  /** A warning, to stderr. */
  override warn(input: string | Error): string | Error {
    const text = input instanceof Error ? input.message : input;
    const { palette, stream } = this.terminal.err;
    stream.write(`${palette.careful(this.terminal.unicode ? "▲" : "!")} ${text}\n`);
    return input;
  }

  protected override async init(): Promise<void> {
    const typed = new Set(this.argv.slice(0, endOfFlags(this.argv)));
    const mode = {
      json: this.jsonEnabled(),
      quiet: typed.has("--quiet") || typed.has("-q"),
      noColor: typed.has("--no-color"),
      noInput: typed.has("--no-input"),
    };
    if (typed.has("--verbose")) logEverything();
    this.terminal = await createTerminal(mode, environment());
    await super.init();
    this.#listen();
  }

  protected override async parse<F extends Values, B extends Values, A extends Values>(
    options?: Interfaces.Input<F, B, A>,
    argv = this.argv,
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv).catch((error: unknown) => {
      throw usageError(error, this.#shape()) ?? error;
    });
    const { settingFlags } = this.constructor as typeof CitadelCommand;
    for (const [flag, key] of Object.entries({ ...settingFlags, store: "store" }))
      if (!parsed.metadata.flags[flag]?.setFromDefault)
        this.#settingFlags[key] = (parsed.flags as Record<string, unknown>)[flag];
    return parsed;
  }

  protected override async catch(
    error: Error & { code?: unknown; oclif?: { exit?: number } },
  ): Promise<void> {
    this.#progress?.stop();
    if (this.signal.aborted) return; // the end of the command speaks
    if (error.code === "EEXIT") {
      process.exitCode = error.oclif?.exit ?? 0;
      return;
    }
    const { object, because } = this.#describe(error);
    process.exitCode = object.exit;
    printError({ object, because }, this.terminal);
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#progress?.stop();
    try {
      await this.#close();
    } catch (failure) {
      if (!error) await this.catch(failure as Error);
    } finally {
      if (!this.signal.aborted) this.#unlisten();
    }
  }

  protected override toErrorJson(error: unknown): { error: ErrorObject } {
    return { error: this.#describe(error).object };
  }

  protected override logJson(json: unknown): void {
    if (this.#streamed || this.signal.aborted) return;
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  async #load(quiet: boolean): Promise<Loaded> {
    const { loadSettings } = await import("./config/load.ts");
    const loaded = loadSettings({
      env: environment(),
      cwd: process.cwd(),
      dirs: this.dirs,
      flags: this.#settingFlags,
      given: this.#givenFile,
    });
    if (!quiet) for (const warning of loaded.warnings) this.warn(warning);
    return loaded;
  }

  async #open(): Promise<Citadel> {
    const { settings } = await this.settings();
    const { openCitadel } = await import("./citadel.ts");
    return openCitadel({
      settings,
      schemes: findSchemes(this.config),
      dirs: this.dirs,
      serverKey: serverKeyOf(environment()),
      crash: environment()["CITADEL_CRASH_AT"],
    });
  }

  async #close(): Promise<void> {
    const opened = this.#citadel;
    this.#citadel = undefined;
    const citadel = await opened?.catch(() => undefined);
    await citadel?.close();
  }

  #describe(error: unknown): { object: ErrorObject; because: string[] } {
    const known = usageError(error, this.#shape()) ?? error;
    const object = errorObject(known);
    if (errorCode(known) !== undefined) return { object, because: causes(known) };
    const file = this.#report(error);
    const hint = file ? [`report it with ${file}`] : object.hint;
    const message = error instanceof Error ? error.message : String(error);
    return { object: { ...object, hint }, because: [message, ...causes(error)] };
  }

  #report(error: unknown): string | undefined {
    const plugins = this.config.getPluginsList().map(({ name, version }) => [name, version]);
    return writeReport({
      error,
      command: this.id ?? "",
      versions: { node: process.version, ...Object.fromEntries(plugins) },
      env: environment(),
      folder: join(this.dirs.cache, "reports"),
      redact: this.#redact,
    });
  }

  #shape(): Parameters<typeof usageError>[1] {
    const { args, baseFlags, flags } = this.ctor;
    return { id: this.id ?? "", args, flags: { json: {}, help: {}, ...baseFlags, ...flags } };
  }

  /** The first signal ends the command in order; a second one, by a person and not by the same key press, at once. */
  #listen(): void {
    let first: number | undefined;
    const stop = (signal: Signal): void => {
      if (first === undefined) {
        first = Date.now();
        void this.#end(signal);
      } else if (Date.now() - first > 200) {
        process.stderr.write("stopped without cleaning up\n");
        process.exit(exits[signal]);
      }
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    this.#unlisten = () => process.off("SIGINT", stop).off("SIGTERM", stop);
  }

  async #end(signal: Signal): Promise<void> {
    const exit = exits[signal];
    this.#progress?.stop();
    this.#stop.abort(new CitadelError("E_CANCELLED", "stopped"));
    try {
      await this.stopping(signal);
      await this.#close();
    } finally {
      if (this.terminal.json && !this.#streamed)
        process.stdout.write(
          `${errorJson({ ...errorObject(new CitadelError("E_CANCELLED", "stopped")), exit })}\n`,
        );
      process.exit(exit);
    }
  }
}

const endOfFlags = (argv: readonly string[]): number => {
  const end = argv.indexOf("--");
  return end < 0 ? argv.length : end;
};
