import { iso, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { string } from "@oclif/core/flags";

const time = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

export default class SecretsList extends SecretsCommand {
  static override summary = "List the secrets, without their values";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> -s production --tag db --json",
  ];
  static override flags = {
    scope: scopeFlag,
    tag: string({ multiple: true, helpValue: "<word>", description: "only with these tags" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsList);
    const vault = await this.vault(flags);
    const all = await vault.list(flags.scope);
    this.renew(vault);
    const found = all.filter(({ tags }) => (flags.tag ?? []).every((tag) => tags.includes(tag)));
    const items = found.map(({ created, changed, expires, due, ...item }) => ({
      ...item,
      type: item.type ?? null,
      detail: item.detail ?? null,
      description: item.description ?? null,
      created: iso(created),
      changed: iso(changed),
      expires: time(expires),
      due: time(due),
    }));
    // a day is enough for people
    const shown = (at: string | null) => (this.terminal.out.tty ? at?.slice(0, 10) : at) ?? "";
    await this.table(items, [
      { name: "scope", value: ({ scope }) => scope, importance: 0 },
      { name: "name", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version },
      { name: "state", value: ({ state }) => state },
      {
        name: "type",
        value: ({ type, detail }) => [type, detail].filter(Boolean).join(": "),
        importance: 4,
      },
      { name: "expires", value: ({ expires }) => shown(expires), importance: 2 },
      { name: "tags", value: ({ tags }) => tags.join(", "), importance: 5 },
      { name: "changed", value: ({ changed }) => shown(changed), importance: 3 },
    ]);
    if (items.length === 0) this.note("no secrets");
    return { items };
  }
}
