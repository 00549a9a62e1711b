import { CitadelCommand } from "@citadel/core/command";
import { integer } from "@oclif/core/flags";

export default class Term extends CitadelCommand {
  static override summary = "Watch and steer the registry of this machine on the terminal";
  static override description =
    "Figures, events, alerts and the thirteen bytes of a running server, and a prompt: set, enable, disable, save, publish, status, reload, clear, help, exit. Without a server the commands work on the store itself. What the screen is like is one of the bytes: raw is the whole terminal, cooked is line by line. Lines may come from a pipe.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> config:set terminalMode raw",
    "echo 'enable DEBUG' | <%= config.bin %> <%= command.id %>",
  ];

  static override flags = {
    port: integer({ min: 1, max: 65_535, description: "port of the server (4873)" }),
  };
  static override settingFlags = { port: "server.port" };

  async run(): Promise<object> {
    await this.parse(Term);
    const { settings } = await this.settings();
    const { runTerm } = await import("../term/modes.ts");
    const output: string[] = [];
    const code = await runTerm({
      ...{ settings, dirs: this.dirs, citadel: () => this.citadel() },
      ...{ terminal: this.terminal, signal: this.signal },
      write: (text) => (this.terminal.json ? output.push(text) : process.stdout.write(text)),
    });
    process.exitCode = code;
    return { code, output: output.join("").split("\n").slice(0, -1) };
  }
}
