import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { claimTexts } from "../../../trust.ts";

export default class RegistryTrustList extends CitadelCommand {
  static override summary = "List the pipelines that may publish a package without a token";
  static override examples = ["<%= config.bin %> <%= command.id %> @acme/ui"];
  static override args = { package: text({ required: true, description: "name of the package" }) };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryTrustList);
    const trust = await (await this.citadel()).trust();
    const items = await trust.list(args.package, commandLine);
    await this.table(items, [
      { name: "id", value: ({ id }) => id, importance: 0 },
      { name: "issuer", value: ({ issuer }) => issuer },
      { name: "claims", value: ({ claims }) => claimTexts(claims).join(" ") },
      { name: "permissions", value: ({ permissions }) => permissions.join(" "), importance: 2 },
      {
        name: "last used",
        value: ({ lastUsed }) =>
          lastUsed === undefined ? "never" : new Date(lastUsed).toISOString(),
        importance: 3,
      },
    ]);
    if (items.length === 0) this.note(`${args.package} has no trusted publisher`);
    return {
      items: items.map(({ created, lastUsed, ...config }) => ({
        ...config,
        created: new Date(created).toISOString(),
        ...(lastUsed === undefined ? {} : { lastUsed: new Date(lastUsed).toISOString() }),
      })),
    };
  }
}
