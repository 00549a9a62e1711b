import { parseDuration, parseMoment } from "../config/units.ts";
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

/** `7d` ago or a date, as ms since 1970. @throws E_USAGE */
export function timeOfText(given: string, now: number, flag = "--since"): number {
  const time = parseMoment(given, now);
  if (time === undefined)
    throw new CitadelError("E_USAGE", `${flag} is neither a duration such as 7d nor a date`);
  return time;
}

/** In `30d` or a date that is to come, as ms since 1970. @throws E_USAGE */
export function expiryOf(given: string, now: number): number {
  const wait = durationOf(given);
  const time = wait === undefined ? Date.parse(given) : now + wait;
  if (Number.isNaN(time))
    throw new CitadelError("E_USAGE", "--expires is neither a duration such as 30d nor a date");
  if (time <= now) throw new CitadelError("E_USAGE", "--expires is in the past");
  return time;
}

/** A number without unit is no duration here: it might be a year. */
export const durationOf = (given: string): number | undefined =>
  /[a-z]/i.test(given) ? parseDuration(given) : undefined;

export const iso = (ms: number): string => new Date(ms).toISOString();
