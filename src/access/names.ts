import { CitadelError } from "../errors.ts";
import type { Profile } from "./state.ts";

const longestName = 214;
const longestEmail = 254;
const longestPassword = 1024;
const longestField = 254;

/** `local` and `system` are what ledgers call the operating-system user and Citadel itself. */
const reserved: ReadonlySet<string> = new Set(["__proto__", "anonymous", "local", "system"]);

/**
 * A user name by npm's rules (lower case, safe in addresses, no leading period), and none that means somebody else here.
 * @throws E_INVALID_NAME
 */
export function checkUserName(name: unknown): string {
  const problem = problemOf(name);
  if (problem !== undefined)
    throw new CitadelError("E_INVALID_NAME", `the user name is not allowed: ${problem}`, {
      hint: ["use lower-case letters, digits, - and _"],
    });
  return name as string;
}

/** Could there be a user of this name? Anything else must not even be looked up. */
export function isUserName(name: unknown): name is string {
  return problemOf(name) === undefined;
}

function problemOf(name: unknown): string | undefined {
  if (typeof name !== "string" || name === "") return "it must be a text";
  if (name.length > longestName) return `it is longer than ${longestName} characters`;
  if (name !== name.toLowerCase()) return "it must be in lower case";
  if (name.startsWith(".")) return "it starts with a period";
  if (!/^[\w.~!*()-]+$/.test(name)) return "it has characters that are not safe in an address";
  if (reserved.has(name)) return `${name} is reserved`;
  return undefined;
}

/** @throws E_INVALID_DOCUMENT */
export function checkEmail(email: unknown): string {
  if (email === undefined || email === null || email === "") return "";
  if (
    typeof email !== "string" ||
    email.length > longestEmail ||
    !/^[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$/u.test(email)
  )
    throw new CitadelError("E_INVALID_DOCUMENT", "the email is not an email address");
  return email;
}

const profileFields = ["fullname", "homepage", "github", "twitter", "freenode"] as const;

/** What somebody tells about themselves, without empty texts and unknown fields. @throws E_INVALID_DOCUMENT */
export function checkProfile(input: Readonly<Record<string, unknown>>): Profile {
  const profile: Record<string, string> = {};
  for (const field of profileFields) {
    const value = input[field];
    if (value === undefined || value === null || value === "") continue;
    if (typeof value !== "string" || value.length > longestField || /\p{Cc}/u.test(value))
      throw new CitadelError(
        "E_INVALID_DOCUMENT",
        `${field} must be a text of up to ${longestField} characters`,
      );
    if (field === "homepage" && !/^https?:\/\/[^\s]+$/i.test(value))
      throw new CitadelError("E_INVALID_DOCUMENT", "the homepage must be an http or https address");
    profile[field] = value;
  }
  return profile;
}

/** @throws E_INVALID_DOCUMENT */
export function checkPassword(password: unknown): string {
  if (typeof password !== "string" || password === "" || password.length > longestPassword)
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      `the password must be a text of 1 to ${longestPassword} characters`,
    );
  return password;
}
