import { manifestKey } from "../../store/keys.ts";
import { walk } from "../../store/walk.ts";
import type { Rekeyed } from "../api-members.ts";
import { noScope, scopeNamed } from "../lookup.ts";
import { entitled } from "../members.ts";
import { checkScope } from "../names.ts";
import { permitOverall } from "../policy/permit.ts";
import { denied } from "../problems.ts";
import { recordsOf } from "../records.ts";
import type { Session } from "../session.ts";
import { generationOf, slotKey, slotsOf } from "../slot.ts";
import type { Compartment, VaultState } from "../types.ts";

/** Compartments whose key somebody has who is not to have it any more. */
export const leaked = (state: VaultState, at: number): Compartment[] =>
  [state.meta, ...state.scopes.values()].filter(({ id, holders }) => {
    const may = new Set(entitled(state, id, at).map(({ kid }) => kid));
    return holders.some((kid) => !may.has(kid));
  });

/** New keys for the compartments that have leaked; all that is left to do after a crash. */
export async function rekeyLeaked(session: Session): Promise<Rekeyed[]> {
  const { state } = await session.use();
  const done: Rekeyed[] = [];
  for (const { id } of leaked(state, Date.now())) done.push(await rekeyOne(session, id));
  return done;
}

/** {@link MemberVerbs.rekey} */
export async function rekey(session: Session, scope?: string): Promise<Rekeyed[]> {
  const opened = await session.use();
  const { state, contents, me } = opened;
  if (!me.administrator) throw denied("only administrators make new keys");
  await permitOverall(opened, "rekey");
  const wanted =
    scope === undefined ? undefined : await scopeNamed(state, contents, checkScope(scope));
  if (scope !== undefined && !wanted) throw noScope(scope);
  const ids = wanted ? [wanted.id] : [state.meta.id, ...state.scopes.keys()];
  const done: Rekeyed[] = [];
  for (const id of ids) done.push(await rekeyOne(session, id));
  return done;
}

/** Generation g + 1 of one compartment; visible by one event, after which what is left of g is destroyed. */
async function rekeyOne({ store: { driver }, append }: Session, id: string): Promise<Rekeyed> {
  let before: readonly string[] = [];
  let result: Omit<Rekeyed, "left"> = { generation: 0, records: 0 };
  await append(async ({ state, contents, me }, at) => {
    if (!me.administrator) throw denied("only administrators make new keys");
    const scope = state.scopes.get(id);
    const compartment = scope ?? state.meta;
    const generation = compartment.generation + 1;
    const { slot, key } = await contents.newSlot(id, generation, entitled(state, id, at));
    const next = { id, generation, slot };
    const recs: [string, string][] = [];
    for (const record of recordsOf(state, id)) {
      const value = await contents.get(record, compartment);
      recs.push([record.hash, await contents.put(value, { ...record.place, g: generation }, next)]);
      value.fill(0);
    }
    before = recs.map(([hash]) => hash);
    const label = scope && (await contents.scopeOf(state, scope));
    result = { ...(label && { scope: label.name }), generation, records: recs.length };
    return {
      operation: { op: "rekey", s: id, g: generation, slot, recs },
      keep: [key, ...recs.map(([, hash]) => hash)],
      drop: [slotKey(compartment), ...before],
    };
  });
  const left: string[] = [];
  const old = before.map(manifestKey);
  // also what an earlier run did not come to
  for await (const { key } of walk(driver, slotsOf(id)))
    if (generationOf(key) < result.generation) old.push(key);
  for (const [n, key] of old.entries())
    await driver
      .delete(key, n === old.length - 1 ? { forget: true } : {})
      .catch(() => left.push(key));
  return { ...result, left };
}
