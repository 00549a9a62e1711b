import { isDeepStrictEqual } from "node:util";
import { CitadelError } from "../../errors.ts";
import type { Changed, Cleaned, ScopeDescription, Which } from "../api.ts";
import type { ScopeLabel } from "../contents.ts";
import { all, changedTo, chosen, find, scopeNamed, stateOf, type Found } from "../lookup.ts";
import { described, type Description } from "../meta.ts";
import { checkName, checkScope } from "../names.ts";
import { permit } from "../policy/permit.ts";
import { outdated, retentionOf } from "../retention.ts";
import { placeOf, type Session } from "../session.ts";
import type { Operation } from "../types.ts";
import { remove, sealMeta } from "./place.ts";
import { aboutOf, nothing } from "./write.ts";

/** Stops handing versions out, or takes that back. @param versions all that can be by default */
export async function change(
  session: Session,
  op: "delete" | "undelete",
  which: Which,
  versions?: readonly number[],
): Promise<Changed> {
  const from = op === "delete" ? "live" : "deleted";
  let result: Changed | undefined;
  await session.append(async (opened) => {
    const { state } = opened;
    const found = await find(state, opened.contents, which);
    await permit(opened, "delete", aboutOf(found));
    const ns = chosen(found, versions).filter((n) => stateOf(found, n) === from);
    result = changedTo(found, ns.length > 0);
    return ns.length === 0 ? undefined : { operation: { op, id: found.secret.id, ns } };
  });
  return result ?? nothing(which);
}

/** Removes ciphertext for good; the numbers stay taken. */
export async function destroy(
  session: Session,
  which: Which,
  versions: readonly number[],
): Promise<Changed> {
  let result: Changed | undefined;
  let hashes: string[] = [];
  await session.append(async (opened) => {
    const { state } = opened;
    const found = await find(state, opened.contents, which);
    await permit(opened, "destroy", aboutOf(found));
    const wanted = chosen(found, versions);
    hashes = wanted.map((n) => found.secret.versions[n - 1]?.record.hash ?? "");
    const ns = wanted.filter((n) => stateOf(found, n) !== "destroyed");
    result = changedTo(found, ns.length > 0);
    return ns.length === 0
      ? undefined
      : { operation: { op: "destroy", id: found.secret.id, ns }, drop: hashes };
  });
  // also for what was destroyed before: a crash may have come in between
  await remove(session, hashes);
  return result ?? nothing(which);
}

/** Removes a secret with all its versions; its name is free again, its id is not. */
export async function purge(session: Session, which: Which): Promise<Changed> {
  let result: Changed | undefined;
  let hashes: string[] = [];
  await session.append(async (opened) => {
    const { state } = opened;
    const found = await find(state, opened.contents, which);
    await permit(opened, "destroy", aboutOf(found));
    const { id, meta, versions } = found.secret;
    hashes = [meta, ...versions.map(({ record }) => record)].map(({ hash }) => hash);
    result = changedTo(found, true);
    return { operation: { op: "purge", id }, drop: hashes };
  });
  await remove(session, hashes);
  return result ?? nothing(which);
}

/** Says something else of a secret. */
export async function describe(
  session: Session,
  which: Which,
  said: Description,
): Promise<Changed> {
  let result: Changed | undefined;
  await session.append(async (opened, at) => {
    const { state } = opened;
    const found = await find(state, opened.contents, which);
    const { secret, scope, meta } = found;
    await permit(opened, "write", aboutOf(found));
    if (said.label) checkLabel(found, ...said.label);
    const next = described(meta, said, secret.current);
    result = changedTo(found, !isDeepStrictEqual(next, meta));
    if (!result.changed) return undefined;
    const rec = await sealMeta(opened, at, scope, secret, next);
    return {
      operation: { op: "meta", id: secret.id, rec },
      ...{ keep: [rec], drop: [secret.meta.hash] },
    };
  });
  return result ?? nothing(which);
}

const ownLabels = new Set(["current", "previous", "pending"]);

function checkLabel(found: Found, label: string, version: number | null): void {
  if (checkName(label, "label") !== label || label.includes("/") || /^\d+$/.test(label))
    throw new CitadelError("E_USAGE", "a label is one word that is no number");
  if (ownLabels.has(label))
    throw new CitadelError("E_USAGE", `the label ${label} moves by itself`, {
      hint: [`go back to a version: citadel secrets:rollback ${found.name} <version>`],
    });
  if (version !== null) chosen(found, [version]);
}

/** What holds for all secrets of a scope. */
export async function describeScope(
  session: Session,
  scopeName: string,
  said: ScopeDescription,
): Promise<ScopeLabel> {
  const name = checkScope(scopeName);
  let result: ScopeLabel | undefined;
  await session.append(async (opened, at) => {
    const { state } = opened;
    const scope = await scopeNamed(state, opened.contents, name);
    if (!scope)
      throw new CitadelError("E_SECRET_NOT_FOUND", `there is no scope ${JSON.stringify(name)}`);
    const label = await opened.contents.scopeOf(state, scope);
    await permit(opened, "write", { ...label, scope: name, name: "*", id: scope.id });
    const next: Record<string, unknown> = { ...label };
    for (const [field, value] of Object.entries(said))
      if (value === null) delete next[field];
      else if (value !== undefined) next[field] = value;
    result = next as unknown as ScopeLabel;
    if (isDeepStrictEqual(next, label)) return undefined;
    const { id, generation: g } = state.meta;
    const where = { s: id, g, id: scope.id, n: scope.record.place.n + 1, k: "meta" as const };
    const bytes = Buffer.from(JSON.stringify(next));
    const place = placeOf(opened, at, where);
    const rec = await opened.contents.put(bytes, place, state.meta);
    return {
      operation: { op: "label", s: scope.id, rec },
      ...{ keep: [rec], drop: [scope.record.hash] },
    };
  });
  return result ?? nothing({ name });
}

/**
 * Destroys what expired longer than `grace` ms ago, and versions that are no longer kept, all at once.
 * @returns what it destroyed, or would
 */
export async function clean(
  session: Session,
  { grace, dryRun }: { readonly grace: number; readonly dryRun: boolean },
): Promise<readonly Cleaned[]> {
  let items: Cleaned[] = [];
  let drop: string[] = [];
  await session.append(async (opened, at) => {
    const { state } = opened;
    [items, drop] = [[], []];
    const operations: Operation[] = [];
    for await (const found of all(state, opened.contents)) {
      const ns = outOfDate(found, at, grace);
      if (ns.length === 0) continue;
      await permit(opened, "destroy", aboutOf(found));
      items.push({ scope: found.label.name, name: found.name, versions: ns });
      drop.push(...ns.flatMap((n) => found.secret.versions[n - 1]?.record.hash ?? []));
      operations.push({ op: "destroy", id: found.secret.id, ns });
    }
    return dryRun || operations.length === 0 ? undefined : { operation: operations, drop };
  });
  if (!dryRun) await remove(session, drop);
  return items;
}

function outOfDate({ secret, meta, label }: Found, now: number, grace: number): number[] {
  const late = secret.versions
    .filter(({ state }) => state !== "destroyed")
    .map(({ record }) => record.place.n)
    .filter((n) => (meta.expires?.[n] ?? Infinity) + grace <= now);
  const { deleteAfter } = retentionOf(meta, label);
  const old = outdated(secret, meta, { ...(deleteAfter !== undefined && { deleteAfter }) }, now);
  return [...new Set([...late, ...old])].sort((a, b) => a - b);
}
