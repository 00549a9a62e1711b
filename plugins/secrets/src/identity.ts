import type { IdentitySource, Keep } from "@citadel/core/vault";
import { string } from "@oclif/core/flags";

export const keepFlag = string({
  options: ["keychain", "file"],
  description: "where a new identity is kept; keychain where that works",
});

/** A passphrase that is named already is for a key file. */
export const keepOf = (keep: string | undefined, passphraseFile: string | undefined): Keep =>
  keep === "keychain"
    ? "keychain"
    : keep === "file" || passphraseFile !== undefined
      ? "key file"
      : "any";

export const sourceLine = ({ source, where }: IdentitySource): string =>
  source === "key file" ? `${where}, sealed under the passphrase` : where;
