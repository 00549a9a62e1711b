import { SecretsCommand, iso, scopeFlag } from "@citadel/core/secrets";

export default class SecretsList extends SecretsCommand {
  static override summary = "List the secrets, without their values";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> -s production --json",
  ];
  static override flags = { scope: scopeFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsList);
    const vault = await this.vault(flags["passphrase-file"]);
    const items = (await vault.list(flags.scope)).map(({ created, changed, ...item }) => ({
      ...item,
      created: iso(created),
      changed: iso(changed),
    }));
    await this.table(items, [
      { name: "scope", value: ({ scope }) => scope, importance: 0 },
      { name: "name", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version },
      { name: "state", value: ({ state }) => state },
      { name: "changed", value: ({ changed }) => changed, importance: 2 },
    ]);
    if (items.length === 0) this.note("no secrets");
    return { items };
  }
}
