import { readFile } from "node:fs/promises";
import { text as read } from "node:stream/consumers";
import { CitadelError } from "@citadel/core/errors";
import { SecretsCommand } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { strength } from "../../../policy.ts";

export default class SecretsPolicySet extends SecretsCommand {
  static override summary = "Put rules of who may do what with secrets into force";
  static override description =
    "A JSON document of roles and statements, signed into the history; administrators only. What is not understood is refused. See docs/secrets.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> policy.json",
    "<%= config.bin %> <%= command.id %> - < policy.json",
  ];
  static override args = {
    file: text({
      required: true,
      ignoreStdin: true,
      description: "the document; - for standard input",
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsPolicySet);
    const stdin = args.file === "-";
    const vault = await this.vault(flags, stdin);
    const document = stdin
      ? await read(process.stdin)
      : await readFile(args.file, "utf8").catch((cause: unknown) => {
          throw new CitadelError("E_USAGE", "the file cannot be read", { cause });
        });
    await vault.setPolicy(document);
    this.success("the rules are in force");
    this.note(strength);
    this.next("citadel secrets:policy:explain read <name> --role <role>");
    return { set: true };
  }
}
