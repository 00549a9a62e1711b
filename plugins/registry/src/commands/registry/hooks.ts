import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";

export default class RegistryHooks extends CitadelCommand {
  static override summary = "List the addresses that are called when something happens";
  static override description =
    "Hooks of all users, with how their newest call went. See docs/hooks.md.";
  static override examples = ["<%= config.bin %> <%= command.id %>"];

  async run(): Promise<object> {
    await this.parse(RegistryHooks);
    const hooks = await (await this.citadel()).hooks();
    const items = await hooks.list(commandLine);
    await this.table(items, [
      { name: "id", value: ({ id }) => id, importance: 0 },
      { name: "of", value: ({ username }) => username, importance: 2 },
      { name: "about", value: ({ type, name }) => (type === "registry" ? type : name) },
      { name: "calls", value: ({ endpoint }) => new URL(endpoint).host },
      { name: "state", value: ({ status }) => status },
      { name: "answer", value: ({ responseCode }) => responseCode ?? "", importance: 3 },
    ]);
    if (items.length === 0) this.next("citadel registry:hooks:add https://ci.example.com/citadel");
    return { items };
  }
}
