import { isIP } from "node:net";
import { CitadelError } from "../../errors.ts";
import type { Env } from "../names.ts";
import { windowOf } from "../schedule.ts";

export const actions = [
  ...(["list", "read", "write", "rotate", "delete", "destroy"] as const),
  ...(["rekey", "grant", "audit", "export", "run"] as const),
] as const;
export type Action = (typeof actions)[number];

/** All of them have to hold. */
export interface Conditions {
  readonly env?: readonly Env[];
  /** blocks of addresses, of which the reader's has to be in one */
  readonly cidr?: readonly string[];
  /** hours of the day, UTC: `08:00-18:00`; one has to be now */
  readonly time?: readonly string[];
  /** ISO 8601 */
  readonly before?: string;
  readonly viaBroker?: boolean;
  /** patterns of claims of the reader's OIDC token, by `oidc.<claim>` */
  readonly [claim: `oidc.${string}`]: readonly string[];
}

export interface Statement {
  readonly effect: "allow" | "deny";
  /** `*` for all */
  readonly actions: readonly (Action | "*")[];
  /** patterns @default all */
  readonly scopes?: readonly string[];
  /** patterns @default all */
  readonly names?: readonly string[];
  readonly when?: Conditions;
}

/**
 * Who may do what: statements by role; those of `*` are everybody's. Roles `user:<name>`, `team:<org>:<team>` and `oidc:<issuer>` are
 * of those who hold no key and ask a server.
 */
export interface PolicyDocument {
  readonly roles: Readonly<Record<string, readonly Statement[]>>;
}

const mostBytes = 48 * 1024;

/** The document, when every word of it is understood. @throws E_INVALID_RULES that says where it is not */
export function readPolicy(text: string): PolicyDocument {
  if (Buffer.byteLength(text) > mostBytes) throw invalid(`is longer than ${mostBytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid("is no JSON", error);
  }
  const { roles } = fields(value, "the document", { roles: isObject });
  for (const [role, statements] of Object.entries(roles as object)) {
    if (!/^(?:\*|[\w-]{1,60}|(?:user|team|oidc):[\w.~:#!*()-]{1,200})$/.test(role))
      throw invalid(`has the role ${quoted(role)}`);
    if (!Array.isArray(statements)) throw invalid(`has no list for the role ${quoted(role)}`);
    for (const [i, one] of (statements as unknown[]).entries())
      checkStatement(one, `${role}[${i}]`, role.startsWith("oidc:"));
  }
  return value as PolicyDocument;
}

/** @param strangers whether it is about whoever has a token of an issuer, such as all users of a public service */
function checkStatement(value: unknown, at: string, strangers: boolean): void {
  const { effect, when = {} } = fields(value, at, {
    effect: (effect) => effect === "allow" || effect === "deny",
    actions: listOf((one) => one === "*" || actions.includes(one as Action)),
    scopes: optional(listOf(isGlob)),
    names: optional(listOf(isGlob)),
    when: optional(isObject),
  });
  const claims = Object.keys(when as object).filter((name) => /^oidc\.[\w.:/-]{1,80}$/.test(name));
  if (strangers && effect === "allow" && !claims.some((claim) => !anybodys.has(claim)))
    throw invalid(
      `names no claim, such as oidc.sub, at ${at}: everybody who has a token would be let in`,
    );
  fields(when, `${at}.when`, {
    env: optional(listOf((env) => ["dev", "staging", "production"].includes(env as string))),
    cidr: optional(listOf(isBlock)),
    time: optional(listOf(isHours)),
    before: optional(isDate),
    viaBroker: optional((flag) => typeof flag === "boolean"),
    ...Object.fromEntries(claims.map((claim) => [claim, listOf(isGlob)])),
  });
}

/** Claims that tokens of an issuer have in common. */
const anybodys: ReadonlySet<string> = new Set(["oidc.iss", "oidc.aud"]);

type Check = (value: unknown) => boolean;
const isObject: Check = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
/** `**` stands for the rest and so at the end only. */
const isGlob: Check = (value) =>
  typeof value === "string" &&
  value.length > 0 &&
  value.length <= 200 &&
  value.split("/").every((part, i, all) => {
    if (part === "**") return i === all.length - 1;
    return part !== "" && part !== "." && part !== ".." && !part.includes("**");
  });
const isDate: Check = (value) =>
  typeof value === "string" && /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value));

const isBlock: Check = (value) => {
  const [address = "", bits, ...more] = String(value).split("/");
  const most = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || more.length > 0) return false;
  return bits === undefined || (/^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= most);
};

const isHours: Check = (value) => {
  try {
    windowOf(String(value));
    return true;
  } catch {
    return false;
  }
};

/** The fields of an object that has no others and whose fields are as they should be. */
function fields(
  value: unknown,
  at: string,
  shape: Readonly<Record<string, Check>>,
): Record<string, unknown> {
  if (!isObject(value)) throw invalid(`has no object at ${at}`);
  const found = value as Record<string, unknown>;
  for (const field of Object.keys(found))
    if (!Object.hasOwn(shape, field)) throw invalid(`has ${quoted(field)} at ${at}`);
  for (const [field, check] of Object.entries(shape)) {
    const one = Object.hasOwn(found, field) ? found[field] : undefined;
    if (!check(one)) throw invalid(`has ${quoted(one)} as ${field} at ${at}`);
  }
  return found;
}

const quoted = (value: unknown): string =>
  (JSON.stringify(value) ?? "nothing").slice(0, 80).replaceAll(/[^\x20-\x7e]/g, "?");

const invalid = (why: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_RULES", `the policy ${why}`, cause === undefined ? {} : { cause });
