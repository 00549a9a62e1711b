import type { Crash, Store } from "../store/types.ts";
import { keep } from "../store/immutable.ts";
import { damaged } from "./problems.ts";
import { openRecord, sealRecord } from "./record.ts";
import { openSlot, sealSlot } from "./slot.ts";
import { hash } from "./hash.ts";
import type { Env } from "./names.ts";
import type {
  Compartment,
  Identity,
  RecordPlace,
  RecordRef,
  ScopeState,
  VaultState,
} from "./types.ts";

/** What the sealed objects of a vault hold, for one identity. Keys stay in memory as long as this does. */
export interface Contents {
  /** A new key for a scope, sealed to those who may open it. @returns SHA-256 (base64url) of the slot */
  newSlot(scope: string, generation: number): Promise<string>;
  /** Seals and stores bytes. @returns SHA-256 (base64url) of the object */
  put(value: Uint8Array, place: RecordPlace, compartment: Compartment): Promise<string>;
  /** @throws E_VAULT_DAMAGED, E_INTEGRITY */
  get(record: RecordRef, compartment: Compartment): Promise<Buffer>;
  nameOf(record: RecordRef, compartment: Compartment): Promise<string>;
  scopeOf(state: VaultState, scope: ScopeState): Promise<ScopeLabel>;
}

export interface ScopeLabel {
  readonly name: string;
  readonly env: Env;
}

/** Slots lie apart from everything else, where nothing is ever locked against deletion. */
const slotKey = (scope: string, generation: number): string => `slot/${scope}/${generation}`;

export function openContents(
  { driver, manifests }: Pick<Store, "driver" | "manifests">,
  identity: Identity,
  crash: (point: Parameters<Crash>[0] | "slot") => void,
): Contents {
  const keys = new Map<string, Uint8Array>();
  const labels = new Map<string, unknown>();

  const keyOf = async (compartment: Compartment): Promise<Uint8Array> => {
    const { id, generation, slot } = compartment;
    let key = keys.get(slot);
    if (!key) {
      const item = await driver.get(slotKey(id, generation));
      key = await openSlot(item?.body, compartment, identity);
      keys.set(slot, key);
    }
    return key;
  };

  const get: Contents["get"] = async (record, compartment) => {
    const key = await keyOf(compartment);
    const bytes = await manifests.get(record.hash);
    if (!bytes) throw damaged(`version ${record.place.n} of ${record.place.id} is missing`);
    return openRecord(bytes, record.place, key);
  };

  /** The JSON of a `meta` record: it never changes, so it is opened once. */
  const label = async (record: RecordRef, compartment: Compartment): Promise<unknown> => {
    const known = labels.get(record.hash);
    if (known !== undefined) return known;
    const read: unknown = JSON.parse((await get(record, compartment)).toString());
    labels.set(record.hash, read);
    return read;
  };

  return {
    get,
    async newSlot(scope, generation) {
      const key = crypto.getRandomValues(new Uint8Array(32));
      const slot = await sealSlot(key, [identity.member.age]);
      const at = slotKey(scope, generation);
      await keep(driver, at, slot.byteLength, Infinity, (condition) =>
        driver.put(at, slot, condition),
      );
      crash("slot");
      keys.set(hash(slot), key);
      return hash(slot);
    },
    async put(value, place, compartment) {
      return manifests.put(await sealRecord(value, place, await keyOf(compartment)));
    },
    async nameOf(record, compartment) {
      const { name } = (await label(record, compartment)) as { name: string };
      return name;
    },
    async scopeOf({ meta }, { record }) {
      return (await label(record, meta)) as ScopeLabel;
    },
  };
}
