import { SecretsCommand } from "@citadel/core/secrets";

export default class SecretsInit extends SecretsCommand {
  static override summary = "Make the vault of this store";
  static override description =
    "Makes a key file for this user, sealed under a passphrase, and an empty vault that only it opens. There is one vault in a store. See docs/secrets.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --passphrase-file ./passphrase",
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsInit);
    const vault = await this.vault(flags["passphrase-file"]);
    const made = await vault.init();
    this.success(`made the vault ${made.vault}`);
    this.note(`identity: ${made.keyFile}, ${made.made ? "new, " : ""}sealed under the passphrase`);
    this.warn(
      "keep a copy of the key file and its passphrase: nothing opens the vault without them",
    );
    this.next("citadel secrets:set <name>");
    return made;
  }
}
