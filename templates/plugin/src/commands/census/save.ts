import { findSchemes } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { openDriver } from "@citadel/core/driver";
import { string } from "@oclif/core/args";
import { takeCensus } from "../../census.ts";
import { settings } from "../../settings.ts";

export default class CensusSave extends CitadelCommand {
  static override summary = "Keep today's census in any store";
  static override examples = ["<%= config.bin %> <%= command.id %> file:./reports"];
  static override args = { to: string({ required: true, description: "a store: scheme:rest" }) };

  async run(): Promise<object> {
    const { args } = await this.parse(CensusSave);
    const { least } = await this.pluginSettings("census", settings);
    const { registry } = await this.citadel();
    const census = await takeCensus(registry, least);
    const key = `census/${new Date().toISOString().slice(0, 10)}`;
    // any driver that Citadel knows, also one of another plugin
    const driver = await openDriver(args.to, findSchemes(this.config));
    try {
      await driver.put(key, Buffer.from(JSON.stringify(census)));
    } finally {
      await driver.close();
    }
    this.success(`saved ${key}`);
    return { key, ...census };
  }
}
