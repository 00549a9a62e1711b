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

/** All keys of one purpose, the one in use first. */
export interface RingState {
  readonly keys: readonly KeyRecord[];
}

/** A new key takes over; the ones before it may still be used for `overlap` ms, by servers that have not heard of it. */
export interface RingEvent {
  readonly type: "add";
  readonly key: Pick<KeyRecord, "keyid" | "algorithm" | "public" | "sealed">;
  readonly overlap: number;
}

/** Keys of the server: `d/key/<purpose>`. One document a purpose, so that a rotation is one step. */
export function keyKind(): Kind<RingState, RingEvent> {
  return {
    name: "key",
    reduce(before, { key, overlap }, { at }) {
      const older = (before?.keys ?? []).map((one) =>
        one.expires === null ? { ...one, expires: at + overlap } : one,
      );
      return { keys: [{ ...key, created: at, expires: null }, ...older] };
    },
  };
}
