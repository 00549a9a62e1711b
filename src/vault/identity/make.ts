import { locked } from "../problems.ts";
import { inKeychain, type FoundIdentity, type IdentityOptions } from "./find.ts";
import { keepInKeychain, whyNoKeychain } from "./keychain.ts";
import { keepInKeyFile, keyFileOf, newIdentity } from "./key-file.ts";

/** Where a new identity is kept; `any`: in the keychain where that works, else in a key file. */
export type Keep = "any" | "keychain" | "key file";

export interface MadeIdentity extends FoundIdentity {
  /** why it is not in the keychain */
  readonly notInKeychain?: string;
}

/** A new identity, kept. @throws E_VAULT_LOCKED, E_USAGE for a passphrase that is too short */
export async function makeIdentity(
  { folder, passphrase, keychain }: Pick<IdentityOptions, "folder" | "passphrase" | "keychain">,
  keep: Keep,
): Promise<MadeIdentity> {
  const identity = await newIdentity();
  const why = keep === "key file" ? undefined : await whyNoKeychain(keychain);
  if (keep === "keychain" || (keep === "any" && why === undefined)) {
    if (why !== undefined) throw locked(`the keychain of this machine is of no use: ${why}`);
    await keepInKeychain(folder, identity, keychain);
    return { identity, source: "keychain", where: inKeychain };
  }
  await keepInKeyFile(folder, identity, passphrase);
  const made = { identity, source: "key file" as const, where: keyFileOf(folder) };
  return why === undefined ? made : { ...made, notInKeychain: why };
}
