import { namesOf } from "../store/walk.ts";
import type { Context } from "./context.ts";
import { allUsers } from "./people.ts";
import type { Accounts, KeyCounts } from "./state.ts";
import { isKeyPrefix } from "./tokens.ts";

/** {@link Accounts.countKeys} */
export async function countKeys(
  { tokens }: Pick<Context, "tokens">,
  accounts: Pick<Accounts, "list">,
  soon: number,
): Promise<KeyCounts> {
  const counts = { active: 0, expiring: 0, expired: 0, revoked: 0 };
  const held = new Set<string>();
  for await (const user of allUsers(accounts)) for (const id of user.tokens) held.add(id);
  const now = Date.now();
  for await (const id of namesOf(tokens)) {
    const state = (await tokens.read(id))?.state;
    if (!state || !isKeyPrefix(state.prefix)) continue;
    const { expires = Infinity } = state;
    if (state.revoked) counts.revoked++;
    else if (state.expired || expires <= now) counts.expired++;
    else if (!held.has(id)) counts.revoked++;
    else counts[expires <= now + soon ? "expiring" : "active"]++;
  }
  return counts;
}
