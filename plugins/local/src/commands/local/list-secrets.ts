import { iso, scopeFlag, SecretsCommand } from "@citadel/core/secrets";

export default class LocalListSecrets extends SecretsCommand {
  static override summary = "List the secrets of the local registry, without their values";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> -s production --json",
  ];
  static override flags = { scope: scopeFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(LocalListSecrets);
    const vault = await this.vault(flags);
    const found = await vault.list(flags.scope);
    this.renew(vault);
    const items = found.map(
      ({ name, scope, type = "custom", state, created, changed, expires }) => ({
        ...{ name, scope, type, state, created: iso(created), updated: iso(changed) },
        expires: expires === undefined ? null : iso(expires),
      }),
    );
    await this.table(items, [
      { name: "scope", value: ({ scope }) => scope, importance: 0 },
      { name: "name", value: ({ name }) => name, importance: 0 },
      { name: "type", value: ({ type }) => type },
      { name: "state", value: ({ state }) => state },
      { name: "expires", value: ({ expires }) => expires ?? "", importance: 2 },
      { name: "updated", value: ({ updated }) => updated, importance: 3 },
    ]);
    if (items.length === 0) this.note("no secrets");
    return { items };
  }
}
