import { randomUUID } from "node:crypto";
import { CitadelError } from "../../errors.ts";
import type { Changed, Rotating, Which } from "../api.ts";
import type { Plan } from "../history.ts";
import { changedTo, find, shownAs, stateOf, type Found } from "../lookup.ts";
import { described, type Description } from "../meta.ts";
import { permit } from "../policy/permit.ts";
import type { Opened, Session } from "../session.ts";
import type { Operation, Rotation } from "../types.ts";
import { remove, sealMeta } from "./place.ts";
import { aboutOf, addition, isCurrent, mustRest, nothing, pruning } from "./write.ts";

/** A new value that is current at once. @throws E_INVALID_SECRET when it is the old one */
export async function rotate(
  session: Session,
  which: Which,
  value: Uint8Array,
  said: Description = {},
): Promise<Changed> {
  return steps(session, which, async (opened, at, found) => {
    mustRest(found);
    await mustDiffer(opened, found, value);
    const { plan, n } = await addition(opened, at, { ...found, known: found }, { value, said });
    return { plan, result: { ...changedTo(found, true), version: n } };
  });
}

/** The first step: a new value, kept as `pending`. @throws E_CONFLICT when there is one already */
export async function begin(
  session: Session,
  which: Which,
  value: Uint8Array,
): Promise<Changed & Rotating> {
  return steps(session, which, async (opened, at, found) => {
    mustRest(found);
    await mustDiffer(opened, found, value);
    const r = randomUUID();
    const target = { ...found, known: found };
    const { plan, n } = await addition(opened, at, target, { value, r });
    const rotation = { id: r, n, step: "create" as const };
    return { plan, result: { ...changedTo(found, true), version: n, rotation } };
  });
}

/** The rotation that is under way. */
export async function rotating(session: Session, which: Which): Promise<Rotation | undefined> {
  return session.look(
    async ({ state, contents }) => (await find(state, contents, which)).secret.rotation,
  );
}

/**
 * Says that a step is done.
 * @param r id of the rotation
 * @param grace ms that the version before stays readable after the last step @default for good
 */
export async function step(
  session: Session,
  which: Which,
  r: string,
  done: "set" | "test" | "finish" | "cancel",
  grace?: number,
): Promise<Changed> {
  return steps(session, which, async (opened, at, found) => {
    const { secret, label, meta } = found;
    const { id, rotation, current } = secret;
    if (rotation?.id !== r)
      throw new CitadelError("E_CONFLICT", `that rotation of ${shownAs(found)} is over`);
    if (done === "finish" && stateOf(found, rotation.n) !== "live")
      throw new CitadelError("E_SECRET_GONE", `version ${rotation.n} of ${shownAs(found)} is gone`);
    const operations: Operation[] = [{ op: "rotate", id, r, step: done }];
    const result = { ...changedTo(found, true), version: rotation.n };
    if (done === "cancel") operations.push({ op: "delete", id, ns: [rotation.n] });
    if (done !== "finish") return { plan: { operation: operations }, result };
    const { rotation: _, ...rest } = secret;
    const after = { ...rest, current: rotation.n, previous: current };
    const next = grace === undefined ? meta : described(meta, { expires: at + grace }, current);
    const rec = next === meta ? undefined : await sealMeta(opened, at, found.scope, secret, next);
    if (rec !== undefined) operations.push({ op: "meta", id, rec });
    const gone = pruning(after, next, label, at);
    operations.push(...gone.operations);
    const drop = rec === undefined ? gone.drop : [...gone.drop, secret.meta.hash];
    return {
      plan: { operation: operations, keep: rec === undefined ? [] : [rec], drop },
      result,
    };
  });
}

async function steps<R extends Changed>(
  session: Session,
  which: Which,
  plan: (opened: Opened, at: number, found: Found) => Promise<{ plan: Plan; result: R }>,
): Promise<R> {
  let result: R | undefined;
  let drop: readonly string[] = [];
  await session.append(async (opened, at) => {
    const found = await find(opened.state, opened.contents, which);
    await permit(opened, "rotate", aboutOf(found));
    const planned = await plan(opened, at, found);
    result = planned.result;
    drop = planned.plan.drop ?? [];
    return planned.plan;
  });
  await remove(session, drop);
  return result ?? nothing(which);
}

async function mustDiffer(opened: Opened, found: Found, value: Uint8Array): Promise<void> {
  if (await isCurrent(opened, found, value))
    throw new CitadelError("E_INVALID_SECRET", `the new value of ${shownAs(found)} is the old one`);
}
