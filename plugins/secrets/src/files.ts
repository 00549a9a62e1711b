import { writeFile } from "node:fs/promises";
import { CitadelError } from "@citadel/core/errors";
import { askSecret, readSecretFile, type Terminal } from "@citadel/core/terminal";
import {
  fingerprint,
  newIdentity,
  newRecoveryKit,
  publicId,
  secretText,
  type PublicIdentity,
} from "@citadel/core/vault";
import { string } from "@oclif/core/flags";

export const kitPassphraseFlag = string({
  helpValue: "<file>",
  description: "file with the passphrase of the kit",
});

/** A new identity for a job, in a new file as it is. */
export async function newIdentityFile(file: string): Promise<PublicIdentity> {
  const identity = await newIdentity();
  await writeNew(file, `${secretText(identity)}\n`);
  const id = publicId(identity.member);
  return {
    ...{ source: "file", where: file, publicId: id, id: identity.member.kid, made: true },
    fingerprint: await fingerprint(id),
  };
}

/** What became of a recovery kit that was made: a file, or a line to write down. */
export interface WrittenKit {
  readonly publicId: string;
  readonly file?: string;
  readonly line?: string;
  /** what it is in the vault */
  readonly member: { readonly name: string; readonly role: string; readonly kind: "recovery" };
}

/** Makes a kit and keeps it, before anything depends on it. @throws E_USAGE */
export async function writeKit(
  terminal: Terminal,
  file: string | undefined,
  flags: { readonly paper?: boolean; readonly "kit-passphrase-file"?: string | undefined },
): Promise<WrittenKit> {
  if ((file === undefined) !== (flags.paper === true))
    throw new CitadelError("E_USAGE", "a kit is a file, or a line for paper", {
      hint: ["name a file, or pass --paper"],
    });
  const date = new Date().toISOString().slice(0, 10);
  const member = { name: `recovery ${date}`, role: "administrator", kind: "recovery" as const };
  if (file === undefined) {
    const { publicId: id, text } = await newRecoveryKit();
    return { publicId: id, line: text, member };
  }
  const from = flags["kit-passphrase-file"];
  const flag = "--kit-passphrase-file <file>";
  const passphrase = from
    ? await readSecretFile(from, "passphrase")
    : await askSecret(terminal, "Passphrase for the kit:", flag);
  if (!from && (await askSecret(terminal, "The same again:", flag)) !== passphrase)
    throw new CitadelError("E_USAGE", "the two are not the same");
  const { publicId: id, text } = await newRecoveryKit(passphrase);
  await writeNew(file, `${text.trimEnd()}\n`);
  return { publicId: id, file, member };
}

const writeNew = (file: string, text: string): Promise<void> =>
  writeFile(file, text, { mode: 0o600, flag: "wx", flush: true }).catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${file} cannot be made`, { cause: error });
  });
