import { readPolicy, type Action } from "../policy/document.ts";
import type { Decision, Request } from "../policy/evaluate.ts";
import { decide } from "../policy/permit.ts";
import { checkName, checkScope, envOf } from "../names.ts";
import { denied } from "../problems.ts";
import { placeOf, type Session } from "../session.ts";

/** Puts rules into force. @throws E_INVALID_RULES, E_SECRET_DENIED for everybody but administrators */
export async function setPolicy(session: Session, text: string): Promise<void> {
  readPolicy(text);
  await session.append(async (opened, at) => {
    const { state } = opened;
    if (!opened.me.administrator) throw denied("administrators alone set the policy");
    const { id, generation: g } = state.meta;
    const n = (state.policy?.place.n ?? 0) + 1;
    const place = placeOf(opened, at, { s: id, g, id, n, k: "meta" });
    const rec = await opened.contents.put(Buffer.from(text), place, state.meta);
    return {
      operation: { op: "policy", rec },
      keep: [rec],
      ...(state.policy && { drop: [state.policy.hash] }),
    };
  });
}

/** The rules in force as they were set; undefined: there are none. */
export async function getPolicy(session: Session): Promise<string | undefined> {
  return session.look(
    async ({ state, contents }) =>
      state.policy && (await contents.get(state.policy, state.meta)).toString(),
  );
}

/** What the rules in force say of a request. */
export async function explain(
  session: Session,
  action: Action,
  { scope, name }: { readonly scope: string; readonly name: string },
  more: Partial<Request>,
): Promise<Decision> {
  const about = { scope: checkScope(scope), env: envOf(scope), name: checkName(name, "secret") };
  return session.look((opened) => decide(opened, action, about, more));
}
