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

/** What the rules say; without rules the keys alone decide. */
export async function decide(
  opened: Opened,
  action: Action,
  about: Omit<About, "id">,
  more: Partial<Request> = {},
): Promise<Decision> {
  const policy = await opened.contents.policyOf(opened.state);
  if (!policy) return { allowed: true };
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
export async function permit(opened: Opened, action: Action, about: About): Promise<void> {
  const { allowed, by } = await decide(opened, action, about);
  if (allowed) return;
  const { log, me } = opened;
  await log.append({ op: "deny", action, id: about.id, n: 0, by: me.kid });
  const why = by === undefined ? "no statement allows it" : `the statement ${by} denies it`;
  throw denied(`${action} ${shown(about)}: ${why}`);
}

/** The same for what is about no secret in particular: only patterns of all scopes and names fit. */
export const permitOverall = (opened: Opened, action: Action): Promise<void> =>
  permit(opened, action, { scope: "*", name: "*", id: opened.state.meta.id });

/** The role of whoever this is. */
export const roleOf = async ({ state, me, contents }: Opened): Promise<string> =>
  me.administrator ? administratorRole : (await contents.memberOf(state, me)).role;
