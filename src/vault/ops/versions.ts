import type { Envelope, OperationOf, RecordRef, SecretState, SecretVersion } from "../types.ts";
import { isHash, isNumber, isText, listOf, oneOf, optional } from "./checks.ts";
import { introduced, type Draft, type Refuse, type Rule } from "./rule.ts";

export const set: Rule<OperationOf<"set">> = {
  together: true,
  shape: {
    s: isText,
    id: isText,
    n: isNumber,
    rec: isHash,
    meta: optional(isHash),
    rf: optional(isNumber),
    r: optional(isText),
  },
  scope: (_draft, { s }) => s,
  apply(draft, event, refuse) {
    const { s, id, n, rec, meta: told, rf, r } = event;
    const scope = draft.scopes.get(s);
    const known = draft.secrets.get(id);
    if (!scope || (known && known.scope !== s)) return refuse("sets a secret of no such scope");
    if (draft.purged.has(id)) refuse("sets what was purged");
    if (n !== (known?.versions.length ?? 0) + 1) refuse("leaves out or repeats a version");
    if (rf !== undefined && (known?.versions[rf - 1]?.state ?? "destroyed") === "destroyed")
      refuse("restores a version that is not there");
    if (r !== undefined && (!known || known.rotation)) refuse("begins a second rotation");
    const { generation: g } = scope;
    const place = { s, g, id, n, k: "value" as const, ...(rf !== undefined && { rf }) };
    const version: SecretVersion = { record: introduced(draft, event, rec, place), state: "live" };
    const record =
      told === undefined ? known?.meta : toldOf(draft, event, { s, id, rec: told }, refuse);
    if (!record) return refuse("has no name");
    const secret = { id, scope: s, current: n, ...known, meta: record };
    const versions = [...(known?.versions ?? []), version];
    draft.secrets.set(
      id,
      r !== undefined
        ? { ...secret, versions, rotation: { id: r, n, step: "create" } }
        : { ...(known ? nowCurrent(secret, n) : secret), versions },
    );
    sealed(draft, s, 1);
  },
};

export const meta: Rule<OperationOf<"meta">> = {
  together: true,
  shape: { id: isText, rec: isHash },
  scope: (draft, { id }) => draft.secrets.get(id)?.scope,
  apply(draft, event, refuse) {
    const known = secretOf(draft, event, refuse);
    const { scope: s, id } = known;
    draft.secrets.set(id, {
      ...known,
      meta: toldOf(draft, event, { s, id, rec: event.rec }, refuse),
    });
  },
};

export const rotate: Rule<OperationOf<"rotate">> = {
  together: true,
  shape: { id: isText, r: isText, step: oneOf("set", "test", "finish", "cancel") },
  scope: (draft, { id }) => draft.secrets.get(id)?.scope,
  apply(draft, event, refuse) {
    const { rotation, ...known } = secretOf(draft, event, refuse);
    const { id, r, step } = event;
    if (rotation?.id !== r) return refuse("is about no rotation");
    if (step === "cancel") draft.secrets.set(id, known);
    else if (step !== "finish")
      draft.secrets.set(id, { ...known, rotation: { ...rotation, step } });
    else if (known.versions[rotation.n - 1]?.state !== "live")
      refuse("ends a rotation whose version is not there");
    else draft.secrets.set(id, nowCurrent(known, rotation.n));
  },
};

export const purge: Rule<OperationOf<"purge">> = {
  together: true,
  shape: { id: isText },
  scope: (draft, { id }) => draft.secrets.get(id)?.scope,
  apply(draft, event, refuse) {
    const { id } = secretOf(draft, event, refuse);
    draft.secrets.delete(id);
    draft.purged.add(id);
  },
};

export const alert: Rule<OperationOf<"alert">> = {
  shape: { id: isText, n: isNumber },
  scope: (draft, { id }) => draft.secrets.get(id)?.scope,
  apply(draft, event, refuse) {
    if (!secretOf(draft, event, refuse).versions[event.n - 1]) refuse("is about no version");
  },
};

export const change: Rule<OperationOf<"delete" | "undelete" | "destroy">> = {
  together: true,
  shape: { id: isText, ns: (value) => listOf(isNumber)(value) && (value as []).length > 0 },
  scope: (draft, { id }) => draft.secrets.get(id)?.scope,
  apply(draft, event, refuse) {
    const known = secretOf(draft, event, refuse);
    const { op, id, ns, at } = event;
    const versions = [...known.versions];
    for (const n of ns) {
      const version = versions[n - 1];
      if (!version) return refuse("is about no version");
      if (version.state === "destroyed") refuse("changes what was destroyed");
      const { record } = version;
      versions[n - 1] =
        op === "undelete"
          ? { record, state: "live" }
          : { record, state: op === "delete" ? "deleted" : "destroyed", since: at };
    }
    draft.secrets.set(id, { ...known, versions });
  },
};

function secretOf(draft: Draft, { id }: { readonly id: string }, refuse: Refuse): SecretState {
  return draft.secrets.get(id) ?? refuse("is about no secret");
}

const nowCurrent = <S extends Pick<SecretState, "current">>(secret: S, n: number): S => ({
  ...secret,
  current: n,
  previous: secret.current,
});

/** What is said of a secret, one further than what was said before. */
function toldOf(
  draft: Draft,
  event: Envelope,
  { s, id, rec }: { readonly s: string; readonly id: string; readonly rec: string },
  refuse: Refuse,
): RecordRef {
  const g = draft.scopes.get(s)?.generation ?? refuse("is about no scope");
  const n = (draft.secrets.get(id)?.meta.place.n ?? 0) + 1;
  sealed(draft, s, 1);
  return introduced(draft, event, rec, { s, g, id, n, k: "meta" });
}

/** Counts what is sealed under one key. */
function sealed(draft: Draft, s: string, count: number): void {
  const scope = draft.scopes.get(s);
  if (scope) draft.scopes.set(s, { ...scope, seals: scope.seals + count });
}
