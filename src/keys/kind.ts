import type { Kind } from "../store/types.ts";

/**
 * What a key of the server is for: `registry` signs packages (ECDSA P-256), `jwt-rs256` and `jwt-eddsa` sign tokens, `tip`
 * signs the newest entries of histories (Ed25519).
 */
export type Purpose = "registry" | "jwt-rs256" | "jwt-eddsa" | "tip";
export const purposes: readonly Purpose[] = ["registry", "jwt-rs256", "jwt-eddsa", "tip"];

export type KeyAlgorithm = "ecdsa-p256" | "rsa-2048" | "ed25519";

/** One key pair. */
export interface KeyRecord {
  /** `SHA256:<base64 without padding>` of the public part */
  readonly keyid: string;
  readonly algorithm: KeyAlgorithm;
  /** SPKI DER, base64 */
  readonly public: string;
  /** PKCS #8 DER, sealed under the key of this server, see `sealer.ts` */
  readonly sealed: string;
  /** ms since 1970 */
  readonly created: number;
  /** what was signed later is not valid; null for the key in use */
  readonly expires: number | null;
}

/** The public half of a key. */
export type PublicKey = Omit<KeyRecord, "sealed">;

/** All keys of one purpose, the one in use first. */
export interface RingState {
  readonly keys: readonly KeyRecord[];
  /** keys of registries whose packages come here by a common store. Absent: none */
  readonly others?: readonly PublicKey[];
}

/** A new key takes over; the ones before it may still be used for `overlap` ms, by servers that have not heard of it. */
export type RingEvent =
  | {
      readonly type: "add";
      readonly key: Pick<KeyRecord, "keyid" | "algorithm" | "public" | "sealed">;
      readonly overlap: number;
    }
  /** what they have signed is believed; a key that is known gets the expiry that it has now */
  | { readonly type: "trust"; readonly keys: readonly PublicKey[] };

/** Keys of the server: `d/key/<purpose>`. One document a purpose, so that a rotation is one step. */
export function keyKind(): Kind<RingState, RingEvent> {
  return {
    name: "key",
    reduce(before, event, { at }) {
      if (event.type === "trust") {
        const others = new Map(before?.others?.map((key) => [key.keyid, key]));
        for (const key of event.keys) others.set(key.keyid, key);
        return { keys: before?.keys ?? [], others: [...others.values()] };
      }
      const { key, overlap } = event;
      const older = (before?.keys ?? []).map((one) =>
        one.expires === null ? { ...one, expires: at + overlap } : one,
      );
      const others = before?.others && { others: before.others };
      return { keys: [{ ...key, created: at, expires: null }, ...older], ...others };
    },
  };
}
