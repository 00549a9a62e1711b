import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import { errorCode, type CitadelError } from "../errors.ts";
import type { JsonObject } from "../registry/types.ts";
import type { Actor, Store } from "../store/types.ts";
import {
  keyKind,
  purposes,
  type KeyAlgorithm,
  type KeyRecord,
  type PublicKey,
  type Purpose,
  type RingState,
} from "./kind.ts";
import type { Sealer, SealerOptions } from "./sealer.ts";

/** A signature of a package: `NAME@VERSION:INTEGRITY`, as npm's clients check it. */
export interface Signature {
  readonly keyid: string;
  /** DER, base64 */
  readonly sig: string;
}

export type { PublicKey } from "./kind.ts";

export interface KeysOptions extends SealerOptions {
  readonly store: Pick<Store, "ledger">;
}

/**
 * The keys of the server. Nothing is read, made or written before the first call. All servers over a store share them, and
 * need the same key of the server (CITADEL_SERVER_KEY, or the key file) to use the private halves.
 */
export interface Keys {
  /** Public halves, the one in use first, those of others last; none as long as nothing was signed. */
  list(purpose: Purpose): Promise<readonly PublicKey[]>;
  /** The key in use, made when there is none yet. @throws E_SERVER_KEY */
  current(purpose: Purpose): Promise<{ readonly keyid: string; readonly key: KeyObject }>;
  /** Whether this server can use the keys that there are; makes none. @throws E_SERVER_KEY */
  check(): Promise<void>;
  /** Signs a package version with the key in use. @throws E_SERVER_KEY */
  signVersion(name: string, version: string, integrity: string): Promise<Signature>;
  /** A new key takes over. What the ones before signed, until `overlap` ms from now, stays valid. @throws E_SERVER_KEY */
  rotate(purpose: Purpose, who: Actor, overlap: number): Promise<PublicKey>;
  /** Believes what these keys of other registries have signed. @returns how many were new, or have another expiry */
  trust(purpose: Purpose, keys: readonly PublicKey[], who: Actor): Promise<number>;
  /** Seals a secret for the store under the key of this server. @throws E_SERVER_KEY */
  seal(plain: Uint8Array, use: string): Promise<string>;
  /** @param what it is, for the message @throws E_SERVER_KEY */
  unseal(sealed: string, use: string, what: string): Promise<Buffer>;
}

const system: Actor = { name: "system", via: "system" };
const algorithms: Readonly<Record<Purpose, KeyAlgorithm>> = {
  registry: "ecdsa-p256",
  "jwt-rs256": "rsa-2048",
  "jwt-eddsa": "ed25519",
  tip: "ed25519",
};

/** See {@link Keys}. */
export function createKeys({ store, ...options }: KeysOptions): Keys {
  const ledger = store.ledger(keyKind());
  const opened = new Map<string, KeyObject>();
  let held: Sealer | undefined;
  const sealer = async (make: boolean): Promise<Sealer | undefined> =>
    (held ??= await (await import("./sealer.ts")).openSealer(options, make));
  const lacking = async (what: string): Promise<CitadelError> =>
    (await import("./sealer.ts")).wrongKey(what, options);
  const mustSeal = async (): Promise<Sealer> => {
    const found = await sealer(true);
    if (!found) throw await lacking("the store");
    return found;
  };

  const unseal: Keys["unseal"] = async (sealed, use, what) => {
    // a server that has no key yet must not make one of its own here: it could not open this
    const found = await sealer(false);
    if (!found) throw await lacking(what);
    try {
      return found.open(sealed, use);
    } catch (error) {
      throw errorCode(error) === "E_SERVER_KEY" ? await lacking(what) : error;
    }
  };

  const privateKey = async (purpose: Purpose, { keyid, sealed }: KeyRecord): Promise<KeyObject> => {
    const known = opened.get(keyid);
    if (known) return known;
    const what = `the signing key ${keyid}`;
    const der = await unseal(sealed, useOf(purpose, keyid), what);
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    opened.set(keyid, key);
    return key;
  };

  const make = async (purpose: Purpose) => {
    const { seal } = await mustSeal();
    const algorithm = algorithms[purpose];
    const { spki, pkcs8 } = await newPair(algorithm);
    const keyid = keyidOf(spki);
    return {
      keyid,
      algorithm,
      public: spki.toString("base64"),
      sealed: seal(pkcs8, useOf(purpose, keyid)),
    };
  };

  const current: Keys["current"] = async (purpose) => {
    let document = await ledger.read(purpose);
    if (!document?.state.keys.length) {
      const key = await make(purpose);
      // of servers that start together the first one makes the key for all
      document = await ledger.change(purpose, system, (state) =>
        state?.keys.length ? [] : [{ type: "add", key, overlap: 0 }],
      );
    }
    const newest = newestOf(purpose, document?.state);
    return { keyid: newest.keyid, key: await privateKey(purpose, newest) };
  };

  return {
    current,
    async list(purpose) {
      const { keys = [], others = [] } = (await ledger.read(purpose))?.state ?? {};
      return [...keys.map(publicHalf), ...others];
    },
    async check() {
      // one that is given and is none would be found at the first publish only
      await (await import("./sealer.ts")).openSealer(options, false);
      for (const purpose of purposes) {
        const ring = (await ledger.read(purpose))?.state;
        if (ring?.keys.length) await privateKey(purpose, newestOf(purpose, ring));
      }
    },
    async signVersion(name, version, integrity) {
      const { keyid, key } = await current("registry");
      const text = Buffer.from(signedText(name, version, integrity));
      return { keyid, sig: sign("sha256", text, key).toString("base64") };
    },
    async rotate(purpose, who, overlap) {
      const key = await make(purpose);
      const document = await ledger.change(purpose, who, () => [{ type: "add", key, overlap }]);
      return publicHalf(newestOf(purpose, document?.state));
    },
    async trust(purpose, given, who) {
      let count = 0;
      await ledger.change(purpose, who, (state) => {
        const known = new Map((state?.others ?? []).map((key) => [key.keyid, key.expires]));
        const own = new Set(state?.keys.map(({ keyid }) => keyid));
        const news = given.filter(
          ({ keyid, expires }) => !own.has(keyid) && known.get(keyid) !== expires,
        );
        count = news.length;
        return count === 0 ? [] : [{ type: "trust", keys: news }];
      });
      return count;
    },
    seal: async (plain, use) => (await mustSeal()).seal(plain, use),
    unseal,
  };
}

function newestOf(purpose: Purpose, ring: RingState | undefined): KeyRecord {
  const [newest] = ring?.keys ?? [];
  if (!newest) throw new Error(`there is no key for ${purpose}`);
  return newest;
}

const publicHalf = ({ sealed: _, ...key }: KeyRecord): PublicKey => key;

/**
 * Is it the signature of this version, by a key of the registry that was good then?
 * @returns what is wrong; undefined when nothing is
 */
export function signatureProblem(
  keys: readonly PublicKey[],
  { keyid, sig }: Signature,
  version: {
    readonly name: string;
    readonly version: string;
    readonly integrity: string;
    readonly time: number;
  },
): string | undefined {
  const found = keys.find((key) => key.keyid === keyid);
  if (!found) return `it is signed with ${keyid.slice(0, 80)}, which is no key of this registry`;
  if (found.expires !== null && version.time > found.expires)
    return `it was signed after ${keyid} had expired`;
  const key = createPublicKey({
    key: Buffer.from(found.public, "base64"),
    format: "der",
    type: "spki",
  });
  const text = Buffer.from(signedText(version.name, version.version, version.integrity));
  return verify("sha256", text, key, Buffer.from(sig, "base64"))
    ? undefined
    : "its signature is wrong";
}

/** The public keys as npm's clients want them. */
export const npmKeys = (keys: readonly PublicKey[]): JsonObject[] =>
  keys.map(({ keyid, public: key, expires }) => ({
    expires: expires === null ? null : new Date(expires).toISOString(),
    keyid,
    keytype: "ecdsa-sha2-nistp256",
    scheme: "ecdsa-sha2-nistp256",
    key,
  }));

const signedText = (name: string, version: string, integrity: string): string =>
  `${name}@${version}:${integrity}`;

/** A private key opens only as the key that it was sealed as. */
const useOf = (purpose: Purpose, keyid: string): string => `key/${purpose}/${keyid}`;

const keyidOf = (spki: Buffer): string =>
  `SHA256:${createHash("sha256").update(spki).digest("base64").replace(/=+$/, "")}`;

const generate = promisify(generateKeyPair);

async function newPair(algorithm: KeyAlgorithm): Promise<{ spki: Buffer; pkcs8: Buffer }> {
  const { publicKey, privateKey } = await pairOf(algorithm);
  return {
    spki: publicKey.export({ format: "der", type: "spki" }),
    pkcs8: privateKey.export({ format: "der", type: "pkcs8" }),
  };
}

function pairOf(
  algorithm: KeyAlgorithm,
): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> {
  if (algorithm === "ecdsa-p256") return generate("ec", { namedCurve: "P-256" });
  if (algorithm === "rsa-2048") return generate("rsa", { modulusLength: 2048 });
  return generate("ed25519", {});
}
