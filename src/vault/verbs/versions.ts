import { randomBytes, randomUUID, randomUUIDv7, timingSafeEqual } from "node:crypto";
import { CitadelError } from "../../errors.ts";
import { manifestKey } from "../../store/keys.ts";
import type { Changed, SecretInfo, Vault, VersionInfo, Which } from "../api.ts";
import {
  all,
  ambiguous,
  changedTo,
  chosen,
  find,
  gone,
  matching,
  scopeNamed,
  shown,
  shownAs,
  stateOf,
} from "../lookup.ts";
import { entitled } from "../members.ts";
import { checkName, checkScope, envOf } from "../names.ts";
import { damaged, denied } from "../problems.ts";
import { placeOf, type Session } from "../session.ts";

/** Scope of new secrets that name none. */
const defaultScope = "default";

type Verbs = Pick<Vault, "set" | "get" | "list" | "versions" | "change" | "destroy" | "rollback">;

/** What is done with secrets and their versions. */
export function versionVerbs({ store, use, append, look }: Session): Verbs {
  /** The scope of that name, made when there is none. */
  const ensureScope = async (name: string): Promise<void> => {
    await append(async (opened, at) => {
      const { state, contents } = opened;
      if (await scopeNamed(state, contents, name)) return undefined;
      if (!opened.me.administrator) throw denied(`only administrators make scopes: ${name}`);
      const s = randomBytes(16).toString("base64url");
      const { meta } = state;
      const place = placeOf(opened, at, {
        s: meta.id,
        g: meta.generation,
        id: s,
        n: 1,
        k: "meta",
      });
      const label = Buffer.from(JSON.stringify({ name, env: envOf(name) }));
      const rec = await contents.put(label, place, meta);
      const { slot, key } = await contents.newSlot(s, 1, entitled(state, s, at));
      return { operation: { op: "scope", s, slot, rec }, keep: [rec, key] };
    });
  };

  /** Where `set` writes: the scope that is named, else the default one, unless the name is another scope's. */
  const target = async (which: Which): Promise<{ name: string; scope: string }> => {
    const name = checkName(which.name, "secret");
    if (which.scope !== undefined) return { name, scope: checkScope(which.scope) };
    const { state, contents } = await use();
    const found = await matching(state, contents, which);
    if (found.length > 0 && !found.some(({ label }) => label.name === defaultScope))
      throw ambiguous(which, found);
    return { name, scope: defaultScope };
  };

  const set: Vault["set"] = async (which, value, { cas, force = false } = {}) => {
    const { name, scope: scopeName } = await target(which);
    const { contents, state: now } = await use();
    let result: Changed = { scope: scopeName, name, version: 0, changed: false };
    if (cas !== undefined && cas > 0 && !(await scopeNamed(now, contents, scopeName)))
      throw conflict(cas, 0);
    await ensureScope(scopeName);
    await append(async (opened, at) => {
      const { state } = opened;
      const scope = await scopeNamed(state, contents, scopeName);
      if (!scope) throw damaged("a scope that was made is not there");
      const [known] = await matching(state, contents, { name, scope: scopeName });
      const newest = known?.secret.versions.at(-1);
      const last = known?.secret.versions.length ?? 0;
      if (cas !== undefined && cas !== last) throw conflict(cas, last);
      if (newest?.state === "live" && !force) {
        const current = await contents.get(newest.record, scope);
        const unchanged =
          current.byteLength === value.byteLength && timingSafeEqual(current, value);
        current.fill(0);
        if (unchanged) {
          result = { scope: scopeName, name, version: last, changed: false };
          return undefined;
        }
      }
      const id = known?.secret.id ?? newId();
      const n = last + 1;
      const where = { s: scope.id, g: scope.generation, id, n };
      const rec = await contents.put(value, placeOf(opened, at, { ...where, k: "value" }), scope);
      const meta = known
        ? undefined
        : await contents.put(
            Buffer.from(JSON.stringify({ name })),
            placeOf(opened, at, { ...where, k: "meta" }),
            scope,
          );
      result = { scope: scopeName, name, version: n, changed: true };
      return {
        operation: { op: "set", s: scope.id, id, n, rec, ...(meta !== undefined && { meta }) },
        keep: meta === undefined ? [rec] : [rec, meta],
      };
    });
    return result;
  };

  return {
    set,

    async get(which, { version, label, use: op = "get" } = {}) {
      return look(async ({ state, me, contents, log }) => {
        const found = await find(state, contents, which);
        const { secret, scope, name } = found;
        const last = secret.versions.length;
        const n = version ?? (label === "previous" ? last - 1 : last);
        const wanted = secret.versions[n - 1];
        if (!wanted)
          throw new CitadelError(
            "E_SECRET_NOT_FOUND",
            `${shownAs(found)} has no version ${n || "before the first"}`,
          );
        if (wanted.state !== "live") throw gone(found, n);
        await log.append({ op, id: secret.id, n, by: me.kid });
        const value = await contents.get(wanted.record, scope);
        return { scope: found.label.name, name, version: n, value };
      });
    },

    async list(scopeName) {
      const wanted = scopeName === undefined ? undefined : checkScope(scopeName);
      const found = await look(({ state, contents }) => Array.fromAsync(all(state, contents)));
      const items = found.flatMap(({ secret, label, name }): SecretInfo[] => {
        const [first] = secret.versions;
        const newest = secret.versions.at(-1);
        if ((wanted !== undefined && label.name !== wanted) || !first || !newest) return [];
        return [
          {
            ...{ scope: label.name, env: label.env, name, version: secret.versions.length },
            state: newest.state,
            created: first.record.place.at,
            changed: newest.since ?? newest.record.place.at,
          },
        ];
      });
      return items.sort((a, b) => order(a.scope, b.scope) || order(a.name, b.name));
    },

    async versions(which) {
      const { secret, label, name } = await look(({ state, contents }) =>
        find(state, contents, which),
      );
      const last = secret.versions.length;
      const items = secret.versions.map(({ record, state: now, since }): VersionInfo => {
        const { n, at, by, rf } = record.place;
        const labels =
          n === last ? (["current"] as const) : n === last - 1 ? (["previous"] as const) : [];
        return {
          ...{ version: n, state: now, labels, at, by },
          ...(rf !== undefined && { from: rf }),
          ...(since !== undefined && { since }),
        };
      });
      return { scope: label.name, name, items: items.reverse() };
    },

    async change(op, which, versions) {
      const from = op === "delete" ? "live" : "deleted";
      let result: Changed | undefined;
      await append(async ({ state, contents }) => {
        const found = await find(state, contents, which);
        const ns = chosen(found, versions).filter((n) => stateOf(found, n) === from);
        result = changedTo(found, ns.length > 0);
        return ns.length === 0 ? undefined : { operation: { op, id: found.secret.id, ns } };
      });
      return result ?? nothing(which);
    },

    async destroy(which, versions) {
      let result: Changed | undefined;
      let hashes: string[] = [];
      await append(async ({ state, contents }) => {
        const found = await find(state, contents, which);
        const wanted = chosen(found, versions);
        hashes = wanted.map((n) => found.secret.versions[n - 1]?.record.hash ?? "");
        const ns = wanted.filter((n) => stateOf(found, n) !== "destroyed");
        result = changedTo(found, ns.length > 0);
        return ns.length === 0
          ? undefined
          : { operation: { op: "destroy", id: found.secret.id, ns }, drop: hashes };
      });
      // also for what was destroyed before: a crash may have come in between
      for (const hash of hashes) await store.driver.delete(manifestKey(hash));
      return result ?? nothing(which);
    },

    async rollback(which, version, { dryRun = false } = {}) {
      let result: Changed | undefined;
      await append(async (opened, at) => {
        const { state, contents } = opened;
        const found = await find(state, contents, which);
        const { secret, scope } = found;
        const [n = 0] = chosen(found, [version]);
        const old = secret.versions[n - 1];
        if (!old || old.state === "destroyed") throw gone(found, n);
        const next = secret.versions.length + 1;
        result = { ...changedTo(found, true), version: next };
        if (dryRun) return undefined;
        const value = await contents.get(old.record, scope);
        const where = { s: scope.id, g: scope.generation, id: secret.id, n: next };
        const place = placeOf(opened, at, { ...where, k: "value", rf: n });
        const rec = await contents.put(value, place, scope);
        value.fill(0);
        return {
          operation: { op: "set", s: scope.id, id: secret.id, n: next, rec, rf: n },
          keep: [rec],
        };
      });
      return result ?? nothing(which);
    },
  };
}

const newId = (): string => (typeof randomUUIDv7 === "function" ? randomUUIDv7() : randomUUID());
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const conflict = (cas: number, last: number): CitadelError =>
  new CitadelError("E_CONFLICT", `the newest version is ${last}, not ${cas}`);

function nothing(which: Which): never {
  throw new CitadelError("E_SECRET_NOT_FOUND", `there is no secret ${shown(which)}`);
}
