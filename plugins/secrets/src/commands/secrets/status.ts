import { SecretsCommand } from "@citadel/core/secrets";
import { sourceLine } from "../../identity.ts";

export default class SecretsStatus extends SecretsCommand {
  static override summary = "Show how the vault stands, and which identity opens it";
  static override description =
    "Where the identity of this machine is, what it has seen of the vault, who shares it, and which scopes should get a new key. Exits with 3 when something is due.";
  static override examples = ["<%= config.bin %> <%= command.id %>"];

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsStatus);
    const status = await (await this.vault(flags)).status();
    const { identity, pin } = status;
    await this.table(
      [
        ["vault", status.vault],
        ["fingerprint", status.fingerprint],
        ["identity", `${identity.name} (${identity.role}), ${sourceLine(identity)}`],
        ["seen", `event ${pin.seq}, ${pin.head}`],
        ["members", `${status.members}, of them ${status.administrators} administrators`],
        ["recovery", status.recovery ? "there is a kit" : "none"],
        ...status.scopes.map(({ name, generation, seals }) => [
          ...[`scope ${name}`, `key ${generation}, ${seals} records`],
        ]),
      ],
      [
        { name: "what", value: ([what]) => what, importance: 0 },
        { name: "how", value: ([, how]) => how, importance: 0 },
      ],
    );
    const due = status.scopes.flatMap(({ name, rekey }) => (rekey ? `${name}: ${rekey}` : []));
    for (const one of due) this.warn(`a new key is due for ${one}`);
    if (due.length > 0) this.next("citadel secrets:rekey");
    if (!status.recovery)
      this.warn("there is no recovery kit: citadel secrets:member:recovery <file>");
    if (identity.source === "variable")
      this.warn("an identity in the environment can be seen by others of this user");
    if (due.length > 0) process.exitCode = 3;
    return status;
  }
}
