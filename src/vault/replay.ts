import { calculateJwkThumbprint } from "jose";
import { operationsOf, readEvent, verifyEvent } from "./event.ts";
import { hash } from "./hash.ts";
import { damaged } from "./problems.ts";
import type {
  Envelope,
  Event,
  Member,
  Operation,
  RecordPlace,
  RecordRef,
  SecretState,
  VaultState,
} from "./types.ts";

/**
 * The state that a signed event leads to. Every rule of who may do what to which version is checked here again: what a
 * history contains is valid only when it could have come about.
 * @param before undefined for the first event
 * @throws E_VAULT_DAMAGED
 */
export async function replay(before: VaultState | undefined, jws: string): Promise<VaultState> {
  const event = readEvent(jws);
  const first = before === undefined;
  const wrong = (why: string) => damaged(`event ${event.seq} of the vault's history ${why}`);
  if (event.seq !== (before?.seq ?? 0) + 1) throw wrong("is out of order");
  if (event.prev !== (before?.head ?? null)) throw wrong("does not follow the one before");
  if (event.at < (before?.at ?? 0)) throw wrong("is older than the one before");
  if (first !== (event.op === "genesis")) throw wrong("is out of place");
  const administrator = before?.administrator ?? (await founder(event));
  if (event.by !== administrator.kid) throw wrong("is not by an administrator");
  await verifyEvent(jws, administrator);
  const head = hash(jws);
  const now = { seq: event.seq, head, at: event.at };
  if (before === undefined) return { ...now, ...genesis(event, administrator, head) };
  let state: VaultState = before;
  for (const operation of operationsOf(event))
    state = { ...state, ...change(state, operation, wrong) };
  return { ...state, ...now };
}

async function founder(event: Event): Promise<Member> {
  if (event.op !== "genesis")
    throw damaged("the vault's history does not begin with its first event");
  return { kid: await calculateJwkThumbprint(event.sign), sign: event.sign, age: event.age };
}

function genesis(
  event: Event,
  administrator: Member,
  id: string,
): Omit<VaultState, "seq" | "head" | "at"> {
  if (event.op !== "genesis") throw damaged("the vault's history has no beginning");
  const meta = { id: event.s, generation: 1, slot: event.slot };
  return {
    ...{ id, administrator, meta },
    ...{ scopes: new Map(), secrets: new Map(), purged: new Set<string>() },
  };
}

function change(
  before: VaultState,
  event: Operation & Envelope,
  wrong: (why: string) => Error,
): Partial<Pick<VaultState, "scopes" | "secrets" | "purged" | "policy">> {
  const { at, by } = event;
  const place = (
    more: Pick<RecordPlace, "s" | "g" | "id" | "n" | "k"> & { rf?: number },
  ): RecordPlace => ({
    ...{ f: 1 as const, v: before.id, by, at },
    ...more,
  });
  const secretOf = (id: string): SecretState => {
    const known = before.secrets.get(id);
    if (!known) throw wrong("is about no secret");
    return known;
  };
  const changed = (secret: SecretState) => ({
    secrets: new Map(before.secrets).set(secret.id, secret),
  });
  switch (event.op) {
    case "genesis":
      throw wrong("is out of place");
    case "scope": {
      const { s, slot, rec } = event;
      if (before.scopes.has(s) || s === before.meta.id) throw wrong("makes a scope that exists");
      const { id, generation } = before.meta;
      const record = {
        hash: rec,
        place: place({ s: id, g: generation, id: s, n: 1, k: "meta" }),
      };
      const scope = { id: s, generation: 1, slot, record };
      return { scopes: new Map(before.scopes).set(s, scope) };
    }
    case "label": {
      const { s, rec } = event;
      const known = before.scopes.get(s);
      if (!known) throw wrong("is about no scope");
      const { g, n } = { g: before.meta.generation, n: known.record.place.n + 1 };
      const record = { hash: rec, place: place({ s: before.meta.id, g, id: s, n, k: "meta" }) };
      return { scopes: new Map(before.scopes).set(s, { ...known, record }) };
    }
    case "policy": {
      const { id, generation: g } = before.meta;
      const n = (before.policy?.place.n ?? 0) + 1;
      return { policy: { hash: event.rec, place: place({ s: id, g, id, n, k: "meta" }) } };
    }
    case "set": {
      const { s, id, n, rec, meta, rf, r } = event;
      const scope = before.scopes.get(s);
      const known = before.secrets.get(id);
      if (!scope || (known && known.scope !== s)) throw wrong("sets a secret of no such scope");
      if (before.purged.has(id)) throw wrong("sets what was purged");
      if (n !== (known?.versions.length ?? 0) + 1) throw wrong("leaves out or repeats a version");
      if (meta === undefined && !known) throw wrong("has no name");
      if (rf !== undefined && (known?.versions[rf - 1]?.state ?? "destroyed") === "destroyed")
        throw wrong("restores a version that is not there");
      if (r !== undefined && (!known || known.rotation)) throw wrong("begins a second rotation");
      const where = { s, g: scope.generation, id };
      const version = {
        record: {
          hash: rec,
          place: place({ ...where, n, k: "value", ...(rf !== undefined && { rf }) }),
        },
        state: "live" as const,
      };
      const told = meta === undefined ? known?.meta : metaRecord(where, known, meta, place);
      if (!told) throw wrong("has no name");
      const secret = { id, scope: s, current: n, ...known, meta: told };
      const versions = [...(known?.versions ?? []), version];
      if (r !== undefined)
        return changed({ ...secret, versions, rotation: { id: r, n, step: "create" } });
      return changed({ ...(known ? nowCurrent(secret, n) : secret), versions });
    }
    case "meta": {
      const known = secretOf(event.id);
      const { scope: s, id } = known;
      const g = before.scopes.get(s)?.generation;
      if (g === undefined) throw wrong("is about no scope");
      return changed({ ...known, meta: metaRecord({ s, g, id }, known, event.rec, place) });
    }
    case "rotate": {
      const { rotation, ...known } = secretOf(event.id);
      if (rotation?.id !== event.r) throw wrong("is about no rotation");
      if (event.step === "cancel") return changed(known);
      if (event.step !== "finish")
        return changed({ ...known, rotation: { ...rotation, step: event.step } });
      if (known.versions[rotation.n - 1]?.state !== "live")
        throw wrong("ends a rotation whose version is not there");
      return changed(nowCurrent(known, rotation.n));
    }
    case "purge": {
      const secrets = new Map(before.secrets);
      if (!secrets.delete(event.id)) throw wrong("is about no secret");
      return { secrets, purged: new Set(before.purged).add(event.id) };
    }
    case "alert":
      if (!secretOf(event.id).versions[event.n - 1]) throw wrong("is about no version");
      return {};
    default: {
      const { op, id, ns } = event;
      const known = secretOf(id);
      const versions = [...known.versions];
      for (const n of ns) {
        const version = versions[n - 1];
        if (!version) throw wrong("is about no version");
        if (version.state === "destroyed") throw wrong("changes what was destroyed");
        versions[n - 1] =
          op === "undelete"
            ? { record: version.record, state: "live" }
            : {
                record: version.record,
                state: op === "delete" ? "deleted" : "destroyed",
                since: at,
              };
      }
      return changed({ ...known, versions });
    }
  }
}

const nowCurrent = <S extends Pick<SecretState, "current">>(secret: S, n: number): S => ({
  ...secret,
  current: n,
  previous: secret.current,
});

/** What is said of a secret, one further than what was said before. */
const metaRecord = (
  where: Pick<RecordPlace, "s" | "g" | "id">,
  known: SecretState | undefined,
  rec: string,
  place: (more: Pick<RecordPlace, "s" | "g" | "id" | "n" | "k">) => RecordPlace,
): RecordRef => ({
  hash: rec,
  place: place({ ...where, n: (known?.meta.place.n ?? 0) + 1, k: "meta" }),
});
