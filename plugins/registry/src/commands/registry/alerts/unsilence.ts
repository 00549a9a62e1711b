import { alertNames, createSilences } from "@citadel/core/alerts";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";

export default class RegistryAlertsUnsilence extends CitadelCommand {
  static override summary = "Tell of an alert again";
  static override examples = ["<%= config.bin %> <%= command.id %> disk"];
  static override args = {
    alert: text({ required: true, options: [...alertNames], description: "which one" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryAlertsUnsilence);
    const silences = createSilences((await this.citadel()).store.driver);
    if (!(await silences.remove(args.alert)))
      throw new CitadelError("E_NOT_FOUND", `${args.alert} is not silenced`, {
        hint: ["see what is: citadel registry:alerts"],
      });
    this.success(`${args.alert} is told of again`);
    return { alert: args.alert };
  }
}
