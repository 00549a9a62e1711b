import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { scripts, shells, type Shell } from "../completion/scripts.ts";

export default class Completion extends CitadelCommand {
  static override summary = "Print the completion for a shell";
  static override description =
    "Completes commands in both forms, flags, values and names of packages. The script is loaded once; what it offers comes from the installed plugins.";
  static override examples = [
    "source <(<%= config.bin %> completion bash)",
    "source <(<%= config.bin %> completion zsh)",
    "<%= config.bin %> completion fish > ~/.config/fish/completions/citadel.fish",
  ];
  static override args = {
    shell: text({ required: true, options: [...shells], description: "for which shell" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(Completion);
    const shell = args.shell as Shell;
    this.out(scripts[shell].trimEnd());
    return { shell, script: scripts[shell] };
  }
}
