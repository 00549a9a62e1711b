import { durationOf, iso, SecretsCommand } from "@citadel/core/secrets";
import { CitadelError } from "@citadel/core/errors";
import { string } from "@oclif/core/flags";

export default class SecretsDue extends SecretsCommand {
  static override summary = "Show what has to be rotated, and what expires";
  static override description =
    "By the schedules of the secrets, and the dates at which they are handed out no longer. Exits with 3 when the time of one has come.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --within 30d --json",
  ];
  static override flags = {
    within: string({ helpValue: "<7d>", default: "7d", description: "also what comes until then" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsDue);
    const within = durationOf(flags.within);
    if (within === undefined)
      throw new CitadelError("E_USAGE", "--within is a duration such as 7d");
    const vault = await this.vault(flags);
    const items = (await vault.due(Date.now() + within)).map(({ at, ...item }) => ({
      ...item,
      at: iso(at),
    }));
    await this.table(items, [
      { name: "at", value: ({ at }) => at, importance: 0 },
      { name: "state", value: ({ over }) => (over ? "overdue" : "soon"), importance: 0 },
      { name: "why", value: ({ why }) => why },
      { name: "scope", value: ({ scope }) => scope },
      { name: "name", value: ({ name }) => name, importance: 0 },
    ]);
    const over = items.filter((item) => item.over);
    if (items.length === 0) this.note("nothing is due");
    if (over.length > 0) process.exitCode = 3;
    const rotation = over.find(({ why }) => why === "rotation");
    if (rotation) this.next(`citadel secrets:rotate ${rotation.name} -s ${rotation.scope}`);
    return { items };
  }
}
