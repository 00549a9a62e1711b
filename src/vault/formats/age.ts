import { CitadelError } from "../../errors.ts";
import { invalid, mostBytes } from "./item.ts";

/** Who opens an age file: public keys, or whoever knows a passphrase. */
export type Readers = { readonly recipients: readonly string[] } | { readonly passphrase: string };

/** What may open one: private keys, and a passphrase that is asked for when the file wants one. */
export interface Openers {
  readonly identities: readonly string[];
  readonly passphrase: () => Promise<string>;
}

const begin = "-----BEGIN AGE ENCRYPTED FILE-----";

/** Whether bytes begin as an age file does, armoured or not. */
export function isAge(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 100)).toString("latin1").trimStart();
  return start.startsWith(begin) || start.startsWith("age-encryption.org/v1\n");
}

/** An armoured age file. @throws E_USAGE for what is no recipient */
export async function sealAge(plain: Uint8Array, readers: Readers): Promise<string> {
  const { Encrypter, armor } = await import("age-encryption");
  const file = new Encrypter();
  if ("passphrase" in readers) file.setPassphrase(readers.passphrase);
  else
    for (const one of readers.recipients)
      try {
        file.addRecipient(one);
      } catch (error) {
        throw new CitadelError(
          "E_USAGE",
          `${JSON.stringify(one.slice(0, 80))} is no age recipient`,
          {
            hint: ["it begins with age1; age-keygen -y prints it"],
            cause: error,
          },
        );
      }
  return armor.encode(await file.encrypt(plain));
}

/** What an age file holds. @throws E_VAULT_LOCKED, E_INVALID_DOCUMENT */
export async function openAge(
  bytes: Uint8Array,
  { identities, passphrase }: Openers,
): Promise<Uint8Array> {
  if (bytes.byteLength > mostBytes)
    throw new CitadelError("E_TOO_LARGE", `the file has more than ${mostBytes} bytes`);
  const { Decrypter, armor } = await import("age-encryption");
  const start = Buffer.from(bytes).toString("latin1", 0, 100).trimStart();
  let file: Uint8Array = bytes;
  if (start.startsWith(begin))
    try {
      file = armor.decode(Buffer.from(bytes).toString());
    } catch (error) {
      throw invalid("the age file is damaged or cut off", error);
    }
  const header = Buffer.from(file).toString("latin1", 0, 4096);
  const factor = /^-> scrypt \S+ (\d+)$/m.exec(header)?.[1];
  const opener = new Decrypter();
  if (factor !== undefined) {
    // twice the work for each: a file that asks for years of it is no backup
    if (Number(factor) > 20) throw invalid("the age file asks for more work than any real one");
    opener.addPassphrase(await passphrase());
  } else for (const one of identities) opener.addIdentity(one);
  try {
    return await opener.decrypt(file);
  } catch (error) {
    throw new CitadelError(
      "E_VAULT_LOCKED",
      factor === undefined
        ? "the age file is not for any of these identities, or it is damaged"
        : "the age file does not open with this passphrase, or it is damaged",
      { cause: error, hint: ["give the identity: --identity-file <file>"] },
    );
  }
}

/** Private keys in the text of an identity file, as age-keygen writes it. @throws E_USAGE */
export function readIdentities(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length > 0 && keys.every((key) => /^AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+$/.test(key)))
    return keys;
  throw new CitadelError(
    "E_USAGE",
    "the identity file holds no age identity, or something else too",
    {
      hint: ["age-keygen makes one"],
    },
  );
}
