import type { Actor, Ledger } from "../store/types.ts";
import { CitadelError } from "../errors.ts";
import type { TokenEvent, UserEvent } from "./kinds.ts";
import { isUserName } from "./names.ts";
import type { TokenState, UserState } from "./state.ts";

/** What the parts of the accounts share. */
export interface Context {
  readonly users: Ledger<UserState, UserEvent>;
  readonly tokens: Ledger<TokenState, TokenEvent>;
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
