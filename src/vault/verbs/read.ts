import { CitadelError } from "../../errors.ts";
import type { DueItem, GetOptions, Read, SecretInfo, VersionInfo, Which } from "../api.ts";
import { all, expired, find, gone, shownAs, type Found } from "../lookup.ts";
import { checkScope } from "../names.ts";
import { callerOf, decide, permit, type Asker } from "../policy/permit.ts";
import { labelsOf } from "../retention.ts";
import { dueAt } from "../schedule.ts";
import type { Opened, Session } from "../session.ts";
import type { SecretState } from "../types.ts";
import { aboutOf } from "./write.ts";

/** The value, once its access is on record. @param asker whom it is for, where that is not this identity */
export async function get(
  session: Session,
  which: Which,
  options: GetOptions = {},
  asker?: Asker,
): Promise<Read> {
  const op = asker ? "lend" : (options.use ?? "get");
  const { canary, id, n } = await session.look(async (opened) => {
    const { found, n, late } = await wanted(opened, which, options, asker);
    const { id } = found.secret;
    await opened.log.append({
      ...{ op, id, n, by: opened.me.kid },
      ...(late && { expired: true }),
      ...(asker && { caller: callerOf(asker) }),
    });
    return { canary: found.meta.canary === true, id, n };
  });
  if (canary) await session.append(async () => ({ operation: { op: "alert", id, n } }));
  return session.look(async (opened) => {
    const { found, version } = await wanted(opened, which, { ...options, version: n }, asker);
    const { scope, label, name, meta } = found;
    const value = await opened.contents.get(version.record, scope);
    return { scope: label.name, name, version: n, value, ...(meta.type && { type: meta.type }) };
  });
}

/** The version that is meant, when it may be handed out. */
async function wanted(
  opened: Opened,
  which: Which,
  { version: number, label = "current", allowExpired = false, use = "get" }: GetOptions,
  asker: Asker | undefined,
) {
  const found = await find(opened.state, opened.contents, which);
  await permit(opened, use === "get" ? "read" : use, aboutOf(found), asker);
  const n = number ?? labelled(found, label);
  const version = found.secret.versions[n - 1];
  if (!version)
    throw new CitadelError("E_SECRET_NOT_FOUND", `${shownAs(found)} has no version ${n}`);
  if (version.state !== "live") throw gone(found, n);
  const late = isExpired(found, n, Date.now());
  if (late && !allowExpired) throw expired(found, n);
  return { found, n, version, late };
}

function labelled(found: Found, label: string): number {
  const { secret, meta } = found;
  const at = secret.versions.findIndex((_, i) => labelsOf(secret, meta, i + 1).includes(label));
  if (at >= 0) return at + 1;
  throw new CitadelError(
    "E_SECRET_NOT_FOUND",
    `no version of ${shownAs(found)} has the label ${JSON.stringify(label)}`,
  );
}

const isExpired = ({ meta }: Found, n: number, now: number): boolean =>
  (meta.expires?.[n] ?? Infinity) <= now;

/** Secrets by scope and name; without those that the rules do not let this identity list. */
export async function list(session: Session, scopeName?: string): Promise<readonly SecretInfo[]> {
  const only = scopeName === undefined ? undefined : checkScope(scopeName);
  const items = await session.look(async (opened) => {
    const shown: SecretInfo[] = [];
    for await (const found of all(opened.state, opened.contents)) {
      if (only !== undefined && found.label.name !== only) continue;
      if (!(await decide(opened, "list", aboutOf(found))).allowed) continue;
      const info = infoOf(found, Date.now());
      if (info) shown.push(info);
    }
    return shown;
  });
  return items.sort((a, b) => order(a.scope, b.scope) || order(a.name, b.name));
}

function infoOf(found: Found, now: number): SecretInfo | undefined {
  const { secret, label, name, meta } = found;
  const [first] = secret.versions;
  const current = secret.versions[secret.current - 1];
  if (!first || !current) return undefined;
  const late = current.state === "live" && isExpired(found, secret.current, now);
  const expires = meta.expires?.[secret.current];
  const { type, detail, description, tags = [], canary = false, schedule } = meta;
  return {
    ...{ scope: label.name, env: label.env, name, version: secret.current },
    state: late ? "expired" : current.state,
    created: first.record.place.at,
    changed: current.since ?? current.record.place.at,
    ...{ tags, canary, rotating: secret.rotation !== undefined },
    ...(type && { type }),
    ...(detail !== undefined && { detail }),
    ...(description !== undefined && { description }),
    ...(expires !== undefined && { expires }),
    ...(schedule && { due: dueAt(schedule, madeAt(secret), secret.id) }),
    ...(schedule?.window !== undefined && { window: schedule.window }),
  };
}

/** When the value that is handed out was made: going back to an old one makes it no younger. */
function madeAt({ versions, current }: SecretState): number {
  let version = versions[current - 1];
  while (version?.record.place.rf !== undefined) version = versions[version.record.place.rf - 1];
  return version?.record.place.at ?? 0;
}

export async function versions(session: Session, which: Which) {
  const found = await session.look(async (opened) => {
    const one = await find(opened.state, opened.contents, which);
    await permit(opened, "list", aboutOf(one));
    return one;
  });
  const { secret, label, name, meta } = found;
  const now = Date.now();
  const items = secret.versions.map(({ record, state, since }): VersionInfo => {
    const { n, at, by, rf } = record.place;
    const expires = meta.expires?.[n];
    return {
      ...{ version: n, labels: labelsOf(secret, meta, n), at, by },
      state: state === "live" && isExpired(found, n, now) ? "expired" : state,
      ...(rf !== undefined && { from: rf }),
      ...(since !== undefined && { since }),
      ...(expires !== undefined && { expires }),
    };
  });
  return { scope: label.name, name, items: items.reverse() };
}

/** What has to be rotated, or ends, until a time, the most urgent first. @param until ms since 1970 */
export async function due(session: Session, until: number): Promise<readonly DueItem[]> {
  const now = Date.now();
  const items = (await list(session)).flatMap((one) => {
    const { scope, name, state, expires, due: at, window } = one;
    if (state === "deleted" || state === "destroyed") return [];
    return [
      { scope, name, why: "rotation" as const, at, ...(window !== undefined && { window }) },
      { scope, name, why: "expiry" as const, at: expires },
    ].flatMap((one) =>
      one.at === undefined || one.at > until ? [] : [{ ...one, at: one.at, over: one.at <= now }],
    );
  });
  return items.sort((a, b) => a.at - b.at);
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
