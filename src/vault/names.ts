import { CitadelError } from "../errors.ts";

/** Most bytes of a name in UTF-8. */
const MOST = 200;
// controls, formats (bidi, joiners), halves of characters, line ends: none of them can be seen or typed
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * The one spelling of a name: NFC, segments joined by "/", none empty, "." or "..", no spaces at the ends.
 * @param what for people: "secret"
 * @throws E_INVALID_SECRET
 */
export function checkName(name: string, what: string): string {
  const plain = name.normalize("NFC");
  const problem =
    plain.search(unseen) >= 0
      ? "has characters that cannot be seen"
      : plain.trim() !== plain
        ? "begins or ends with a space"
        : Buffer.byteLength(plain) > MOST
          ? `is longer than ${MOST} bytes`
          : plain.split("/").some((part) => part === "" || part === "." || part === "..")
            ? 'has a segment that is empty, "." or ".."'
            : undefined;
  if (problem)
    throw new CitadelError(
      "E_INVALID_SECRET",
      `the name of the ${what} ${problem}: ${JSON.stringify(plain.slice(0, 80)).replaceAll(unseen, "?")}`,
    );
  return plain;
}

/** One segment, so that `scope/name` has one reading. @throws E_INVALID_SECRET */
export function checkScope(name: string): string {
  const plain = checkName(name, "scope");
  if (plain.includes("/"))
    throw new CitadelError("E_INVALID_SECRET", 'the name of a scope has no "/"');
  return plain;
}

export type Env = "dev" | "staging" | "production";

/** The environment that a scope is for: what its name says, else `dev`. */
export const envOf = (scope: string): Env =>
  scope === "production" || scope === "staging" ? scope : "dev";
