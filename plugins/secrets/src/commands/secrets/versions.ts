import { SecretsCommand, iso, keyArg, scopeFlag } from "@citadel/core/secrets";

export default class SecretsVersions extends SecretsCommand {
  static override summary = "Show the versions of a secret, without their values";
  static override description =
    "Newest first: labels, who and when, where a value was restored from, and what became of it. No value is opened.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password -s production --json",
  ];
  static override args = { key: keyArg };
  static override flags = { scope: scopeFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsVersions);
    const vault = await this.vault(flags["passphrase-file"]);
    const { scope, name, items } = await vault.versions({ name: args.key, scope: flags.scope });
    const shown = items.map(({ at, since, from, ...item }) => ({
      ...item,
      at: iso(at),
      from: from ?? null,
      since: since === undefined ? null : iso(since),
    }));
    await this.table(shown, [
      { name: "version", value: ({ version }) => version, importance: 0 },
      { name: "labels", value: ({ labels }) => labels.join(", "), importance: 0 },
      { name: "state", value: ({ state }) => state },
      { name: "from", value: ({ from }) => from ?? "" },
      { name: "at", value: ({ at }) => at },
      { name: "since", value: ({ since }) => since ?? "", importance: 2 },
      { name: "by", value: ({ by }) => by, importance: 3 },
    ]);
    return { scope, name, items: shown };
  }
}
