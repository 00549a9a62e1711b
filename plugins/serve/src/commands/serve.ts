import { CitadelCommand } from "@citadel/core/command";
import { boolean, integer, string } from "@oclif/core/flags";
import type { Serving } from "../server/serve.ts";

/** ms that requests in flight have to finish */
const grace = 30_000;

export default class Serve extends CitadelCommand {
  static override aliases = ["registry:start"];
  static override summary = "Run the registry for npm, pnpm, yarn, bun and deno";
  static override description =
    "Needs no set-up: packages, accounts and everything else lie in the data folder. Listens on this machine only unless --host names other addresses. Ctrl-C lets requests in flight finish; a second one cuts them off. With --verbose there is one line per request on stderr.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --port 8080 --host 0.0.0.0",
    "<%= config.bin %> <%= command.id %> --workers 4",
    "<%= config.bin %> <%= command.id %> -c config.yaml -l 0.0.0.0:4873",
    "<%= config.bin %> <%= command.id %> --port 0 --json",
  ];
  static override flags = {
    port: integer({
      min: 0,
      max: 65_535,
      description: "port to listen on; 0 takes a free one (4873)",
    }),
    host: string({
      multiple: true,
      description: "address to listen on, also several times (127.0.0.1 and ::1)",
    }),
    config: string({
      char: "c",
      helpValue: "<file>",
      description: "settings to use, or the config.yaml of a Verdaccio",
    }),
    listen: string({
      char: "l",
      helpValue: "<place>",
      description: "host:port or port, as Verdaccio takes it",
      exclusive: ["port", "host"],
    }),
    "config-file": string({
      helpValue: "<file>",
      description: "file of the thirteen bytes (citadel.lockb in the data folder)",
    }),
    workers: integer({ min: 1, max: 256, description: "processes that share the work (1)" }),
    open: boolean({ description: "show the dashboard in the browser, signed in" }),
  };
  static override settingFlags = {
    port: "server.port",
    host: "server.host",
    workers: "server.workers",
    "config-file": "live.file",
  };

  #serving: Serving | undefined;
  #notes: readonly string[] = [];
  #stopped = Promise.withResolvers<void>();

  async run(): Promise<object> {
    const { flags } = await this.parse(Serve);
    await this.#begin(flags);
    const { settings } = await this.settings();
    const { serve } = await import("../server/serve.ts");
    const serving = await serve({
      settings: settings.server,
      citadel: () => this.citadel(),
      log: flags.verbose,
    });
    this.#serving = serving;
    this.#outliveOutput();
    try {
      if (serving.primary) await this.#welcome(serving, flags.open);
      await Promise.race([this.#stopped.promise, serving.lost]);
    } catch (error) {
      // who reads an error must not find a server behind it
      await serving.stop(0);
      throw error;
    }
    const { url, registry } = serving;
    return { url, registry };
  }

  /** A worker that has failed is kept alive by its channel to the first process, which says why. */
  protected override async catch(error: Error): Promise<void> {
    const { giveUp, isWorker } = await import("../server/workers.ts");
    if (isWorker() && !this.signal.aborted) return giveUp(error);
    return super.catch(error);
  }

  /** A log that cannot be written any more, as on a full disk, is no reason to leave everybody without a registry. */
  #outliveOutput(): void {
    const { stdout, stderr } = process;
    // the usual listener ends the process
    for (const stream of [stdout, stderr]) stream.removeAllListeners("error").on("error", () => {});
    stdout.once("error", ({ message }) =>
      this.warn(`nothing is written to standard output any more: ${message}`),
    );
  }

  async #welcome(serving: Serving, open: boolean): Promise<void> {
    const dashboard = await this.#dashboardOf(serving.url);
    this.#say(serving, dashboard);
    await (await import("../server/notify.ts")).tellSystemd();
    void this.#checkKey();
    await this.#checkProxy();
    await this.#checkBroker();
    if (!open) return;
    const { openInBrowser } = await import("../server/browser.ts");
    if (!(await openInBrowser(dashboard))) this.note("there is no browser to open here");
  }

  /** A start line of Verdaccio becomes settings and access rules. */
  async #begin({
    config,
    listen,
  }: {
    readonly config?: string | undefined;
    readonly listen?: string | undefined;
  }): Promise<void> {
    if (config === undefined && listen === undefined) return;
    const { adopt, readStartLine } = await import("../start-line.ts");
    const line = await readStartLine({ config, listen });
    this.give(line.flags, line.file);
    if (!line.verdaccio || (await import("../server/workers.ts")).isWorker()) return;
    this.#notes = await adopt(await this.citadel(), line.verdaccio, config ?? "");
    for (const note of this.#notes) this.note(note);
  }

  /** With a code that signs in once; without one when the store is away for now, which is no reason not to serve. */
  async #dashboardOf(url: string): Promise<string> {
    const { createLink } = await import("../dashboard/session.ts");
    const { store } = await this.citadel();
    try {
      return `${url}_dashboard/#link=${await createLink(store)}`;
    } catch (error) {
      (await import("@citadel/core")).logger("serve")("there is no link to sign in with", {
        error,
      });
      return `${url}_dashboard/`;
    }
  }

  /** @param dashboard only who sees this output has its code */
  #say({ url, registry }: Serving, dashboard: string): void {
    if (this.terminal.json)
      return this.emit({
        ...{ event: "listening", url, registry, dashboard, pid: process.pid },
        ...(this.#notes.length > 0 && { notes: this.#notes }),
      });
    this.out(`citadel listens on ${url}`);
    this.out("");
    this.out(`  registry   ${registry}`);
    this.out(`  npm        npm set registry ${registry}`);
    this.out(`  one scope  npm set @acme:registry ${registry}`);
    this.out(`  account    npm adduser --registry ${registry}`);
    const once = dashboard.includes("#") ? "  (works once, for a minute)" : "";
    this.out(`  dashboard  ${dashboard}${once}`);
    this.out("");
    this.note("Ctrl-C stops it; how to set up pnpm, yarn, bun and deno: docs/clients.md");
  }

  /** Other registries that are configured and switched off look like ones that have nothing. */
  async #checkProxy(): Promise<void> {
    const citadel = await this.citadel();
    if (citadel.settings.upstream.registries.length === 0 || citadel.upstream) return;
    this.warn("the other registries are not asked: PROXY_MODE is off");
    this.next("citadel config:enable PROXY_MODE");
  }

  /** A server that is to lend out secrets and cannot would say so to whoever asks for one, and only that. */
  async #checkBroker(): Promise<void> {
    const citadel = await this.citadel();
    const { secrets, server } = citadel.settings;
    // the identity may be in a variable, which this process must leave to the workers
    if (!secrets.broker || server.workers > 1) return;
    const { openUnasked } = await import("@citadel/core/unasked");
    await openUnasked(citadel)
      .unlock()
      .catch((error: Error) => {
        this.warn(`no secrets are lent out: ${error.message}`);
        this.next("citadel secrets:status");
      });
  }

  /** A server that cannot sign serves all the same, and would say so at the first publish only. */
  async #checkKey(): Promise<void> {
    const { errorObject, logger } = await import("@citadel/core");
    try {
      const { keys } = await this.citadel();
      await keys.check();
    } catch (error) {
      const { code, message, hint } = errorObject(error);
      // a store that is away for now says so to whoever asks
      if (code !== "E_SERVER_KEY") return logger("serve")("the keys are not checked", { error });
      if (this.terminal.json) return this.emit({ event: "warning", code, message, hint });
      this.warn(`this server cannot sign, so nothing can be published here: ${message} (${code})`);
      for (const line of hint) this.note(`  ${line}`);
    }
  }

  /** Ends `run()`, and with it the command, in the ordinary way: a server that was told to stop has not failed. */
  protected override async stopping(): Promise<void> {
    if (!this.#serving) return;
    if (this.#serving.primary)
      this.note("stopping: requests in flight finish; Ctrl-C again cuts them off");
    await this.#serving.stop(grace);
    this.#stopped.resolve();
    await new Promise(() => {});
  }
}
