import { keep } from "../store/immutable.ts";
import type { Crash, Store } from "../store/types.ts";
import { CitadelError } from "../errors.ts";
import { hash } from "./hash.ts";
import { readMeta, type Meta, type Retention } from "./meta.ts";
import { sealsForced } from "./limits.ts";
import type { Env } from "./names.ts";
import { readPolicy, type PolicyDocument } from "./policy/document.ts";
import { damaged } from "./problems.ts";
import { openRecord, sealRecord } from "./record.ts";
import { openSlot, sealSlot, slotKey } from "./slot.ts";
import type {
  Compartment,
  Identity,
  Member,
  MemberState,
  RecordPlace,
  RecordRef,
  ScopeState,
  VaultState,
} from "./types.ts";

/** What the sealed objects of a vault hold, for one identity. Keys stay in memory as long as this does. */
export interface Contents {
  /** A new key for a generation of a compartment, sealed to those who may open it. */
  newSlot(id: string, generation: number, members: readonly Member[]): Promise<Slot>;
  /** The key of a compartment once more, sealed to others. */
  slotFor(compartment: Compartment, members: readonly Member[]): Promise<Slot>;
  /** Seals and stores bytes. @throws E_CONFLICT when the key has sealed too much @returns SHA-256 (base64url) of the object */
  put(value: Uint8Array, place: RecordPlace, compartment: KeyOf): Promise<string>;
  /** @throws E_VAULT_DAMAGED, E_INTEGRITY, E_VAULT_LOCKED */
  get(record: RecordRef, compartment: KeyOf): Promise<Buffer>;
  /** Whether this identity was given the key of a compartment. */
  holds(compartment: Pick<Compartment, "holders">): boolean;
  metaOf(record: RecordRef, compartment: KeyOf): Promise<Meta>;
  scopeOf(state: VaultState, scope: ScopeState): Promise<ScopeLabel>;
  /** The rules of who may do what; undefined for none, without a document when they cannot be read. */
  policyOf(state: VaultState): Promise<Rules | undefined>;
  memberOf(state: VaultState, member: MemberState): Promise<MemberLabel>;
}

/** Which key opens: that of a generation. */
export type KeyOf = Pick<Compartment, "id" | "generation" | "slot"> &
  Partial<Pick<Compartment, "seals">>;

/** A sealed key as it lies in the store. */
export interface Slot {
  /** SHA-256 (base64url), which the history signs */
  readonly slot: string;
  /** where it lies, which the store has to keep */
  readonly key: string;
}

export interface Rules {
  readonly document?: PolicyDocument;
}

export interface ScopeLabel extends Retention {
  readonly name: string;
  readonly env: Env;
}

export interface MemberLabel {
  readonly name: string;
  /** `administrator`, or a role that the policy knows */
  readonly role: string;
}

export function openContents(
  { driver, manifests }: Pick<Store, "driver" | "manifests">,
  identity: Identity,
  crash: (point: Parameters<Crash>[0] | "slot") => void,
): Contents {
  const keys = new Map<string, Uint8Array>();
  const labels = new Map<string, unknown>();
  const policies = new Map<string, Rules>();

  const keyOf = async (compartment: KeyOf): Promise<Uint8Array> => {
    const { slot } = compartment;
    let key = keys.get(slot);
    if (!key) {
      const item = await driver.get(slotKey(compartment));
      key = await openSlot(item?.body, compartment, identity);
      keys.set(slot, key);
    }
    return key;
  };

  const store = async (
    id: string,
    generation: number,
    key: Uint8Array,
    members: readonly Member[],
  ): Promise<Slot> => {
    const file = await sealSlot(
      key,
      members.map(({ age }) => age),
    );
    const slot = hash(file);
    const at = slotKey({ id, generation, slot });
    await keep(driver, at, file.byteLength, Infinity, (condition) =>
      driver.put(at, file, condition),
    );
    crash("slot");
    keys.set(slot, key);
    return { slot, key: at };
  };

  const get: Contents["get"] = async (record, compartment) => {
    const key = await keyOf(compartment);
    const bytes = await manifests.get(record.hash);
    if (!bytes) throw damaged(`version ${record.place.n} of ${record.place.id} is missing`);
    return openRecord(bytes, record.place, key);
  };

  /** The JSON of a `meta` record: it never changes, so it is opened once. */
  const label = async (record: RecordRef, compartment: KeyOf): Promise<unknown> => {
    const known = labels.get(record.hash);
    if (known !== undefined) return known;
    const read: unknown = JSON.parse((await get(record, compartment)).toString());
    labels.set(record.hash, read);
    return read;
  };

  return {
    get,
    holds: ({ holders }) => holders.includes(identity.member.kid),
    newSlot: (id, generation, members) =>
      store(id, generation, crypto.getRandomValues(new Uint8Array(32)), members),
    slotFor: async (compartment, members) =>
      store(compartment.id, compartment.generation, await keyOf(compartment), members),
    async put(value, place, compartment) {
      if ((compartment.seals ?? 0) >= sealsForced)
        throw new CitadelError("E_CONFLICT", "the key of this scope has sealed too much", {
          hint: ["an administrator makes a new one: citadel secrets:rekey"],
        });
      return manifests.put(await sealRecord(value, place, await keyOf(compartment)));
    },
    async metaOf(record, compartment) {
      return readMeta(await label(record, compartment));
    },
    async policyOf({ policy, meta }) {
      if (!policy) return undefined;
      const known = policies.get(policy.hash);
      if (known) return known;
      const text = (await get(policy, meta)).toString();
      let rules: Rules = {};
      try {
        rules = { document: readPolicy(text) };
      } catch {
        // they allow nothing
      }
      policies.set(policy.hash, rules);
      return rules;
    },
    async scopeOf({ meta }, { record }) {
      return (await label(record, meta)) as ScopeLabel;
    },
    async memberOf({ meta }, { record }) {
      return record
        ? ((await label(record, meta)) as MemberLabel)
        : { name: "founder", role: "administrator" };
    },
  };
}
