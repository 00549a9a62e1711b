import { calculateJwkThumbprint } from "jose";
import { readEvent, verifyEvent } from "./event.ts";
import { hash } from "./hash.ts";
import { damaged } from "./problems.ts";
import type { Event, Member, RecordPlace, SecretState, VaultState } from "./types.ts";

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
  return { ...before, ...now, ...change(before, event, wrong) };
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
  return { id, administrator, meta, scopes: new Map(), secrets: new Map() };
}

function change(
  before: VaultState,
  event: Event,
  wrong: (why: string) => Error,
): Partial<Pick<VaultState, "scopes" | "secrets">> {
  const { at, by } = event;
  const place = (
    more: Pick<RecordPlace, "s" | "g" | "id" | "n" | "k"> & { rf?: number },
  ): RecordPlace => ({
    ...{ f: 1 as const, v: before.id, by, at },
    ...more,
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
    case "set": {
      const { s, id, n, rec, meta, rf } = event;
      const scope = before.scopes.get(s);
      const known = before.secrets.get(id);
      if (!scope || (known && known.scope !== s)) throw wrong("sets a secret of no such scope");
      if (n !== (known?.versions.length ?? 0) + 1) throw wrong("leaves out or repeats a version");
      if ((meta === undefined) !== (known !== undefined))
        throw wrong("has no name, or a second one");
      if (rf !== undefined && (known?.versions[rf - 1]?.state ?? "destroyed") === "destroyed")
        throw wrong("restores a version that is not there");
      const where = { s, g: scope.generation, id, n };
      const version = {
        record: {
          hash: rec,
          place: place({ ...where, k: "value", ...(rf !== undefined && { rf }) }),
        },
        state: "live" as const,
      };
      const secret: SecretState = known
        ? { ...known, versions: [...known.versions, version] }
        : {
            ...{ id, scope: s, versions: [version] },
            meta: { hash: meta ?? "", place: place({ ...where, k: "meta" }) },
          };
      return { secrets: new Map(before.secrets).set(id, secret) };
    }
    default: {
      const { op, id, ns } = event;
      const known = before.secrets.get(id);
      if (!known) throw wrong("is about no secret");
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
      return { secrets: new Map(before.secrets).set(id, { ...known, versions }) };
    }
  }
}
