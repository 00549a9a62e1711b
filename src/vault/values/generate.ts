import { randomInt } from "node:crypto";
import { CitadelError } from "../../errors.ts";

export interface Generator {
  /** characters */
  readonly length: number;
  /** also characters besides letters and digits */
  readonly symbols?: boolean;
}

export const defaultLength = 32;
const [fewest, most] = [8, 1024];
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
// none that a shell, a URL or a .env file takes for something else
const symbols = "-._~+=:,@%^";

/** A random password, each character with equal chances. @throws E_USAGE for a length that is no use */
export function generate({ length, symbols: more = false }: Generator): string {
  if (!Number.isSafeInteger(length) || length < fewest || length > most)
    throw new CitadelError("E_USAGE", `a password has ${fewest} to ${most} characters`);
  const alphabet = more ? letters + symbols : letters;
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
