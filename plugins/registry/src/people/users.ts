import { randomInt } from "node:crypto";
import type { UserState } from "@citadel/core/access";
import { askSecret, readSecretFile, type Terminal } from "@citadel/core/terminal";
import { boolean, string } from "@oclif/core/flags";

/** A user as `citadel registry:user:list --json` shows one. */
export interface UserItem {
  readonly name: string;
  readonly email: string;
  readonly admin: boolean;
  readonly disabled: boolean;
  /** ISO 8601 */
  readonly created: string;
  /** live ones */
  readonly tokens: number;
}

export const userItem = ({
  name,
  email,
  admin,
  disabled,
  created,
  tokens,
}: UserState): UserItem => ({
  ...{ name, email, admin, disabled },
  created: new Date(created).toISOString(),
  tokens: tokens.length,
});

/** Where {@link newPassword} gets it from, when nobody is asked. */
export const passwordFlags = {
  "password-file": string({
    helpValue: "<file>",
    description: "file with the password, - for standard input",
    exclusive: ["generate"],
  }),
  generate: boolean({ description: "make up a password and print it" }),
};

export interface NewPassword {
  readonly password: string;
  /** nobody has seen it yet */
  readonly generated: boolean;
}

/**
 * A password from a file, made up, or asked for.
 * @throws E_USAGE where nobody can be asked, E_CANCELLED
 */
export async function newPassword(
  terminal: Terminal,
  name: string,
  {
    "password-file": file,
    generate,
  }: { readonly "password-file"?: string | undefined; readonly generate: boolean },
): Promise<NewPassword> {
  if (generate) return { password: madeUp(), generated: true };
  const password =
    file === undefined
      ? await askSecret(
          terminal,
          `New password of ${name}:`,
          "--password-file <file>, or --generate",
        )
      : await readSecretFile(file, "password");
  return { password, generated: false };
}

const alphabet = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/** 116 bits, without letters that look alike. */
export const madeUp = (): string =>
  Array.from({ length: 20 }, () => alphabet[randomInt(alphabet.length)]).join("");
