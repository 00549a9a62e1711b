import { CommandHelp, Help, getHelpFlagAdditions } from "@oclif/core/help";
import type { Command, Interfaces } from "@oclif/core";

/** Examples first: most readers want a line to copy. Flags with a letter first: they are the common ones. */
class ExamplesFirst extends CommandHelp {
  protected override flags(flags: Command.Flag.Any[]): [string, string | undefined][] | undefined {
    return super.flags(flags.toSorted((a, b) => Number(!a.char) - Number(!b.char)));
  }

  /** Values that are allowed as words, which lines can be broken between. */
  protected override args(args: Command.Arg.Any[]): [string, string | undefined][] | undefined {
    const told = args.map(({ options, ...arg }) => ({
      ...arg,
      description: [arg.description, options?.join(", ")].filter(Boolean).join(": "),
    }));
    return super.args(told);
  }

  protected override defaultUsage(): string {
    return `${super.defaultUsage()} [FLAGS]`;
  }

  protected override sections(): ReturnType<CommandHelp["sections"]> {
    const order = ["USAGE", "EXAMPLES", "DESCRIPTION"];
    const rank = ({ header }: { header: string }): number => (order.indexOf(header) + 4) % 4;
    return super.sections().toSorted((a, b) => rank(a) - rank(b));
  }
}

/** oclif's help with examples first, 80 columns, two examples for bare `citadel`, and nearest commands for a wrong one. */
export default class CitadelHelp extends Help {
  protected override CommandHelpClass = ExamplesFirst;

  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    const maxWidth = Math.min(process.stdout.columns || 80, 80);
    super(config, {
      ...options,
      maxWidth,
      flagSortOrder: "none",
      docopts: false,
      hideCommandSummaryInDescription: true,
    });
  }

  override async showHelp(argv: string[]): Promise<void> {
    const flags = getHelpFlagAdditions(this.config);
    const words = argv.filter((word) => !flags.includes(word) && word !== "help");
    const [id] = words;
    if (id && !id.startsWith("-") && !this.config.findCommand(id) && !this.config.findTopic(id)) {
      await this.config.runHook("command_not_found", { id, argv: words.slice(1) });
      return;
    }
    await super.showHelp(argv);
  }

  override formatRoot(): string {
    const { bin } = this.config;
    const body = [`$ ${bin} serve`, `$ ${bin} local publish hello 1.0.0 demo -f ./hello.js`];
    return `${super.formatRoot()}\n\n${this.section("EXAMPLES", body.join("\n"))}`;
  }

  protected override async showRootHelp(): Promise<void> {
    await super.showRootHelp();
    const { bin, pjson } = this.config;
    const bugs: unknown = pjson["bugs"];
    const where = typeof bugs === "string" ? bugs : (bugs as { url?: string } | undefined)?.url;
    this.log(`Help on a command: ${bin} help <command>. Manual: docs/README.md`);
    if (where) this.log(`Report a problem: ${where}`);
  }
}
