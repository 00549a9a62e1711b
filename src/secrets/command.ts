import { environment } from "../config/environment.ts";
import { CitadelCommand } from "../command.ts";
import { CitadelError } from "../errors.ts";
import { askSecret } from "../terminal/prompt.ts";
import { readSecretFile } from "../terminal/secret.ts";
import { clean } from "../terminal/text.ts";
import type { Read } from "../vault/api.ts";
import type { Vault } from "../vault/index.ts";
import type { Shield } from "../vault/mask/shield.ts";
import { integer, string } from "@oclif/core/flags";
import { logger } from "../log.ts";
import { readValue } from "./value.ts";

const log = logger("vault");

/** The flags of every command that opens the vault. */
export interface VaultFlags {
  readonly "passphrase-file"?: string | undefined;
  readonly "identity-fd"?: number | undefined;
}

/** The file that holds the passphrase, if one is named. */
export const passphraseFile = (flags: VaultFlags): string | undefined =>
  flags["passphrase-file"] ?? environment()["CITADEL_PASSPHRASE_FILE"];

/** The base of the commands that open the vault. */
export abstract class SecretsCommand extends CitadelCommand {
  static override baseFlags = {
    ...CitadelCommand.baseFlags,
    "passphrase-file": string({
      helpGroup: "GLOBAL",
      helpValue: "<file>",
      description: "file with the passphrase of the key file",
    }),
    "identity-fd": integer({
      helpGroup: "GLOBAL",
      helpValue: "<number>",
      min: 0,
      description: "open descriptor that holds the identity",
    }),
  };

  /** the vault, once it was changed */
  #stale: Vault | undefined;

  /**
   * The value that the arguments name: `-` and nothing are read, see {@link readValue}; anything else can be seen by others.
   * @throws E_USAGE where the setting forbids that
   */
  protected async given(value: string | undefined): Promise<{
    /** is it on standard input? */
    readonly stdin: boolean;
    read(): Promise<Buffer>;
  }> {
    const visible = value !== undefined && value !== "-";
    if (visible) {
      // takes it out of the list of processes
      process.title = `citadel ${this.id}`;
      if (!(await this.settings()).settings.secrets.allowArgv)
        throw new CitadelError("E_USAGE", "a value on the command line is not taken here", {
          hint: ["pipe it in", "the setting secrets.allowArgv forbids it"],
        });
      this.warn("a value on the command line is seen by others and kept by shells: pipe it in");
    }
    return {
      stdin: !visible && !(value === undefined && this.terminal.interactive),
      read: () => readValue(this.terminal, value),
    };
  }

  /** @param flags as parsed @param stdin whether standard input holds something else */
  protected async vault(flags: VaultFlags, stdin = false): Promise<Vault> {
    const file = environment()["CITADEL_IDENTITY_FILE"] || undefined;
    const path = passphraseFile(flags);
    const descriptor = flags["identity-fd"];
    if (stdin && path === "-")
      throw new CitadelError("E_USAGE", "standard input holds the value, not the passphrase", {
        hint: ["pass --passphrase-file <file>"],
      });
    const { openSecrets } = await import("./open.ts");
    const citadel = await this.citadel();
    const vault = openSecrets({
      citadel,
      from: { descriptor, file, variable: citadel.identity() },
      changed: () => (this.#stale = vault),
      passphrase: async (use) => {
        if (path) return readSecretFile(path, "passphrase");
        const flag = "--passphrase-file <file>";
        if (use === "known") return askSecret(this.terminal, "Passphrase of the vault:", flag);
        const chosen = await askSecret(this.terminal, "New passphrase for the vault:", flag);
        if ((await askSecret(this.terminal, "The same again:", flag)) !== chosen)
          throw new CitadelError("E_USAGE", "the two are not the same");
        return chosen;
      },
    });
    return shielded(vault, () => this.shield());
  }

  /** This machine's own index of secrets is renewed at the end of the command. */
  protected renew(vault: Vault): void {
    this.#stale = vault;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    const stale = this.#stale;
    if (stale)
      await Promise.all([this.citadel(), import("./open.ts")])
        .then(([citadel, { noteSecrets }]) => noteSecrets(citadel, stale))
        .catch((failure: unknown) => log("the index of secrets was not renewed", { failure }));
    await super.finally(error);
  }

  /** Standard output carries values from now on: it is what was asked for. */
  protected async reveal(): Promise<void> {
    (await this.shield()).open(process.stdout);
  }

  /** @throws E_USAGE where a value would end up on a terminal although nobody said so */
  protected mayShow(reveal: boolean): void {
    const { out, json } = this.terminal;
    if (json && out.tty && !reveal)
      throw new CitadelError("E_USAGE", "a value is printed on a terminal only with --reveal", {
        hint: ["pass --reveal, or send it into a file or pipe"],
      });
  }

  /**
   * Prints a value: as it is into a pipe or file, on a terminal masked unless it is to be revealed.
   * @returns what --json shows
   */
  protected async show({ value, ...read }: Read, reveal: boolean): Promise<object> {
    const { out, json } = this.terminal;
    await this.reveal();
    const text = value.toString();
    const encoding = Buffer.from(text).equals(value) ? "utf8" : "base64";
    if (json) {
      // printed with the rest
    } else if (!out.tty)
      await new Promise<void>((done) => process.stdout.write(value, () => done()));
    else if (reveal) this.out(clean(text));
    else {
      const { maskedValue } = await import("../vault/values/check.ts");
      this.out(clean(maskedValue(read.type ?? "custom", value)));
      this.note("shown with --reveal, or in a file or pipe");
    }
    const shown = encoding === "utf8" ? text : value.toString("base64");
    value.fill(0);
    return { ...read, value: shown, encoding };
  }
}

/** The same vault, whose values this process does not say by accident. */
function shielded(vault: Vault, shield: () => Promise<Shield>): Vault {
  const hide = async (name: string, value: Uint8Array) => (await shield()).hide(name, value);
  return {
    ...vault,
    async get(...asked) {
      const read = await vault.get(...asked);
      await hide(read.name, read.value);
      return read;
    },
    async set(which, value, ...more) {
      await hide(which.name, value);
      return vault.set(which, value, ...more);
    },
    async rotate(which, value, ...more) {
      await hide(which.name, value);
      return vault.rotate(which, value, ...more);
    },
    async beginRotation(which, value) {
      await hide(which.name, value);
      return vault.beginRotation(which, value);
    },
  };
}
