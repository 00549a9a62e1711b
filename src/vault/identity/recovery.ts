import { locked } from "../problems.ts";
import type { Identity } from "../types.ts";
import { newIdentity } from "./key-file.ts";
import { publicId, readSecretText, secretText } from "./text.ts";

/** An identity for the day on which all others are lost, to be kept where no machine is. */
export interface RecoveryKit {
  readonly publicId: string;
  /** a line for paper, or an age file (armored) that a passphrase opens */
  readonly text: string;
}

/** @param passphrase seals it; without one the text is the identity itself */
export async function newRecoveryKit(passphrase?: string): Promise<RecoveryKit> {
  const identity = await newIdentity();
  const line = secretText(identity);
  if (passphrase === undefined) return { publicId: publicId(identity.member), text: line };
  const { armor, Encrypter } = await import("age-encryption");
  const file = new Encrypter();
  file.setPassphrase(passphrase);
  return {
    publicId: publicId(identity.member),
    text: armor.encode(await file.encrypt(line)),
  };
}

/** The identity of a kit. @param passphrase asked for when the kit is sealed @throws E_VAULT_LOCKED */
export async function openRecoveryKit(
  text: string,
  passphrase: () => Promise<string>,
): Promise<Identity> {
  const plain = await readSecretText(text);
  if (plain) return plain;
  const { armor, Decrypter } = await import("age-encryption");
  try {
    const file = new Decrypter();
    const sealed = armor.decode(text.trim());
    file.addPassphrase(await passphrase());
    const identity = await readSecretText(await file.decrypt(sealed, "text"));
    if (identity) return identity;
  } catch (error) {
    throw locked("the recovery kit does not open with this passphrase", error);
  }
  throw locked("this is no recovery kit");
}
