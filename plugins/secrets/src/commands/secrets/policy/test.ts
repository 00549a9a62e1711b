import { readFile } from "node:fs/promises";
import { CitadelError } from "@citadel/core/errors";
import { CitadelCommand } from "@citadel/core/command";
import { checkName, envOf, evaluate, readPolicy } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { answer, isAction, requestArgs, requestFlags, requestOf } from "../../../policy.ts";

export default class SecretsPolicyTest extends CitadelCommand {
  static override summary = "Try rules from a file before they are in force";
  static override description =
    "Checks the document, and says what it would answer. Opens no vault. Exits with 8 when it would be denied.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> policy.json read db/password --role dev",
    "<%= config.bin %> <%= command.id %> policy.json read x --role ci --address ::1",
  ];
  static override args = {
    file: text({ required: true, ignoreStdin: true, description: "the document" }),
    ...requestArgs,
  };
  static override flags = requestFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsPolicyTest);
    const { action, file } = args;
    const { scope, role = "administrator" } = flags;
    if (!isAction(action)) throw new CitadelError("E_USAGE", "an unknown action");
    const name = checkName(args.name, "secret");
    const document = readPolicy(
      await readFile(file, "utf8").catch((cause: unknown) => {
        throw new CitadelError("E_USAGE", "the file cannot be read", { cause });
      }),
    );
    const { allowed, by } = evaluate(document, {
      ...{ role, action, scope, env: envOf(scope), name, viaBroker: false, now: Date.now() },
      ...requestOf(flags),
    });
    this.out(`${role} ${action} ${scope}/${name}: ${answer(allowed, by)}`);
    if (!allowed) process.exitCode = 8;
    return { role, action, scope, name, allowed, by: by ?? null };
  }
}
