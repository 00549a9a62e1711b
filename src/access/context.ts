import type { Actor, Ledger } from "../store/types.ts";
import { CitadelError } from "../errors.ts";
import type { TokenEvent, UserEvent } from "./kinds.ts";
import { isUserName } from "./names.ts";
import type { OrgEvent } from "./org-kind.ts";
import type { TokenState, UserState } from "./state.ts";
import type { OrgState } from "./types.ts";

/** What the parts of the accounts share. */
export interface Context {
  readonly users: Ledger<UserState, UserEvent>;
  readonly tokens: Ledger<TokenState, TokenEvent>;
  readonly orgs: Ledger<OrgState, OrgEvent>;
}

/** The user of this name; undefined when there is none (any more). */
export async function findUser(
  { users }: Pick<Context, "users">,
  name: string,
): Promise<UserState | undefined> {
  const state = isUserName(name) ? (await users.read(name))?.state : undefined;
  return state?.removed ? undefined : state;
}

/** Changes a user who exists. @throws E_USER_NOT_FOUND */
export async function changeUser(
  { users }: Pick<Context, "users">,
  name: string,
  who: Actor,
  decide: (state: UserState) => readonly UserEvent[],
): Promise<void> {
  const missing = (): CitadelError =>
    new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(name)}`);
  if (!isUserName(name)) throw missing();
  await users.change(name, who, (state) => {
    if (!state || state.removed) throw missing();
    return decide(state);
  });
}

/** A rule that names one must not mean the other. @throws E_USER_EXISTS for the name of an organisation */
export async function demandNoOrg({ orgs }: Pick<Context, "orgs">, name: string): Promise<void> {
  if (await orgs.read(name))
    throw new CitadelError("E_USER_EXISTS", `${name} is the name of an organisation`);
}
