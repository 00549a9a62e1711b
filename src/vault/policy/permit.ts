import { CitadelError } from "../../errors.ts";
import type { Caller } from "../access-log.ts";
import { shown } from "../lookup.ts";
import type { Env } from "../names.ts";
import { denied } from "../problems.ts";
import type { Opened } from "../session.ts";
import type { Action } from "./document.ts";
import { administratorRole, evaluate, type Decision, type Request } from "./evaluate.ts";

/** What an action is about. */
export interface About {
  readonly scope: string;
  /** of the scope; left out for the vault as a whole */
  readonly env?: Env;
  readonly name: string;
  /** of the secret, or of what stands for it where there is none yet */
  readonly id: string;
}

/** Somebody who holds no key of the vault, and asks a server that does. */
export interface Asker extends Caller {
  /** `user:ann`, `team:acme:ops`, `oidc:github` */
  readonly roles: readonly string[];
  /** claims of a token that was checked */
  readonly oidc?: Readonly<Record<string, unknown>>;
}

/** What the rules say; without rules the keys alone decide, and who has none gets nothing. */
export async function decide(
  opened: Opened,
  action: Action,
  about: Omit<About, "id">,
  more: Partial<Request> = {},
): Promise<Decision> {
  const policy = await opened.contents.policyOf(opened.state);
  if (!policy) return { allowed: more.callers === undefined };
  const { scope, env, name } = about;
  const clock = Date.now();
  return evaluate(policy.document, {
    ...{ role: await roleOf(opened), action, scope, name, viaBroker: false },
    ...(env && { env }),
    // a clock behind the newest event was set back
    ...(clock >= opened.state.at && { now: clock }),
    ...more,
  });
}

/** @throws E_SECRET_DENIED once the denial is on record */
export async function permit(
  opened: Opened,
  action: Action,
  about: About,
  asker?: Asker,
): Promise<void> {
  const { allowed, by } = await decide(opened, action, about, asker && requestOf(asker));
  if (!allowed) throw await deny(opened, action, about, by ?? "none", asker);
}

export const requestOf = ({ roles, address, oidc }: Asker): Partial<Request> => ({
  ...{ callers: roles, viaBroker: true },
  ...(address !== undefined && { address }),
  ...(oidc && { oidc }),
});

/** Puts a denial on record. @param why as {@link AccessEntry.why} @returns what to throw; strangers are told nothing of the rules */
export async function deny(
  { log, me }: Opened,
  action: Action,
  about: Pick<About, "scope" | "name" | "id">,
  why: string,
  asker?: Asker,
): Promise<CitadelError> {
  const from = asker && { caller: callerOf(asker) };
  await log.append({ op: "deny", action, id: about.id, n: 0, by: me.kid, why, ...from });
  if (asker)
    return new CitadelError("E_SECRET_DENIED", `you may not ${action} ${shown(about)}`, {
      hint: ["an administrator of the vault sees why: citadel secrets:audit"],
    });
  const reason = why === "none" ? "no statement allows it" : `the statement ${why} denies it`;
  return denied(`${action} ${shown(about)}: ${reason}`);
}

export const callerOf = ({ who, address, run }: Asker): Caller => ({
  who,
  ...(address !== undefined && { address }),
  ...(run !== undefined && { run }),
});

/** The same for what is about no secret in particular: only patterns of all scopes and names fit. */
export const permitOverall = (opened: Opened, action: Action): Promise<void> =>
  permit(opened, action, { scope: "*", name: "*", id: opened.state.meta.id });

/** The role of whoever this is. */
export const roleOf = async ({ state, me, contents }: Opened): Promise<string> =>
  me.administrator ? administratorRole : (await contents.memberOf(state, me)).role;
