import { CitadelCommand } from "@citadel/core/command";
import { boolean } from "@oclif/core/flags";
import { liveItems, liveVariables, unknownFlags } from "../../live.ts";

export default class ConfigBytes extends CitadelCommand {
  static override summary = "Show the switches that a running registry follows";
  static override description =
    "Thirteen bytes at the beginning of citadel.lockb in the data folder: change them with config:set, config:enable and config:disable, and a running server does so at once.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --env > citadel.env",
  ];
  static override flags = {
    env: boolean({ description: "print them as environment variables" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(ConfigBytes);
    const live = await (await this.citadel()).live();
    const hex = live.bytes().toString("hex");
    const items = liveItems(live);
    if (flags.env) for (const line of liveVariables(live)) this.out(line);
    else {
      await this.table(items, [
        { name: "byte", value: ({ offset }) => offset },
        { name: "field", value: ({ field }) => field, importance: 0 },
        { name: "value", value: ({ value }) => shown(value) },
      ]);
      this.note(hex);
      const unknown = unknownFlags(live);
      if (unknown !== undefined) this.warn(unknown);
    }
    return { hex, items };
  }
}

const shown = (value: string | number | boolean): string =>
  typeof value === "boolean" ? (value ? "on" : "off") : String(value);
