import { CitadelError } from "@citadel/core/errors";
import { SecretsCommand } from "@citadel/core/secrets";
import { strength } from "../../../policy.ts";

export default class SecretsPolicyGet extends SecretsCommand {
  static override summary = "Print the rules of who may do what with secrets";
  static override description = "As they were set. Exits with 4 when there are none.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> > policy.json",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsPolicyGet);
    const vault = await this.vault(flags);
    const document = await vault.getPolicy();
    if (document === undefined)
      throw new CitadelError("E_SECRET_NOT_FOUND", "there are no rules: the keys alone decide", {
        hint: ["set some: citadel secrets:policy:set <file>"],
      });
    this.out(document.trimEnd());
    this.note(strength);
    return JSON.parse(document) as object;
  }
}
