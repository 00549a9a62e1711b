import { SecretsCommand } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { kitPassphraseFlag, writeKit } from "../../../files.ts";

export default class SecretsMemberRecovery extends SecretsCommand {
  static override summary = "Make a recovery kit, and keep it offline";
  static override description =
    "An identity that opens everything, for the day on which all others are lost: in a file that a passphrase opens, also with the program age, or as one line for paper. Take it off this machine. See secrets:recover.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> /media/usb/recovery.age",
    "<%= config.bin %> <%= command.id %> --paper",
  ];
  static override args = {
    file: text({ ignoreStdin: true, description: "file to write" }),
  };
  static override flags = {
    paper: boolean({ description: "print a line that nothing seals, to be written down" }),
    "kit-passphrase-file": kitPassphraseFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsMemberRecovery);
    const vault = await this.vault(flags);
    const kit = await writeKit(this.terminal, args.file, flags);
    const added = await vault.addMember(kit.publicId, kit.member);
    if (kit.line !== undefined) this.out(kit.line);
    this.success(kit.file === undefined ? "made a recovery kit" : `made ${kit.file}`);
    this.note("keep it where no machine is, and its passphrase elsewhere");
    return { ...added, ...(kit.line !== undefined && { kit: kit.line }) };
  }
}
