import { SecretsCommand } from "@citadel/core/secrets";
import { CitadelError } from "@citadel/core/errors";
import {
  answer,
  isAction,
  requestArgs,
  requestFlags,
  requestOf,
  strength,
} from "../../../policy.ts";

export default class SecretsPolicyExplain extends SecretsCommand {
  static override summary = "Say whether the rules in force allow something, and why";
  static override description =
    "For this identity, or somebody of another role. Exits with 8 when it is denied.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> read db/password -s production",
    "<%= config.bin %> <%= command.id %> write db/url --role dev --address ::1",
  ];
  static override args = requestArgs;
  static override flags = requestFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsPolicyExplain);
    const { action, name } = args;
    const { scope } = flags;
    if (!isAction(action)) throw new CitadelError("E_USAGE", "an unknown action");
    const more = requestOf(flags);
    const vault = await this.vault(flags);
    const { allowed, by } = await vault.explain(action, { scope, name }, more);
    this.out(`${action} ${scope}/${name}: ${answer(allowed, by)}`);
    this.note(strength);
    if (!allowed) process.exitCode = 8;
    return { action, scope, name, allowed, by: by ?? null };
  }
}
