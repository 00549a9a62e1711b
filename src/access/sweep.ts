import type { Actor } from "../store/types.ts";
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
  let after: string | undefined;

  const mark = async (id: string, user: string | undefined): Promise<void> => {
    if (user !== undefined)
      await users.change(user, system, (state) =>
        state?.tokens.includes(id) ? [{ type: "untoken", ids: [id] }] : [],
      );
    await tokens.change(id, system, (state) =>
      state && !state.expired ? [{ type: "expire" }] : [],
    );
  };

  do {
    const page = await tokens.list({ ...(after !== undefined && { after }) });
    for (const { name } of page.items) {
      const document = await tokens.read(name);
      if (!document) continue;
      const { expires = Infinity, expired, kind, user } = document.state;
      if (expired) {
        if (document.modified > now - day) continue;
        if (dryRun || (await tokens.remove(document))) removed++;
      } else if (expires <= now && !dryRun) await mark(name, kind === "user" ? user : undefined);
    }
    after = page.next;
  } while (after !== undefined);
  return removed;
}
