import { createHash } from "node:crypto";
import { join } from "node:path";
import { createAccess, type Access } from "./access/access.ts";
import { createAccounts } from "./access/accounts.ts";
import { createMemberships } from "./access/memberships.ts";
import { createOrgs, type Orgs } from "./access/orgs.ts";
import { createScopes } from "./access/scopes.ts";
import type { Advisories } from "./advisories/types.ts";
import type { Accounts } from "./access/state.ts";
import type { Cache } from "./cache/types.ts";
import { keepCurrent } from "./catalog/current.ts";
import type { Catalog } from "./catalog/types.ts";
import { isLoopback } from "./config/hosts.ts";
import type { Dirs, Settings } from "./config/index.ts";
import { mask } from "./config/mask.ts";
import type { Changes } from "./changes/changes.ts";
import { createDownloads, type Downloads } from "./counts/downloads.ts";
import { crashAt, type CrashPoint } from "./crash.ts";
import type { Capabilities, Driver, Key } from "./driver/driver.ts";
import { compressed, observe, openDriver, split, type Observed } from "./driver/index.ts";
import { CitadelError } from "./errors.ts";
import { createKeys, type Keys } from "./keys/keys.ts";
import { follow, type Following } from "./store/follow.ts";
import { policyKind } from "./policy/kind.ts";
import { createPolicies, type Policies } from "./policy/policies.ts";
import { createRefusals, type Refusals } from "./policy/refusals.ts";
import type { Policy } from "./policy/types.ts";
import { createRegistry, kinds } from "./registry/registry.ts";
import type { Registry, Views } from "./registry/types.ts";
import { createViews } from "./registry/views/views.ts";
import { documentKey } from "./store/keys.ts";
import { createJobs } from "./trust/jobs.ts";
import { createTrust } from "./trust/trust.ts";
import type { Trust } from "./trust/types.ts";
import { openStore } from "./store/store.ts";
import type { Problem, Store } from "./store/types.ts";
import type { Upstream } from "./upstream/types.ts";

export interface OpenOptions {
  readonly settings: Settings;
  /** URL scheme without colon → absolute path of the driver's module */
  readonly schemes: ReadonlyMap<string, string>;
  readonly dirs: Dirs;
  /** CITADEL_SERVER_KEY: what private keys and secrets in the store are sealed under; a file in the data folder without it */
  readonly serverKey?: string | undefined;
  /** where the fault tests want the process to die, see {@link crashAt} */
  readonly crash?: string | undefined;
}

/** A configured backend, with the counters of this process. */
export interface Backend {
  readonly role: "documents" | "blobs";
  /** URL without credentials */
  readonly url: string;
  readonly driver: Driver;
  readonly observed: Observed;
}

export type Counted = "documents" | "entries" | "manifests" | "blobs" | "signatures";

/** Everything a plugin works with, opened once per command or server. */
export interface Citadel {
  readonly settings: Settings;
  readonly dirs: Dirs;
  readonly backends: readonly Backend[];
  readonly store: Store;
  readonly registry: Registry;
  readonly views: Views;
  readonly accounts: Accounts;
  readonly orgs: Orgs;
  readonly access: Access;
  readonly policies: Policies;
  readonly trust: Trust;
  readonly refusals: Refusals;
  /** all changes of packages in one order; opened when first asked for */
  changes(): Promise<Changes>;
  /** how often tarballs were fetched */
  readonly downloads: Downloads;
  readonly keys: Keys;
  /** other registries behind this one; undefined where none are configured */
  readonly upstream: Upstream | undefined;
  /** most ms that a glance at a package is behind what other processes wrote; 0: not at all */
  readonly staleness: number;
  /** The newest supply-chain policy: a look at its document. */
  policy(): Promise<Policy>;
  /** loaded when first asked for */
  advisories(): Promise<Advisories>;
  /** opened when first asked for; as it was left, see {@link Citadel.current} */
  catalog(): Promise<Catalog>;
  /** opened when first asked for */
  cache(): Promise<Cache>;
  /** The catalog with what this process and, as far as the store tells, others have changed until now. */
  current(): Promise<Catalog>;
  /** From now on what others change is seen as soon as the store tells of it; until `close()`. */
  follow(): void;
  /** Recomputes every hash and chain of the store, and checks the signatures of packages. */
  verify(): Promise<{
    readonly items: readonly Problem[];
    readonly checked: Readonly<Record<Counted, number>>;
  }>;
  /** Removes what nothing refers to and is older than `grace` ms @default store.grace */
  collect(options?: { readonly dryRun?: boolean; readonly grace?: number }): Promise<{
    readonly removed: number;
    readonly bytes: number;
    readonly keys: readonly Key[];
  }>;
  /** Called at the points of a publish; does nothing outside of fault tests. */
  crash(point: CrashPoint): void;
  close(): Promise<void>;
}

/** The data below which a blob lies with the documents: one store, one fsync. */
const SMALL = 64 * 1024;

/**
 * Opens the configured stores and builds the registry on them.
 * @throws E_CONFIG for an unknown scheme or a store that cannot keep its promises, E_STORE_UNAVAILABLE
 */
export async function openCitadel({
  settings,
  schemes,
  dirs,
  serverKey,
  crash,
}: OpenOptions): Promise<Citadel> {
  const [documents, blobs] = await openBackends(settings.store, schemes);
  const backends = blobs ? [documents, blobs] : [documents];
  const crashing = crashAt(crash);
  const staleness = boundOf(settings.store.freshness, documents.driver.caps);
  const driver = joined(documents, blobs);
  const store = openStore({
    driver,
    grace: settings.store.grace,
    memory: 2 * settings.blobs.memory,
    trust: staleness,
    moved: (key) => changed(key),
    crash: crashing,
  });
  const policies = createPolicies({ store });
  const refusals = createRefusals(driver);
  const downloads = createDownloads(driver);
  const keys = createKeys({ store, serverKey, folder: dirs.data });
  const accounts = createAccounts({
    store,
    keys,
    memberships: createMemberships({ store }),
    jobs: createJobs(store),
  });
  const scopes = createScopes({ store, accounts });
  const open = settings.server.host.every(isLoopback);
  const access = createAccess({ store, scopes, open });
  const proxies = settings.upstream.registries.length > 0;
  const registry: Registry = createRegistry({
    store,
    accounts,
    scopes,
    keys,
    limits: settings.limits,
    scoped: settings.access.scoped,
    stage: settings.stage,
    policy: () => access.policy(),
    ...(proxies && { upstreamOf: async (name) => upstream?.upstreamOf(name) }),
  });
  const orgs = createOrgs({ store, accounts, scopes, packages: registry.packages });
  const trust = createTrust({ store, registry, accounts, settings: settings.trust });
  const upstream = proxies
    ? await (
        await import("./upstream/upstream.ts")
      ).openUpstream({
        settings,
        dirs,
        store,
        registry,
        access,
        refusals,
        rules: async () => {
          const kept = await store.ledger(policyKind()).glance("default");
          const { exceptions = [] } = kept?.state ?? {};
          return { policy: await policies.current(), exceptions, revision: kept?.tip ?? "" };
        },
      })
    : undefined;
  const views = createViews({
    manifests: store.manifests,
    memory: settings.views.memory,
    email: async (name) => (await accounts.user(name))?.email ?? "",
    cache: () => openCache(),
  });

  let advisories: Promise<Advisories> | undefined;
  let changes: Promise<Changes> | undefined;
  let catalog: Promise<Catalog> | undefined;
  let cache: Promise<Cache> | undefined;
  const openCache = (): Promise<Cache> => {
    cache ??= import("./cache/cache.ts").then((module) =>
      module.openCache({
        tiers: settings.cache.tiers,
        dirs,
        schemes,
        memoryBytes: settings.views.memory / 4,
      }),
    );
    return cache;
  };
  const openTheCatalog = (): Promise<Catalog> =>
    (catalog ??= import("./catalog/catalog.ts").then(({ openCatalog }) =>
      openCatalog({ path: catalogPath(dirs, documents.url), registry, store }),
    ));
  let following: Following | undefined;
  const packages = documentKey("package");
  const current = keepCurrent({
    open: openTheCatalog,
    told: () => following?.alive === true,
  });
  const changed = (key: Key): void => {
    if (key.startsWith(packages)) current.changed(decodeURIComponent(key.slice(packages.length)));
  };
  const startFollowing = (): void => {
    following ??= follow({
      driver: documents.driver,
      prefix: packages,
      changed(key) {
        store.doubt(key);
        changed(key);
      },
      reset() {
        store.doubt();
        current.changed();
      },
    });
  };

  return {
    settings,
    dirs,
    backends,
    store,
    registry,
    views,
    accounts,
    orgs,
    access,
    policies,
    trust,
    refusals,
    downloads,
    changes: () =>
      (changes ??= import("./changes/changes.ts").then(({ createChanges }) =>
        createChanges(driver, registry),
      )),
    upstream,
    policy: () => policies.current(),
    advisories: () =>
      (advisories ??= import("./advisories/advisories.ts").then(({ createAdvisories }) =>
        createAdvisories({ store }),
      )),
    keys,
    staleness,
    crash: crashing,
    catalog: openTheCatalog,
    cache: openCache,
    current() {
      startFollowing();
      return current.get();
    },
    follow: startFollowing,
    async verify() {
      const checked: Record<Counted, number> = {
        documents: 0,
        entries: 0,
        manifests: 0,
        blobs: 0,
        signatures: 0,
      };
      const counted = (what: Counted): void => void checked[what]++;
      const items: Problem[] = [];
      for await (const problem of store.verify({ kinds: kinds(), counted })) items.push(problem);
      const { verifySignatures } = await import("./registry/signatures.ts");
      for await (const problem of verifySignatures({ registry, keys, counted }))
        items.push(problem);
      return { items, checked };
    },
    async collect({ dryRun = false, grace = settings.store.grace } = {}) {
      if (!dryRun) await registry.tidyBatches(grace);
      if (!dryRun) await registry.stages.expire();
      return store.collect({ kinds: kinds(), grace, dryRun });
    },
    async close() {
      await following?.stop();
      (await catalog?.catch(() => undefined))?.close();
      await refusals.close();
      await downloads.close();
      await views.close();
      await accounts.close();
      await upstream?.close();
      await (await cache?.catch(() => undefined))?.close();
      await trust.close();
      await store.close();
    },
  };
}

/** Where a registry lies. */
export type Stores = Pick<Settings["store"], "documents" | "blobs" | "compression">;

/** The stores of a registry as one driver, for what works below it; the caller closes it. Throws like {@link openCitadel}. */
export const openStores = async (
  stores: Stores,
  schemes: OpenOptions["schemes"],
): Promise<Driver> => joined(...(await openBackends(stores, schemes)));

const joined = (documents: Backend, blobs?: Backend): Driver =>
  blobs ? split({ docs: documents.driver, blobs: blobs.driver, small: SMALL }) : documents.driver;

async function openBackends(
  { documents, blobs, compression }: Stores,
  schemes: OpenOptions["schemes"],
): Promise<[Backend, Backend?]> {
  const docs = await openDriver(documents, schemes);
  if (docs.caps.cas !== "full" && docs.caps.cas !== "process") {
    await docs.close();
    throw cannotHoldDocuments(documents, docs);
  }
  if (blobs === documents) return [backend("documents", documents, docs)];
  try {
    // tarballs are compressed already and are left as they are; documents are small and hot
    const big = compressed(await openDriver(blobs, schemes), { algorithm: compression });
    return [backend("documents", documents, docs), backend("blobs", blobs, big)];
  } catch (error) {
    await docs.close();
    throw error;
  }
}

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
function boundOf(freshness: Settings["store"]["freshness"], caps: Capabilities): number {
  if (freshness === "strict") return 0;
  if (freshness !== "auto") return freshness;
  return caps.shared === "network" && caps.watch !== "push" ? 1000 : 0;
}

function backend(role: Backend["role"], url: string, driver: Driver): Backend {
  const observing = observe(driver);
  return { role, url: mask(url), driver: observing, observed: observing.observed };
}

/** One catalog per store, so that two stores on one machine never mix. */
function catalogPath(dirs: Dirs, documents: string): string {
  const id = createHash("sha256").update(documents).digest("hex").slice(0, 16);
  return join(dirs.data, "catalog", `${id}.db`);
}
