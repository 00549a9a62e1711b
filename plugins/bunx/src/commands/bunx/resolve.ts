import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { sourceOf } from "../../cli.ts";

export default class BunxResolve extends CitadelCommand {
  static override summary = "Show which version of a package would run";
  static override description =
    "By the rules of the registry: what its policy withholds is not found. Nothing is downloaded or run.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> prettier",
    "<%= config.bin %> <%= command.id %> prettier ^2 --json",
  ];
  static override args = {
    package: text({ required: true, description: "name, or name@range" }),
    range: text({ description: "version, range or tag" }),
  };
  static override flags = {
    offline: boolean({ description: "ask nobody, look at what is here" }),
    registry: string({ helpValue: "<url>", description: "another registry (CITADEL_TOKEN)" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(BunxResolve);
    const { settings } = await this.settings();
    const { resolveVersion } = await import("../../execute.ts");
    const { because, ...found } = await resolveVersion(args.package, args.range, {
      ...sourceOf({
        ...{ settings, registry: flags.registry, config: this.config },
        citadel: () => this.citadel(),
      }),
      ...{ folder: this.dirs.cache, offline: flags.offline },
    });
    const { name, version, upstream, cached } = found;
    if (because) this.note(`${because.message}: this is what is here`);
    this.out(`${name}@${version}`);
    this.note(
      `${upstream === undefined ? "published here" : `from ${upstream}`}, ${cached ? "ready to run" : "not here yet"}`,
    );
    return found;
  }
}
