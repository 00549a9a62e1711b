import { passphraseFile, SecretsCommand } from "@citadel/core/secrets";
import { newIdentityFile } from "../../files.ts";
import { string } from "@oclif/core/flags";
import { keepFlag, keepOf, sourceLine } from "../../identity.ts";

export default class SecretsIdentity extends SecretsCommand {
  static override summary = "Show the public id of this machine's identity";
  static override description =
    "An administrator adds it to the vault: citadel secrets:member:add. Compare the words first. Makes an identity where there is none; --new makes one for a job instead, in a file that nothing seals.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --new ./job-identity",
  ];
  static override flags = {
    keep: keepFlag,
    new: string({ helpValue: "<file>", description: "a new identity for a job, in this file" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsIdentity);
    const shown =
      flags.new === undefined
        ? await (
            await this.vault(flags)
          ).identity({ keep: keepOf(flags.keep, passphraseFile(flags)) })
        : await newIdentityFile(flags.new);
    if (shown.notInKeychain) this.note(`the keychain is of no use here: ${shown.notInKeychain}`);
    if (shown.made) this.note(`new identity: ${sourceLine(shown)}`);
    this.out(shown.publicId);
    this.note(`fingerprint: ${shown.fingerprint}`);
    this.next("on an administrator's machine: citadel secrets:member:add <id> --name <name>");
    return shown;
  }
}
