import { SecretsCommand } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { memberLine, memberFlags, changeOf } from "../../../members.ts";

export default class SecretsMemberAdd extends SecretsCommand {
  static override summary = "Let an identity into the vault";
  static override description =
    "Only administrators do. Compare the words that are printed with those that the other machine shows, before the member gets anything of worth. A machine is a member until --expires.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> age1….Mx… --name ann --role dev --scopes dev",
    "<%= config.bin %> <%= command.id %> age1….Mx… --name ci --machine --expires 90d",
  ];
  static override args = {
    id: text({
      required: true,
      ignoreStdin: true,
      description: "public id: secrets:identity shows it",
    }),
  };
  static override flags = {
    ...memberFlags,
    name: string({ required: true, helpValue: "<name>", description: "what others call it" }),
    machine: boolean({ description: "not a person, and not for ever" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsMemberAdd);
    const kind = flags.machine ? "machine" : "person";
    const vault = await this.vault(flags);
    const added = await vault.addMember(args.id, { ...changeOf(flags), name: flags.name, kind });
    this.success(`added ${memberLine(added)}`);
    this.note(`fingerprint: ${added.fingerprint}`);
    this.warn("compare these words with the other machine's; remove the member when they differ");
    return added;
  }
}
