import { CitadelError } from "../../errors.ts";
import type { Restored } from "../api.ts";
import type { Plan } from "../history.ts";
import { all, scopeNamed, type Found } from "../lookup.ts";
import { checkScope } from "../names.ts";
import { permit } from "../policy/permit.ts";
import type { Opened, Session } from "../session.ts";
import type { Operation, SecretState } from "../types.ts";
import { remove } from "./place.ts";
import { aboutOf, mustRest, restoring } from "./write.ts";

/**
 * Brings all secrets of a scope back to what they were, as new versions, in one event.
 * @param date ms since 1970
 */
export async function restoreScope(
  session: Session,
  scopeName: string,
  date: number,
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly Restored[]> {
  const name = checkScope(scopeName);
  await session.use();
  const past = await session.history.asOf(date);
  if (!past) throw new CitadelError("E_SECRET_NOT_FOUND", "the vault is younger than that");
  let items: Restored[] = [];
  let drop: readonly string[] = [];
  await session.append(async (opened, at) => {
    const { state } = opened;
    if (!(await scopeNamed(state, opened.contents, name)))
      throw new CitadelError("E_SECRET_NOT_FOUND", `there is no scope ${JSON.stringify(name)}`);
    items = [];
    const plans: Plan[] = [];
    for await (const found of all(state, opened.contents)) {
      if (found.label.name !== name) continue;
      const item = difference(found, past.secrets.get(found.secret.id));
      if (!item) continue;
      items.push(item);
      if (item.what === "lost") continue;
      mustRest(found);
      await permit(opened, item.what === "delete" ? "delete" : "write", aboutOf(found));
      if (!dryRun) plans.push(await planOf(opened, at, found, item));
    }
    items.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (plans.length === 0) return undefined;
    drop = plans.flatMap((plan) => plan.drop ?? []);
    return {
      operation: plans.flatMap(({ operation }) => operation as readonly Operation[]),
      keep: plans.flatMap(({ keep = [] }) => keep),
      drop,
    };
  });
  await remove(session, drop);
  return items;
}

/** What has to be done to a secret, so that it hands out what it did. */
function difference({ secret, name }: Found, past: SecretState | undefined): Restored | undefined {
  const now = secret.versions[secret.current - 1];
  const then = past?.versions[past.current - 1];
  const live = now?.state === "live";
  if (!past || then?.state !== "live") return live ? { name, what: "delete" } : undefined;
  const from = past.current;
  if (from === secret.current && live) return undefined;
  const kept = secret.versions[from - 1]?.state;
  if (kept === "destroyed" || kept === undefined) return { name, what: "lost", from };
  if (from === secret.current) return { name, what: "undelete", from };
  if (live && now.record.place.rf === from) return undefined;
  return { name, what: "restore", from };
}

async function planOf(
  opened: Opened,
  at: number,
  found: Found,
  { what, from = 0 }: Restored,
): Promise<Plan> {
  const { id, versions, current } = found.secret;
  if (what === "restore") return (await restoring(opened, at, found, from)).plan;
  if (what === "undelete") return { operation: [{ op: what, id, ns: [current] }] };
  const ns = versions.flatMap(({ state, record }) => (state === "live" ? record.place.n : []));
  return { operation: [{ op: "delete", id, ns }] };
}
