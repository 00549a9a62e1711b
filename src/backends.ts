import type { Dirs, Settings } from "./config/index.ts";
import { holdsReference, later, withSecrets, type Later, type Secret } from "./config/reference.ts";
import { mask } from "./config/mask.ts";
import type { Capabilities, Driver, Key } from "./driver/driver.ts";
import { compressed, observe, openDriver, sealed, split, type Observed } from "./driver/index.ts";
import { CitadelError } from "./errors.ts";
import type { SealerOptions } from "./keys/sealer.ts";
import { sealingKeys } from "./keys/sealing.ts";

/** A configured backend, with the counters of this process. */
export interface Backend {
  readonly role: "documents" | "blobs";
  /** URL without credentials */
  readonly url: string;
  readonly driver: Driver;
  readonly observed: Observed;
}

/** URL scheme without colon → absolute path of the driver's module */
export type Schemes = ReadonlyMap<string, string>;

/** Where a registry lies, and how. */
export interface Stores
  extends
    Pick<Settings["store"], "documents" | "blobs" | "compression" | "compressionLevel">,
    Pick<SealerOptions, "folder"> {
  readonly serverKey: string | undefined;
  /** whether packages are sealed from now on; what is sealed already is read in either case */
  readonly encryption: boolean;
}

/** The stores that the settings name, kept as they say. @param dirs of this server, whose key is there or is `serverKey` */
export const storesOf = (
  { store, encryption }: Pick<Settings, "store" | "encryption">,
  dirs: Pick<Dirs, "data">,
  serverKey: string | undefined,
): Stores => ({
  documents: store.documents,
  blobs: store.blobs,
  compression: store.compression,
  compressionLevel: store.compressionLevel,
  encryption: encryption.packages,
  serverKey,
  folder: dirs.data,
});

/**
 * The stores of a registry as one driver, for what works below it; the caller closes it. Throws like {@link openBackends}.
 * @param secret what their addresses refer to
 */
export async function openStores(
  stores: Stores,
  schemes: Schemes,
  secret: Secret,
): Promise<Driver> {
  const documents = await withSecrets(stores.documents, "the address of the store", secret);
  return joined(...(await openBackends({ ...stores, documents }, schemes, () => secret)));
}

/** Both stores as one driver. */
export const joined = (documents: Backend, blobs?: Backend): Driver =>
  blobs ? split({ docs: documents.driver, blobs: blobs.driver }) : documents.driver;

/**
 * A store of blobs whose address refers to a secret is opened when it is needed: the vault lies in that of documents.
 * @param secretOf reads what settings refer to, from the vault in these documents
 * @throws E_CONFIG for an unknown scheme or a store that cannot keep its promises, E_STORE_UNAVAILABLE
 */
export async function openBackends(
  { documents, blobs, compression, compressionLevel: level, encryption, serverKey, folder }: Stores,
  schemes: Schemes,
  secretOf: (documents: Backend) => Secret,
): Promise<[Backend, Backend?]> {
  if (holdsReference(documents)) throw vaultInside();
  const plain = await openDriver(documents, schemes);
  if (plain.caps.cas !== "full" && plain.caps.cas !== "process") {
    await plain.close();
    throw cannotHoldDocuments(documents, plain);
  }
  const secret = secretOf(backend("documents", documents, plain));
  const keys = sealingKeys(plain, { folder, serverKey: keyOf(serverKey, secret) });
  const seal = (driver: Driver): Driver =>
    sealed(driver, { keys, seal: encryption, covers: isContent, already: isRecord });
  const docs = seal(plain);
  if (blobs === documents) return [backend("documents", documents, docs)];
  try {
    // tarballs are compressed already and are left as they are; documents are small and hot
    const open = async (): Promise<Driver> =>
      openDriver(await withSecrets(blobs, "store.blobs", secret), schemes);
    const store = holdsReference(blobs)
      ? (await import("./driver/deferred.ts")).deferred("blobs", open)
      : await open();
    const big = compressed(seal(store), {
      algorithm: compression,
      ...(level !== undefined && { level }),
    });
    return [backend("documents", documents, docs), backend("blobs", blobs, big)];
  } catch (error) {
    await docs.close();
    throw error;
  }
}

/** Tarballs, manifests, and what is kept of other registries. */
const isContent = (key: Key): boolean => /^[bmc]\//.test(key);

/** A record of the vault is sealed to its members, who need not have the key of this server. */
const isRecord = (key: Key, body: Uint8Array): boolean =>
  key.startsWith("m/") && Buffer.from(body.subarray(0, 15)).toString() === '{"ciphertext":"';

/** The key of the server, which may be a secret of the vault. */
export const keyOf = (serverKey: string | undefined, secret: Secret): Later | undefined =>
  serverKey === undefined ? undefined : later(serverKey, "the key of the server", secret);

const vaultInside = (): CitadelError =>
  new CitadelError("E_CONFIG", "store.documents cannot refer to a secret: the vault lies in it", {
    hint: ["write its credentials into a variable: CITADEL_STORE_DOCUMENTS"],
  });

/** Changes of documents need compare-and-set; without it two publishers would silently undo each other's work. */
function cannotHoldDocuments(url: string, { name, caps }: Driver): CitadelError {
  const keeps =
    caps.cas === "create"
      ? "only keeps writers from making a key twice"
      : "does not keep that reliably";
  return new CitadelError(
    "E_CONFIG",
    `${mask(url)} cannot hold documents: they change by compare-and-set, and this store ${keeps} (${name}, cas: ${caps.cas})`,
    {
      hint: [
        "keep only tarballs here, and documents in SQLite, Redis or PostgreSQL: CITADEL_STORE_DOCUMENTS=sqlite:./registry.db",
        "a bucket that one process alone uses: add concurrency=single-writer to its URL",
        "or take a server that keeps conditions: citadel driver:test <url> says which does",
      ],
    },
  );
}

/**
 * How far glances may be behind. A look costs less than a millisecond on this machine and in a store that pushes its changes;
 * other stores on the network are object stores, where it costs a request.
 */
export function boundOf(freshness: Settings["store"]["freshness"], caps: Capabilities): number {
  if (freshness === "strict") return 0;
  if (freshness !== "auto") return freshness;
  return caps.shared === "network" && caps.watch !== "push" ? 1000 : 0;
}

function backend(role: Backend["role"], url: string, driver: Driver): Backend {
  const observing = observe(driver);
  return { role, url: mask(url), driver: observing, observed: observing.observed };
}
