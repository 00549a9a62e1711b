import type { Taken } from "../api.ts";
import type { Item } from "../formats/item.ts";
import type { Plan } from "../history.ts";
import { matching, scopeNamed, type Found } from "../lookup.ts";
import { checkScope } from "../names.ts";
import { permit } from "../policy/permit.ts";
import { damaged } from "../problems.ts";
import { placeOf, type Opened, type Session } from "../session.ts";
import type { Operation } from "../types.ts";
import { remove } from "./place.ts";
import { addition, ensureScope, isCurrent, mustRest } from "./write.ts";

/**
 * Takes secrets in, all in one event or none: new ones with all their values as versions, known ones with the newest as
 * another version, unless it is the current one already.
 */
export async function take(
  session: Session,
  items: readonly (Item & { readonly scope: string })[],
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly Taken[]> {
  const scopes = new Set(items.map(({ scope }) => checkScope(scope)));
  // an empty scope is nothing that anybody sees
  if (!dryRun) for (const scope of scopes) await ensureScope(session, scope);
  let taken: Taken[] = [];
  let drop: readonly string[] = [];
  const plan = async (opened: Opened, at: number): Promise<Plan | undefined> => {
    taken = [];
    const plans: Plan[] = [];
    for (const item of items) {
      const { scope: scopeName, name } = item;
      const scope = await scopeNamed(opened.state, opened.contents, scopeName);
      if (!scope && !dryRun) throw damaged("a scope that was made is not there");
      const [known] = scope
        ? await matching(opened.state, opened.contents, { name, scope: scopeName })
        : [];
      const same = known && (await isCurrent(opened, known, item.values.at(-1) ?? Buffer.alloc(0)));
      const what = known ? (same ? "unchanged" : "changed") : "added";
      const versions = same ? 0 : known ? 1 : item.values.length;
      taken.push({ scope: scopeName, name, what, versions });
      if (same || dryRun || !scope) continue;
      if (known) mustRest(known);
      const label = await opened.contents.scopeOf(opened.state, scope);
      const id = known?.secret.id ?? scope.id;
      await permit(opened, "write", { scope: scopeName, env: label.env, name, id });
      const target = { scope, label, name };
      plans.push(...(await versionsOf(opened, at, target, known, item)));
    }
    if (plans.length === 0) return undefined;
    drop = plans.flatMap((one) => one.drop ?? []);
    const keep = plans.flatMap((one) => one.keep ?? []);
    return {
      operation: plans.flatMap(({ operation }) => operation as readonly Operation[]),
      // what one version says of a secret may be said anew by the next
      keep: keep.filter((hash) => !drop.includes(hash)),
      drop: drop.filter((hash) => !keep.includes(hash)),
    };
  };
  if (dryRun) await session.look(async (opened) => plan(opened, Date.now()));
  else await session.append(plan);
  await remove(session, drop);
  return taken;
}

async function versionsOf(
  opened: Opened,
  at: number,
  target: Pick<Found, "scope" | "label" | "name">,
  known: Found | undefined,
  { values, said }: Item,
): Promise<Plan[]> {
  const newest = { value: values.at(-1) ?? Buffer.alloc(0), ...(said && { said }) };
  if (known) return [(await addition(opened, at, { ...target, known }, newest)).plan];
  const plans: Plan[] = [];
  let before: Found | undefined;
  for (const [index, value] of values.entries()) {
    const last = index === values.length - 1;
    const added = await addition(
      opened,
      at,
      { ...target, known: before },
      last ? newest : { value },
    );
    plans.push(added.plan);
    before = after(opened, at, target, before, added.plan);
  }
  return plans;
}

/** The secret as it will be, so that another version can follow in the same event. */
function after(
  opened: Opened,
  at: number,
  target: Pick<Found, "scope" | "label" | "name">,
  before: Found | undefined,
  { operation }: Plan,
): Found {
  const [set] = operation as readonly Operation[];
  if (set?.op !== "set") throw new Error("a version is set first");
  const { id, n, rec, meta: told } = set;
  const where = { s: target.scope.id, g: target.scope.generation, id };
  const version = {
    record: { hash: rec, place: placeOf(opened, at, { ...where, n, k: "value" }) },
    state: "live" as const,
  };
  const meta = before?.secret.meta ?? {
    hash: told ?? "",
    place: placeOf(opened, at, { ...where, n: 1, k: "meta" }),
  };
  const versions = [...(before?.secret.versions ?? []), version];
  const secret = { id, scope: target.scope.id, meta, versions, current: n };
  return { ...target, secret, meta: { name: target.name } };
}
