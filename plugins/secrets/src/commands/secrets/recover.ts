import { readFile } from "node:fs/promises";
import { CitadelError } from "@citadel/core/errors";
import { passphraseFile, SecretsCommand } from "@citadel/core/secrets";
import { askSecret, readSecretFile } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { keepFlag, keepOf } from "../../identity.ts";
import { kitPassphraseFlag } from "../../files.ts";

export default class SecretsRecover extends SecretsCommand {
  static override summary = "Make this machine's identity an administrator, with a recovery kit";
  static override description =
    "For the day on which the identities of all administrators are lost. The kit is the file that secrets:member:recovery wrote, or the line from paper in a file. Remove the lost members afterwards.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> /media/usb/recovery.age --name ann",
  ];
  static override args = {
    kit: text({ required: true, ignoreStdin: true, description: "file with the recovery kit" }),
  };
  static override flags = {
    name: string({ required: true, helpValue: "<name>", description: "what others call it" }),
    keep: keepFlag,
    "kit-passphrase-file": kitPassphraseFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsRecover);
    const kit = await readFile(args.kit, "utf8").catch((error: unknown) => {
      throw new CitadelError("E_USAGE", `${args.kit} cannot be read`, { cause: error });
    });
    const file = flags["kit-passphrase-file"];
    const vault = await this.vault(flags);
    const member = await vault.recover(
      kit,
      () =>
        file
          ? readSecretFile(file, "passphrase")
          : askSecret(this.terminal, "Passphrase of the kit:", "--kit-passphrase-file <file>"),
      { name: flags.name, keep: keepOf(flags.keep, passphraseFile(flags)) },
    );
    this.success(`${member.name} is an administrator`);
    this.next("citadel secrets:member:remove <lost member>");
    return member;
  }
}
