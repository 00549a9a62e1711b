import { iso, SecretsCommand } from "@citadel/core/secrets";

export default class SecretsMemberList extends SecretsCommand {
  static override summary = "List the members of the vault";
  static override examples = ["<%= config.bin %> <%= command.id %>"];

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsMemberList);
    const all = await (await this.vault(flags)).members();
    const items = all.map(({ since, until, ...member }) => ({
      ...{ ...member, since: iso(since) },
      until: until === undefined ? null : iso(until),
    }));
    await this.table(items, [
      { name: "name", value: ({ name, me }) => (me ? `${name} (you)` : name), importance: 0 },
      { name: "role", value: ({ role }) => role, importance: 0 },
      { name: "kind", value: ({ kind }) => kind },
      { name: "state", value: ({ state }) => state },
      { name: "scopes", value: ({ scopes }) => scopes.join(", ") },
      { name: "until", value: ({ until }) => until ?? "", importance: 2 },
      { name: "id", value: ({ id }) => id, importance: 3 },
    ]);
    return { items };
  }
}
