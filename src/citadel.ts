import {
  boundOf,
  joined,
  keyOf,
  openBackends,
  storesOf,
  type Backend,
  type Schemes,
} from "./backends.ts";
import { createAccess, type Access } from "./access/access.ts";
import { createAccounts } from "./access/accounts.ts";
import type { ApiKeys } from "./access/api-keys.ts";
import { createMemberships } from "./access/memberships.ts";
import { createOrgs, type Orgs } from "./access/orgs.ts";
import { createScopes } from "./access/scopes.ts";
import type { Advisories } from "./advisories/types.ts";
import type { Accounts } from "./access/state.ts";
import type { Cache } from "./cache/types.ts";
import { keepCurrent } from "./catalog/current.ts";
import { catalogPath } from "./catalog/path.ts";
import type { Catalog } from "./catalog/types.ts";
import { environment, take, type Environment } from "./config/environment.ts";
import { withSecrets, type Secret } from "./config/reference.ts";
import { isLoopback } from "./config/hosts.ts";
import type { Dirs, Settings } from "./config/index.ts";
import type { Changes } from "./changes/changes.ts";
import { createBackground, type Background } from "./background.ts";
import type { Backups } from "./backups.ts";
import { createDownloads, type Downloads } from "./counts/downloads.ts";
import type { Records } from "./counts/records.ts";
import { crashAt, type CrashPoint } from "./crash.ts";
import type { Key } from "./driver/driver.ts";
import type { Tracing } from "./egress/types.ts";
import type { Feeds } from "./feeds/feeds.ts";
import type { Guard } from "./guard/guard.ts";
import type { Hooks } from "./hooks/types.ts";
import type { Heard } from "./hooks/worker.ts";
import type { Notices } from "./notices/notices.ts";
import { createKeys, type Keys } from "./keys/keys.ts";
import { follow, type Following } from "./store/follow.ts";
import { lazy, type Lazy } from "./lazy.ts";
import type { Limits } from "./limits/limits.ts";
import type { Live } from "./live/live.ts";
import type { Policies } from "./policy/policies.ts";
import type { Refusals } from "./policy/refusals.ts";
import { createRegistry } from "./registry/registry.ts";
import type { Registry, Views } from "./registry/types.ts";
import { createViews } from "./registry/views/views.ts";
import { documentKey } from "./store/keys.ts";
import { createJobs } from "./trust/jobs.ts";
import type { Trust } from "./trust/types.ts";
import { openStore } from "./store/store.ts";
import type { Problem, Store } from "./store/types.ts";
import type { Upstream } from "./upstream/types.ts";

export interface OpenOptions {
  readonly settings: Settings;
  readonly schemes: Schemes;
  readonly dirs: Dirs;
  /** CITADEL_SERVER_KEY: what private keys and secrets in the store are sealed under; a file in the data folder without it */
  readonly serverKey?: string | undefined;
  /** lays switches over those of the live configuration @default the environment of this process */
  readonly env?: Environment;
  /** where the fault tests want the process to die, see {@link crashAt} */
  readonly crash?: string | undefined;
}

export type { Backend } from "./backends.ts";
export { openStores, storesOf, type Stores } from "./backends.ts";

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
  readonly apiKeys: Lazy<ApiKeys>;
  readonly limits: Lazy<Limits>;
  readonly orgs: Orgs;
  readonly access: Access;
  /** the supply-chain policy */
  readonly policies: Lazy<Policies>;
  /** counts of what it refused */
  readonly refusals: Lazy<Refusals>;
  readonly trust: Lazy<Trust>;
  /** the switches that a running registry follows */
  readonly live: Lazy<Live>;
  readonly hooks: Lazy<Hooks>;
  /** what happened besides, in one order */
  readonly notices: Notices;
  readonly backups: Lazy<Backups>;
  /** how work went that nobody waited for */
  readonly background: Background;
  /** all changes of packages in one order */
  readonly changes: Lazy<Changes>;
  /** what was released, as feeds */
  readonly feeds: Lazy<Feeds>;
  /** how often tarballs were fetched */
  readonly downloads: Downloads;
  /** who fetched them */
  readonly records: Lazy<Records>;
  readonly keys: Keys;
  /** what settings refer to */
  readonly secret: Secret;
  /** CITADEL_IDENTITY, which processes started from here do not get */
  identity(): string | undefined;
  /** other registries behind this one; undefined where none are configured */
  readonly upstream: Upstream | undefined;
  /** most ms that a glance at a package is behind what other processes wrote; 0: not at all */
  readonly staleness: number;
  readonly advisories: Lazy<Advisories>;
  /** as it was left, see {@link Citadel.current} */
  readonly catalog: Lazy<Catalog>;
  readonly cache: Lazy<Cache>;
  /** The catalog with what this process and, as far as the store tells, others have changed until now. */
  current(): Promise<Catalog>;
  /** Calls back when a package or a hook has changed or a notice was written, as far as this process knows of it: a hint. @returns ends it */
  heard(listener: (what: Heard) => void): () => void;
  /** From now on what others change is seen as soon as the store tells of it; until `close()`. */
  follow(): void;
  /**
   * Recomputes every hash and chain of the store, and checks the signatures of packages.
   * @param options.newest only so many documents of each kind, without signatures
   */
  verify(options?: { readonly newest?: number }): Promise<{
    readonly items: readonly Problem[];
    readonly checked: Readonly<Record<Counted, number>>;
  }>;
  /** Removes what nothing refers to and is older than `grace` ms, and tokens that have expired @default store.grace */
  collect(options?: { readonly dryRun?: boolean; readonly grace?: number }): Promise<{
    readonly removed: number;
    readonly bytes: number;
    readonly keys: readonly Key[];
    /** tokens whose time was over for a day */
    readonly expiredTokens: number;
  }>;
  /** From now on what is published through this process is looked into first, by the last one that was named. */
  guard(check: Guard): void;
  /** Asks other servers; of traces they hear once {@link Citadel.trace} was called. */
  readonly tracing: Tracing;
  /** From now on what is asked of other servers is part of traces, as the last one that was named has them. */
  trace(by: Tracing): void;
  /** Called at the points of a publish; does nothing outside of fault tests. */
  crash(point: CrashPoint): void;
  close(): Promise<void>;
}

/**
 * Opens the configured stores and builds the registry on them.
 * @throws E_CONFIG for an unknown scheme or a store that cannot keep its promises, E_STORE_UNAVAILABLE
 */
export async function openCitadel({
  settings,
  schemes,
  dirs,
  serverKey,
  env = environment(),
  crash,
}: OpenOptions): Promise<Citadel> {
  const proxies = settings.upstream.registries.length > 0;
  let taken: string | undefined;
  const identity = (): string | undefined => (taken ??= take("CITADEL_IDENTITY"));
  const crashing = crashAt(crash);
  const secretOf = (where: Backend): Secret => {
    const reading = lazy(async () => {
      const { settingSecrets } = await import("./secrets/settings.ts");
      const { grace } = settings.store;
      const held = openStore({ driver: where.driver, grace, memory: 1 << 20 });
      return settingSecrets({ store: held, backends: [where], dirs, crash: crashing, identity });
    });
    return async (...asked) => (await reading())(...asked);
  };
  const own = storesOf(settings, dirs, serverKey);
  const [documents, blobs] = await openBackends(own, schemes, secretOf);
  const secret = secretOf(documents);
  const backends = blobs ? [documents, blobs] : [documents];
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
  const live = lazy(async () => {
    const [{ openLive }, { livePlace }, { liveDocument, liveKind }] = await Promise.all([
      import("./live/live.ts"),
      import("./live/place.ts"),
      import("./live/kind.ts"),
    ]);
    const history = store.ledger(liveKind());
    return openLive({
      ...livePlace(settings, dirs),
      env,
      async record({ offset, old, new: bytes }, by) {
        await history.change(liveDocument, by, () => [{ type: "bytes", offset, old, new: bytes }]);
        await notices.note("config.changed", { offset, old, new: bytes, by: by.name });
      },
    });
  });
  const policies = lazy(async () => {
    const { createPolicies } = await import("./policy/policies.ts");
    return createPolicies({
      store,
      async changed(change, who) {
        const { noteExceptions } = await import("./upstream/exceptions.ts");
        await noteExceptions(store, notices, change, who);
      },
    });
  });
  const refusals = lazy(async () => {
    const { createRefusals } = await import("./policy/refusals.ts");
    return createRefusals(driver);
  });
  const listeners = new Set<(what: Heard) => void>();
  const tell = (what: Heard): void => {
    for (const listener of listeners) listener(what);
  };
  const written = lazy(async () => {
    const { createNotices } = await import("./notices/notices.ts");
    return createNotices(driver, () => tell("notice"));
  });
  // many have something to note, and mostly nothing happens
  const notices: Notices = {
    note: async (type, data) => (await written()).note(type, data),
    newest: async () => (await written()).newest(),
    read: async (seq) => (await written()).read(seq),
    async *after(seq) {
      yield* (await written()).after(seq);
    },
  };
  const backups = lazy(async () => {
    const { createBackups } = await import("./backups.ts");
    return createBackups(driver, notices);
  });
  const background = createBackground();
  let told: Tracing | undefined;
  const tracing: Tracing = (called, send) => (told ? told(called, send) : send({}, () => {}));
  const downloads = createDownloads(driver, background);
  const keys = createKeys({ store, serverKey: keyOf(serverKey, secret), folder: dirs.data });
  const accounts = createAccounts({
    store,
    keys,
    memberships: createMemberships({ store }),
    jobs: createJobs(store),
  });
  const records = lazy(async () => {
    const { openRecords } = await import("./counts/records.ts");
    const days = Math.max(1, Math.round(settings.downloads.retention / 86_400_000));
    return openRecords({ driver, keys, days });
  });
  const apiKeys = lazy(async () => {
    const { createApiKeys } = await import("./access/api-keys.ts");
    return createApiKeys(accounts, settings.security.apiKeyExpiry, notices);
  });
  const limits = lazy(async () => {
    const [{ openLimits }, { blockKind }] = await Promise.all([
      import("./limits/limits.ts"),
      import("./limits/kind.ts"),
    ]);
    const history = store.ledger(blockKind());
    const { url } = settings.redis;
    const redis = url === undefined ? url : await withSecrets(url, "redis.url", secret);
    return openLimits({ driver: documents.driver, redis, schemes, notices, history });
  });
  const scopes = createScopes({ store, accounts });
  const open = settings.server.host.every(isLoopback);
  const access = createAccess({ store, scopes, open });
  const quota = lazy(async () => {
    const { createQuota } = await import("./registry/quota.ts");
    const limit = settings.limits.storage ?? Infinity;
    const used = async () => (await current.get()).stats().bytes;
    return createQuota({ limit, used, driver, notices });
  });
  let guard: Guard | undefined;
  const registry: Registry = createRegistry({
    store,
    accounts,
    scopes,
    keys,
    limits: settings.limits,
    scoped: settings.access.scoped,
    stage: settings.stage,
    policy: () => access.policy(),
    guard: async (...given) => guard?.(...given),
    ...(settings.limits.storage !== undefined && {
      quota: async (...given) => (await quota())(...given),
    }),
    ...(proxies && { upstreamOf: async (name) => upstream?.upstreamOf(name) }),
  });
  const orgs = createOrgs({ store, accounts, scopes, packages: registry.packages });
  const trust = lazy(async () => {
    const { createTrust } = await import("./trust/trust.ts");
    return createTrust({ store, registry, accounts, settings: settings.trust });
  });
  const switches = proxies ? await live() : undefined;
  const upstream = proxies
    ? await (
        await import("./upstream/upstream.ts")
      ).openUpstream({
        secret,
        settings,
        dirs,
        store,
        registry,
        access,
        notices,
        background,
        tracing,
        refusals: await refusals(),
        rules: (await policies()).rules,
      })
    : undefined;
  const views = createViews({
    manifests: store.manifests,
    memory: settings.views.memory,
    email: async (name) => (await accounts.user(name))?.email ?? "",
    cache: async () => {
      const { whenOn } = await import("./cache/when-on.ts");
      const now = await live();
      return whenOn(await cache(), () => now.isOn("CACHE_ENABLED"));
    },
  });

  const advisories = lazy(async () => {
    const { createAdvisories } = await import("./advisories/advisories.ts");
    return createAdvisories({ store });
  });
  const hooks = lazy(async () => {
    const { createHooks } = await import("./hooks/hooks.ts");
    const { publicUrl: base } = settings.server;
    return createHooks({ store, registry, accounts, keys, changes, notices, tracing, settings: settings.hooks, base }); // prettier-ignore
  });
  const changes = lazy(async () => {
    const { createChanges } = await import("./changes/changes.ts");
    return createChanges(driver, registry);
  });
  const feeds = lazy(async () => {
    const { createFeeds } = await import("./feeds/feeds.ts");
    return createFeeds({ driver, store, registry, manifests: store.manifests, changes });
  });
  const cache = lazy(async () => {
    const { openCache } = await import("./cache/cache.ts");
    const memoryBytes = settings.views.memory / 4;
    const tiers = await Promise.all(
      settings.cache.tiers.map((tier) => withSecrets(tier, "cache.tiers", secret)),
    );
    return openCache({ tiers, dirs, schemes, memoryBytes });
  });
  const catalog = lazy(async () => {
    const { openCatalog } = await import("./catalog/catalog.ts");
    return openCatalog({ path: catalogPath(dirs, documents.url), registry, store });
  });
  let following: Following | undefined;
  const packages = documentKey("package");
  const hookDocuments = documentKey("hook");
  const current = keepCurrent({
    open: catalog,
    background,
    told: () => following?.alive === true,
  });
  const changed = (key: Key): void => {
    if (key.startsWith(hookDocuments)) tell("hook");
    if (!key.startsWith(packages)) return;
    current.changed(decodeURIComponent(key.slice(packages.length)));
    tell("package");
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
        tell("package");
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
    apiKeys,
    limits,
    orgs,
    access,
    policies,
    trust,
    refusals,
    downloads,
    records,
    hooks,
    notices,
    backups,
    background,
    feeds,
    changes,
    get upstream() {
      return switches?.isOn("PROXY_MODE") ? upstream : undefined;
    },
    live,
    advisories,
    keys,
    secret,
    identity,
    staleness,
    crash: crashing,
    catalog,
    cache,
    current() {
      startFollowing();
      return current.get();
    },
    heard(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    follow: startFollowing,
    guard: (check) => void (guard = check),
    tracing,
    trace: (by) => void (told = by),
    async verify({ newest } = {}) {
      const checked: Record<Counted, number> = {
        documents: 0,
        entries: 0,
        manifests: 0,
        blobs: 0,
        signatures: 0,
      };
      const counted = (what: Counted): void => void checked[what]++;
      const items: Problem[] = [];
      const [{ kinds }, { verifySignatures }] = await Promise.all([
        import("./kinds.ts"),
        import("./registry/signatures.ts"),
      ]);
      for await (const problem of store.verify({ kinds: kinds(), counted, newest }))
        items.push(problem);
      if (newest === undefined)
        for await (const problem of verifySignatures({ registry, keys, counted }))
          items.push(problem);
      return { items, checked };
    },
    async collect({ dryRun = false, grace = settings.store.grace } = {}) {
      if (!dryRun) await registry.tidyBatches(grace);
      if (!dryRun) await registry.stages.expire();
      const expiredTokens = await accounts.sweepTokens({ dryRun });
      const { kinds } = await import("./kinds.ts");
      return { ...(await store.collect({ kinds: kinds(), grace, dryRun })), expiredTokens };
    },
    async close() {
      await following?.stop();
      (await catalog.opened())?.close();
      await (await refusals.opened())?.close();
      await downloads.close();
      await (await records.opened())?.close();
      await views.close();
      await accounts.close();
      await upstream?.close();
      await (await cache.opened())?.close();
      await (await trust.opened())?.close();
      await (await hooks.opened())?.close();
      await (await live.opened())?.close();
      await (await limits.opened())?.close();
      await store.close();
    },
  };
}
