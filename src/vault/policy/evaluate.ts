import { addressBlocks } from "../../addresses.ts";
import type { Env } from "../names.ts";
import { inHours } from "../schedule.ts";
import type { Action, Conditions, PolicyDocument, Statement } from "./document.ts";
import { globMatches } from "./glob.ts";

/** What somebody wants to do, and what is known of them. What is not known is left out. */
export interface Request {
  readonly role: string;
  /** of somebody who holds no key and asks a server that does: these in place of `role` */
  readonly callers?: readonly string[];
  readonly action: Action;
  readonly scope: string;
  readonly env?: Env;
  /** normalised, see `checkName` */
  readonly name: string;
  /** of the socket */
  readonly address?: string;
  /** ms since 1970; left out where the clock cannot be right */
  readonly now?: number;
  readonly viaBroker?: boolean;
  /** claims of a token that was checked */
  readonly oidc?: Readonly<Record<string, unknown>>;
}

export interface Decision {
  readonly allowed: boolean;
  /** the statement that decided: `dev[2]`; undefined: none allows it */
  readonly by?: string;
}

/** The role that may do everything, until the document says what it may do. */
export const administratorRole = "administrator";

/** A statement that denies wins; else one that allows; else it is denied. @param document undefined: it is invalid */
export function evaluate(document: PolicyDocument | undefined, request: Request): Decision {
  if (!document) return { allowed: false };
  const { role: member, callers } = request;
  const own = Object.hasOwn(document.roles, member);
  let allowed: string | undefined;
  for (const role of new Set([...(callers ?? [member]), "*"])) {
    const statements = Object.hasOwn(document.roles, role) ? (document.roles[role] ?? []) : [];
    for (const [i, statement] of statements.entries()) {
      if (!applies(statement, request)) continue;
      if (statement.effect === "deny") return { allowed: false, by: `${role}[${i}]` };
      // what is everybody's is for those who hold a key, not for all who reach a server
      if (role !== "*" || !callers) allowed ??= `${role}[${i}]`;
    }
  }
  if (allowed === undefined && !callers && member === administratorRole && !own)
    allowed = administratorRole;
  return allowed === undefined ? { allowed: false } : { allowed: true, by: allowed };
}

/** What cannot be told counts against the request: it makes no statement allow, and every statement deny. */
function applies({ effect, actions, scopes, names, when = {} }: Statement, request: Request) {
  const { action, scope, name } = request;
  if (!actions.includes("*") && !actions.includes(action)) return false;
  if (scopes && !scopes.some((glob) => globMatches(glob, scope))) return false;
  if (names && !names.some((glob) => globMatches(glob, name))) return false;
  return Object.entries(when).every(
    ([condition, wanted]) => holds(condition, wanted, request) ?? effect === "deny",
  );
}

/** Whether a condition holds; undefined when it cannot be told. */
function holds(condition: string, wanted: unknown, request: Request): boolean | undefined {
  const { address, now, env, viaBroker, oidc } = request;
  switch (condition as keyof Conditions) {
    case "env":
      return env === undefined ? undefined : (wanted as readonly Env[]).includes(env);
    case "cidr":
      return address === undefined
        ? undefined
        : addressBlocks(wanted as readonly string[])(address);
    case "time":
      return now === undefined
        ? undefined
        : (wanted as readonly string[]).some((text) => inHours(text, now));
    case "before":
      return now === undefined ? undefined : now < Date.parse(wanted as string);
    case "viaBroker":
      return viaBroker === undefined ? undefined : viaBroker === wanted;
    default: {
      if (!condition.startsWith("oidc.")) return undefined;
      const claim = condition.slice("oidc.".length);
      const value = oidc && Object.hasOwn(oidc, claim) ? oidc[claim] : undefined;
      const values = Array.isArray(value) ? value : [value];
      if (!values.every((one) => typeof one === "string")) return undefined;
      return values.some((one) =>
        (wanted as readonly string[]).some((glob) => globMatches(glob, one)),
      );
    }
  }
}
