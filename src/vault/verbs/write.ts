import { randomBytes, randomUUID, randomUUIDv7, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { CitadelError } from "../../errors.ts";
import type { Changed, SetOptions, Which } from "../api.ts";
import type { ScopeLabel } from "../contents.ts";
import type { Plan } from "../history.ts";
import {
  ambiguous,
  changedTo,
  chosen,
  find,
  gone,
  matching,
  scopeNamed,
  shown,
  shownAs,
  type Found,
} from "../lookup.ts";
import { described, type Description, type Meta } from "../meta.ts";
import { entitled } from "../members.ts";
import { checkName, checkScope, envOf } from "../names.ts";
import { permit } from "../policy/permit.ts";
import { damaged, denied } from "../problems.ts";
import { outdated, retentionOf } from "../retention.ts";
import { placeOf, type Opened, type Session } from "../session.ts";
import type { Operation, ScopeState, SecretState } from "../types.ts";
import { checkValue } from "../values/check.ts";
import { remove, sealMeta } from "./place.ts";

/** Scope of new secrets that name none. */
const defaultScope = "default";

/** A value that is about to become a version. */
export interface Addition {
  readonly value: Uint8Array;
  readonly said?: Description;
  /** version that it restores */
  readonly rf?: number;
  /** rotation that it begins */
  readonly r?: string;
}

/** Where a version is added. */
interface Target {
  readonly scope: ScopeState;
  readonly label: ScopeLabel;
  readonly name: string;
  readonly known: Found | undefined;
}

/** What adds a version, with the metadata that comes with it and the older versions that it makes go. */
export async function addition(
  opened: Opened,
  at: number,
  { scope, label, name, known }: Target,
  { value, said = {}, rf, r }: Addition,
): Promise<{ readonly plan: Plan; readonly n: number }> {
  const secret = known?.secret;
  const n = (secret?.versions.length ?? 0) + 1;
  const id = secret?.id ?? newId();
  const meta = metaFor(known?.meta ?? { name }, said, value, n, rf);
  const where = { s: scope.id, g: scope.generation, id };
  const place = placeOf(opened, at, { ...where, n, k: "value", ...(rf !== undefined && { rf }) });
  const rec = await opened.contents.put(value, place, scope);
  const told = isDeepStrictEqual(meta, known?.meta)
    ? undefined
    : await sealMeta(opened, at, scope, { id, ...(secret && { meta: secret.meta }) }, meta);
  const operations: Operation[] = [
    {
      ...{ op: "set", s: scope.id, id, n, rec },
      ...(told !== undefined && { meta: told }),
      ...(rf !== undefined && { rf }),
      ...(r !== undefined && { r }),
    },
  ];
  const drop = told !== undefined && secret ? [secret.meta.hash] : [];
  if (secret && r === undefined) {
    const added = { record: { hash: rec, place }, state: "live" as const };
    const after = { ...secret, versions: [...secret.versions, added], ...nextLabels(secret, n) };
    const plan = pruning(after, meta, label, at);
    operations.push(...plan.operations);
    drop.push(...plan.drop);
  }
  return {
    n,
    plan: { operation: operations, keep: told === undefined ? [rec] : [rec, told], drop },
  };
}

const nextLabels = ({ current }: SecretState, n: number) => ({ current: n, previous: current });

/** What destroys the versions that are no longer kept. */
export function pruning(
  secret: SecretState,
  meta: Meta,
  label: ScopeLabel,
  now: number,
): { readonly operations: readonly Operation[]; readonly drop: readonly string[] } {
  const ns = outdated(secret, meta, retentionOf(meta, label), now);
  if (ns.length === 0) return { operations: [], drop: [] };
  return {
    operations: [{ op: "destroy", id: secret.id, ns }],
    drop: ns.flatMap((n) => secret.versions[n - 1]?.record.hash ?? []),
  };
}

/** What is said of a secret once it has this value. @throws E_INVALID_SECRET when the value is not of its type */
function metaFor(
  before: Meta,
  said: Description,
  value: Uint8Array,
  n: number,
  rf: number | undefined,
): Meta {
  const type = said.type === undefined ? before.type : said.type;
  const checked = type && rf === undefined ? checkValue(type, value) : {};
  const kept = rf === undefined ? undefined : before.expires?.[rf];
  const expires = said.expires === undefined ? (checked.expires ?? kept) : said.expires;
  const detail = rf === undefined ? (checked.detail ?? null) : undefined;
  return described(before, { ...said, expires, detail }, n);
}

/** Where `set` writes: the scope that is named, else the default one, unless the name is another scope's. */
async function target(session: Session, which: Which): Promise<{ name: string; scope: string }> {
  const name = checkName(which.name, "secret");
  if (which.scope !== undefined) return { name, scope: checkScope(which.scope) };
  const { state, contents } = await session.use();
  const found = await matching(state, contents, which);
  if (found.length > 0 && !found.some(({ label }) => label.name === defaultScope))
    throw ambiguous(which, found);
  return { name, scope: defaultScope };
}

/** Makes the scope of that name where there is none. */
export async function ensureScope(session: Session, name: string): Promise<void> {
  await session.append(async (opened, at) => {
    const { state, contents } = opened;
    if (await scopeNamed(state, contents, name)) return undefined;
    if (!opened.me.administrator) throw denied(`only administrators make scopes: ${name}`);
    const s = randomBytes(16).toString("base64url");
    const { meta } = state;
    const where = { s: meta.id, g: meta.generation, id: s, n: 1, k: "meta" as const };
    const label = Buffer.from(JSON.stringify({ name, env: envOf(name) }));
    const rec = await contents.put(label, placeOf(opened, at, where), meta);
    const { slot, key } = await contents.newSlot(s, 1, entitled(state, s, at));
    return { operation: { op: "scope", s, slot, rec }, keep: [rec, key] };
  });
}

export async function set(
  session: Session,
  which: Which,
  value: Uint8Array,
  { cas, force = false, ...said }: SetOptions = {},
): Promise<Changed> {
  const { name, scope: scopeName } = await target(session, which);
  const { contents, state: now } = await session.use();
  let result: Changed = { scope: scopeName, name, version: 0, changed: false };
  if (cas !== undefined && cas > 0 && !(await scopeNamed(now, contents, scopeName)))
    throw conflict(cas, 0);
  await ensureScope(session, scopeName);
  let drop: readonly string[] = [];
  await session.append(async (opened, at) => {
    const { state } = opened;
    const scope = await scopeNamed(state, contents, scopeName);
    if (!scope) throw damaged("a scope that was made is not there");
    const label = await contents.scopeOf(state, scope);
    const [known] = await matching(state, contents, { name, scope: scopeName });
    const id = known?.secret.id ?? scope.id;
    await permit(opened, "write", { scope: scopeName, env: label.env, name, id });
    const last = known?.secret.versions.length ?? 0;
    if (cas !== undefined && cas !== last) throw conflict(cas, last);
    if (cas === undefined && retentionOf(known?.meta ?? {}, label).casRequired)
      throw casMissing(known, last, { name, scope: scopeName });
    if (known) mustRest(known);
    if (known && !force && (await isCurrent(opened, known, value))) {
      result = { scope: scopeName, name, version: known.secret.current, changed: false };
      const meta = metaFor(known.meta, said, value, known.secret.current, undefined);
      if (isDeepStrictEqual(meta, known.meta)) return undefined;
      result = { ...result, changed: true };
      const rec = await sealMeta(opened, at, scope, known.secret, meta);
      return {
        operation: { op: "meta", id, rec },
        ...{ keep: [rec], drop: [known.secret.meta.hash] },
      };
    }
    const { plan, n } = await addition(opened, at, { scope, label, name, known }, { value, said });
    result = { scope: scopeName, name, version: n, changed: true };
    drop = plan.drop ?? [];
    return plan;
  });
  await remove(session, drop);
  return result;
}

/** A new version with the value of an older one. */
export async function rollback(
  session: Session,
  which: Which,
  version: number,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<Changed> {
  let result: Changed | undefined;
  let drop: readonly string[] = [];
  await session.append(async (opened, at) => {
    const found = await find(opened.state, opened.contents, which);
    await permit(opened, "write", aboutOf(found));
    mustRest(found);
    const [n = 0] = chosen(found, [version]);
    const next = found.secret.versions.length + 1;
    result = { ...changedTo(found, true), version: next };
    if (stateAt(found, n) === "destroyed") throw gone(found, n);
    if (dryRun) return undefined;
    const { plan } = await restoring(opened, at, found, n);
    drop = plan.drop ?? [];
    return plan;
  });
  await remove(session, drop);
  return result ?? nothing(which);
}

/** What makes an older version the newest. @throws E_SECRET_GONE */
export async function restoring(opened: Opened, at: number, found: Found, n: number) {
  const old = found.secret.versions[n - 1];
  if (!old || old.state === "destroyed") throw gone(found, n);
  const value = await opened.contents.get(old.record, found.scope);
  try {
    return await addition(opened, at, { ...found, known: found }, { value, rf: n });
  } finally {
    value.fill(0);
  }
}

const stateAt = ({ secret }: Found, n: number) => secret.versions[n - 1]?.state;

/** Whether the value that is handed out is this one already. */
export async function isCurrent(
  { contents }: Opened,
  { secret, scope }: Found,
  value: Uint8Array,
): Promise<boolean> {
  const version = secret.versions[secret.current - 1];
  if (version?.state !== "live") return false;
  const current = await contents.get(version.record, scope);
  const same = current.byteLength === value.byteLength && timingSafeEqual(current, value);
  current.fill(0);
  return same;
}

/** @throws E_CONFLICT while a rotation is under way: it would undo what comes in between */
export function mustRest(found: Found): void {
  if (!found.secret.rotation) return;
  throw new CitadelError("E_CONFLICT", `a rotation of ${shownAs(found)} is under way`, {
    hint: [
      `go on with it: citadel secrets:rotate ${found.name}`,
      `give it up: citadel secrets:rotate ${found.name} --cancel`,
    ],
  });
}

/** What the rules of access are asked about a secret. */
export const aboutOf = ({ secret, label, name }: Found) => ({
  ...{ scope: label.name, env: label.env, name, id: secret.id },
});

const newId = (): string => (typeof randomUUIDv7 === "function" ? randomUUIDv7() : randomUUID());

const conflict = (cas: number, last: number): CitadelError =>
  new CitadelError("E_CONFLICT", `the newest version is ${last}, not ${cas}`);

const casMissing = (known: Found | undefined, last: number, which: Which): CitadelError =>
  new CitadelError("E_USAGE", `${known ? shownAs(known) : shown(which)} is set with --cas only`, {
    hint: [`the newest version is ${last}: --cas ${last}`],
  });

export function nothing(which: Which): never {
  throw new CitadelError("E_SECRET_NOT_FOUND", `there is no secret ${shown(which)}`);
}
