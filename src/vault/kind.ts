import { hash } from "./hash.ts";
import { manifestKey } from "../store/keys.ts";
import type { Kind } from "../store/types.ts";

/** One signed event, and which sealed objects the store has to keep or may give up from then on. */
export interface VaultEvent {
  /** compact JWS */
  readonly jws: string;
  /** what it introduces: SHA-256 (base64url) of objects, keys of slots */
  readonly keep: readonly string[];
  readonly drop: readonly string[];
}

/** What the store needs to know. Nothing here is believed: the vault is what the signatures say. */
export interface VaultDocument {
  /** events so far */
  readonly seq: number;
  /** SHA-256 (base64url) of the newest event */
  readonly head: string;
  readonly objects: readonly string[];
}

/** The one vault of a store: `d/vault/main`. */
export const vaultName = "main";

/** The shared history of the vault: signed events, see `docs/secrets.md`. */
export function vaultKind(): Kind<VaultDocument, VaultEvent> {
  return {
    name: "vault",
    reduce(before, { jws, keep, drop }) {
      const objects = [...(before?.objects ?? []), ...keep];
      const gone = new Set(drop);
      return {
        seq: (before?.seq ?? 0) + 1,
        head: hash(jws),
        objects: gone.size === 0 ? objects : objects.filter((one) => !gone.has(one)),
      };
    },
    *references({ objects }) {
      for (const object of objects) yield object.includes("/") ? object : manifestKey(object);
    },
    owns: "slot/",
  };
}
