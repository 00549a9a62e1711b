import { parseDuration } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { alertNames, createSilences, silenceItem } from "@citadel/core/alerts";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

export default class RegistryAlertsSilence extends CitadelCommand {
  static override summary = "Tell nobody of an alert for a while";
  static override description =
    "It still shows at /_api/performance/alerts. Servers hear of it within ten seconds.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> disk --for 4h --reason 'more is coming'",
  ];
  static override args = {
    alert: text({ required: true, options: [...alertNames], description: "which one" }),
  };
  static override flags = {
    for: string({ default: "1h", helpValue: "<duration>", description: "how long, up to 90 days" }),
    reason: string({ default: "by the operator", description: "why" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryAlertsSilence);
    const lasting = parseDuration(flags.for);
    if (lasting === undefined)
      throw new CitadelError("E_USAGE", "--for is not a duration such as 4h");
    const silences = createSilences((await this.citadel()).store.driver);
    const { name } = commandLine.principal;
    const made = await silences.add(args.alert, lasting, flags.reason.slice(0, 200), name);
    const item = silenceItem(made);
    this.success(`nobody is told of ${made.rule} until ${item.until}`);
    return item;
  }
}
