import { alertNames, createSilences, silenceItem } from "@citadel/core/alerts";
import { CitadelCommand } from "@citadel/core/command";

export default class RegistryAlerts extends CitadelCommand {
  static override summary = "List what servers raise alerts on, and what is silenced";
  static override description =
    "How a server is shows at /_api/performance/alerts and in its metrics. See docs/monitoring.md.";
  static override examples = ["<%= config.bin %> <%= command.id %>"];

  async run(): Promise<object> {
    await this.parse(RegistryAlerts);
    const silences = await createSilences((await this.citadel()).store.driver).list();
    const found = new Map(silences.map((silence) => [silence.rule, silenceItem(silence)]));
    const items = alertNames.map((rule) => ({ rule, silenced: found.get(rule) ?? null }));
    await this.table(items, [
      { name: "alert", value: ({ rule }) => rule, importance: 0 },
      { name: "silenced until", value: ({ silenced }) => silenced?.until ?? "" },
      { name: "by", value: ({ silenced }) => silenced?.by ?? "", importance: 3 },
      { name: "reason", value: ({ silenced }) => silenced?.reason ?? "", importance: 2 },
    ]);
    return { items };
  }
}
