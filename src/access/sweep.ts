import type { Actor } from "../store/types.ts";
import { namesOf } from "../store/walk.ts";
import type { Context } from "./context.ts";

const day = 86_400_000;
const system: Actor = { name: "system", via: "system" };

/** {@link Accounts.sweepTokens}. What does not expire stays, also when it was revoked: one of another registry could be adopted again. */
export async function sweepTokens(
  { tokens, users }: Pick<Context, "tokens" | "users">,
  { dryRun }: { readonly dryRun: boolean },
): Promise<number> {
  const now = Date.now();
  let removed = 0;

  const mark = async (id: string, user: string | undefined): Promise<void> => {
    if (user !== undefined)
      await users.change(user, system, (state) =>
        state?.tokens.includes(id) ? [{ type: "untoken", ids: [id] }] : [],
      );
    await tokens.change(id, system, (state) =>
      state && !state.expired ? [{ type: "expire" }] : [],
    );
  };

  for await (const id of namesOf(tokens)) {
    const document = await tokens.read(id);
    if (!document) continue;
    const { expires = Infinity, expired, kind, user } = document.state;
    if (expired) {
      if (document.modified > now - day) continue;
      if (dryRun || (await tokens.remove(document))) removed++;
    } else if (expires <= now && !dryRun) await mark(id, kind === "user" ? user : undefined);
  }
  return removed;
}
