import { passphraseFile, SecretsCommand } from "@citadel/core/secrets";
import { kitPassphraseFlag, writeKit } from "../../files.ts";
import { string } from "@oclif/core/flags";
import { keepFlag, keepOf, sourceLine } from "../../identity.ts";

export default class SecretsInit extends SecretsCommand {
  static override summary = "Make the vault of this store";
  static override description =
    "Makes an identity for this user, in the keychain or in a key file sealed under a passphrase, and an empty vault that only it opens. There is one vault in a store. See docs/secrets.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --recovery /media/usb/recovery.age",
  ];
  static override flags = {
    keep: keepFlag,
    recovery: string({ helpValue: "<file>", description: "also a recovery kit, in this file" }),
    "kit-passphrase-file": kitPassphraseFlag,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsInit);
    const vault = await this.vault(flags);
    const made = await vault.init({ keep: keepOf(flags.keep, passphraseFile(flags)) });
    this.success(`made the vault ${made.vault}`);
    if (made.notInKeychain) this.note(`the keychain is of no use here: ${made.notInKeychain}`);
    this.note(`${made.made ? "new " : ""}identity: ${sourceLine(made)}`);
    if (flags.recovery) {
      const kit = await writeKit(this.terminal, flags.recovery, flags);
      await vault.addMember(kit.publicId, kit.member);
      this.note(`recovery kit: ${flags.recovery}; take it off this machine`);
    } else
      this.warn(
        "there is no recovery kit: nothing opens the vault when this identity is lost (citadel secrets:member:recovery <file>)",
      );
    this.next("citadel secrets:set <name>");
    return made;
  }
}
