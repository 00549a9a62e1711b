import type { Key } from "../driver/index.ts";
import { hash } from "./hash.ts";
import { damaged } from "./problems.ts";
import { CitadelError } from "../errors.ts";
import type { Compartment, Identity } from "./types.ts";

const keyBytes = 32;

/** Slots lie apart from everything else, where nothing is ever locked against deletion. */
export const slotsOf = (compartment: string): string => `slot/${compartment}/`;

/** Named by what it holds: another one never takes its place before the history says so. */
export const slotKey = ({ id, generation, slot }: SlotOf): Key =>
  `${slotsOf(id)}${generation}/${Buffer.from(slot, "base64url").toString("hex")}`;

/** 0 for what is no slot. */
export const generationOf = (key: Key): number => Number(/\/(\d+)\/[^/]+$/.exec(key)?.[1] ?? 0);

type SlotOf = Pick<Compartment, "id" | "generation" | "slot">;

/** Seals the key of a scope to those who may open it, as an age file. @param recipients `age1…` */
export async function sealSlot(
  key: Uint8Array,
  recipients: readonly string[],
): Promise<Uint8Array> {
  const { Encrypter } = await import("age-encryption");
  const file = new Encrypter();
  for (const recipient of recipients) file.addRecipient(recipient);
  return file.encrypt(key);
}

/**
 * The key of a compartment.
 * @param bytes undefined when the slot is not in the store
 * @throws E_VAULT_DAMAGED when it is not the file that the signed history names, E_VAULT_LOCKED when it is not for us
 */
export async function openSlot(
  bytes: Uint8Array | undefined,
  { id, generation, slot }: SlotOf,
  identity: Identity,
): Promise<Uint8Array> {
  const what = `slot ${generation} of the scope ${id}`;
  if (!bytes) throw damaged(`${what} is missing`);
  // an age file proves nothing about who made it: the signed hash does
  if (hash(bytes) !== slot) throw damaged(`${what} is not the one that was signed`);
  const key = await openRaw(bytes, identity);
  if (key.byteLength !== keyBytes) throw damaged(`${what} holds no key`);
  return key;
}

/** What an age file holds for this identity. @throws E_VAULT_LOCKED */
export async function openRaw(bytes: Uint8Array, { age }: Identity): Promise<Uint8Array> {
  const { Decrypter } = await import("age-encryption");
  const file = new Decrypter();
  file.addIdentity(age);
  try {
    return await file.decrypt(bytes);
  } catch (error) {
    throw new CitadelError("E_VAULT_LOCKED", "a key does not open with this identity", {
      cause: error,
    });
  }
}
