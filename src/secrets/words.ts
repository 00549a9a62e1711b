import { parseMoment } from "../config/units.ts";
import { CitadelError } from "../errors.ts";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

/** The argument and flag that name a secret. */
// standard input is for values: it must not end up as a name
export const keyArg = text({
  required: true,
  ignoreStdin: true,
  description: "name, such as db/password",
});
export const scopeFlag = string({ char: "s", helpValue: "<scope>", description: "scope" });

/** `2,3` as version numbers. @throws E_USAGE */
export function versionList(given: string): number[] {
  return given.split(",").map((part) => versionNumber(part.trim()));
}

/** @throws E_USAGE */
export function versionNumber(given: string): number {
  const number = /^[1-9]\d{0,8}$/.test(given) ? Number(given) : 0;
  if (number === 0) throw new CitadelError("E_USAGE", "a version is a number such as 3");
  return number;
}

/** `7d` or a date, as ms since 1970. @throws E_USAGE */
export function timeOfText(given: string, now: number): number {
  const time = parseMoment(given, now);
  if (time === undefined)
    throw new CitadelError("E_USAGE", "--since is neither a duration such as 7d nor a date");
  return time;
}

export const iso = (ms: number): string => new Date(ms).toISOString();
