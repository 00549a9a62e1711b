import { createReadStream, fstatSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { CitadelError } from "../../errors.ts";
import { locked } from "../problems.ts";
import type { Identity } from "../types.ts";
import { openFromKeychain, type KeychainModule } from "./keychain.ts";
import { keyFileOf, openKeyFile, openSealed, type AskPassphrase } from "./key-file.ts";
import { readSecretText } from "./text.ts";

/** Where an identity can come from. */
export interface IdentityOptions {
  /** of this machine: the key file, and what says that the keychain has the identity */
  readonly folder: string;
  readonly passphrase: AskPassphrase;
  /** one that is open already */
  readonly known?: Identity | undefined;
  /** an open descriptor that an identity can be read from: `--identity-fd` */
  readonly descriptor?: number | undefined;
  /** a file that holds one, such as a mounted secret: `CITADEL_IDENTITY_FILE` */
  readonly file?: string | undefined;
  /** the identity itself: `CITADEL_IDENTITY` */
  readonly variable?: string | undefined;
  /** for tests @default that of the operating system */
  readonly keychain?: KeychainModule | undefined;
}

/** An identity, and where it was found. */
export interface FoundIdentity {
  readonly identity: Identity;
  readonly source: "descriptor" | "file" | "keychain" | "key file" | "variable";
  /** for people */
  readonly where: string;
}

export const inKeychain = "the keychain of this user";
const mostBytes = 16 * 1024;

/**
 * The identity of this process: what the command itself names, the keychain, the key file, and last the environment.
 * @returns undefined when there is none
 * @throws E_VAULT_LOCKED when there is one that does not open
 */
export async function findIdentity(options: IdentityOptions): Promise<FoundIdentity | undefined> {
  const { folder, passphrase, known, descriptor, file, variable, keychain } = options;
  if (known) return { identity: known, source: "file", where: "recovery kit" };
  if (descriptor !== undefined) {
    const where = `descriptor ${descriptor}`;
    const identity = await readIdentity(where, passphrase, descriptor);
    return { identity, source: "descriptor", where };
  }
  if (file !== undefined)
    return { identity: await readIdentity(file, passphrase), source: "file", where: file };
  const kept = await openFromKeychain(folder, keychain);
  if (kept) return { identity: kept, source: "keychain", where: inKeychain };
  const sealed = await openKeyFile(folder, passphrase);
  if (sealed) return { identity: sealed, source: "key file", where: keyFileOf(folder) };
  if (variable === undefined) return undefined;
  const identity = await readSecretText(variable);
  if (!identity) throw locked("CITADEL_IDENTITY holds no identity");
  return { identity, source: "variable", where: "CITADEL_IDENTITY" };
}

/** What a file or descriptor holds: an identity as it is, or sealed under the passphrase. */
async function readIdentity(
  where: string,
  passphrase: AskPassphrase,
  descriptor?: number,
): Promise<Identity> {
  const options = descriptor === undefined ? {} : { fd: descriptor };
  let content: string;
  try {
    // what nobody opened for this process may be one of its own, and it does not survive the loss of that
    if (descriptor !== undefined && !isReadable(fstatSync(descriptor)))
      throw locked(`${where} is no file or pipe`);
    // whoever can write to it could have put an identity of their own there
    if (descriptor === undefined && ((await stat(where)).mode & 0o022) !== 0)
      throw locked(`${where} can be written to by others`, undefined, [`chmod go-w ${where}`]);
    content = await text(createReadStream(where, { ...options, end: mostBytes }));
  } catch (error) {
    if (error instanceof CitadelError) throw error;
    throw locked(`${where} cannot be read`, error);
  }
  if (content.length > mostBytes) throw locked(`${where} holds no identity`);
  return (await readSecretText(content)) ?? openSealed(content.trim(), where, passphrase);
}

const isReadable = (what: Stats): boolean =>
  what.isFile() || what.isFIFO() || what.isSocket() || what.isCharacterDevice();
