import type { GetOptions, Read } from "../api.ts";
import { all, scopeNamed } from "../lookup.ts";
import { checkName, checkScope, envOf } from "../names.ts";
import { decide, deny, permit, requestOf, type Asker } from "../policy/permit.ts";
import type { Session } from "../session.ts";
import { get } from "./read.ts";
import { aboutOf } from "./write.ts";

/** {@link Vault.lend}: the rules are asked before anything is looked for, so that a denial does not tell what there is. */
export async function lend(
  session: Session,
  which: { readonly scope: string; readonly name: string },
  asker: Asker,
  options: Pick<GetOptions, "version" | "label">,
): Promise<Read> {
  const [scope, name] = [checkScope(which.scope), checkName(which.name, "secret")];
  await session.look(async (opened) => {
    const { state, contents } = opened;
    const found = await scopeNamed(state, contents, scope);
    const env = found ? (await contents.scopeOf(state, found)).env : envOf(scope);
    const about = { scope, env, name, id: found?.id ?? state.meta.id };
    await permit(opened, "read", about, asker);
    if (found && !contents.holds(found)) throw await deny(opened, "read", about, "key", asker);
  });
  return get(session, { scope, name }, options, asker);
}

/** {@link Vault.lendable} */
export async function lendable(
  session: Session,
  scopeName: string,
  asker: Asker,
): Promise<readonly string[]> {
  const scope = checkScope(scopeName);
  return session.look(async (opened) => {
    const names: string[] = [];
    for await (const found of all(opened.state, opened.contents)) {
      const { label, secret, name } = found;
      if (label.name !== scope || secret.versions[secret.current - 1]?.state !== "live") continue;
      const { allowed } = await decide(opened, "list", aboutOf(found), requestOf(asker));
      if (allowed) names.push(name);
    }
    return names.sort();
  });
}
