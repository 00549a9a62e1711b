import { join } from "node:path";
import type { Access } from "../access/access.ts";
import type { Caller } from "../access/types.ts";
import type { Background } from "../background.ts";
import type { Secret } from "../config/reference.ts";
import type { Dirs, Settings } from "../config/settings.ts";
import { segment } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { matches, patternMap } from "../patterns.ts";
import { PolicyError, type Rules } from "../policy/policies.ts";
import type { Notices } from "../notices/notices.ts";
import type { Refusals } from "../policy/refusals.ts";
import { packageNotFound } from "../registry/context.ts";
import { scopeOf, versionOf } from "../registry/names.ts";
import { versionFor, versionNotFound } from "../registry/resolve.ts";
import type { Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import { createDocuments, type Held } from "./documents.ts";
import { createRecipients } from "./recipients.ts";
import { createKeeper, evict } from "./evict.ts";
import { candidateOf, createPackages, digestOf, manifestIn, type Shown } from "./packages.ts";
import { countKept } from "./kept.ts";
import { passOn } from "./pass.ts";
import { createQuarantine } from "./quarantine.ts";
import type { Tracing } from "../egress/types.ts";
import { openRemote, type Remote } from "./remote.ts";
import { CACHE, createShelf } from "./shelf.ts";
import { createTarballs } from "./tarballs.ts";
import { createTurns } from "./turns.ts";
import type { Upstream } from "./types.ts";

export interface UpstreamOptions {
  readonly settings: Pick<Settings, "upstream" | "views" | "blobs" | "limits">;
  readonly dirs: Pick<Dirs, "data">;
  readonly store: Store;
  readonly registry: Pick<Registry, "elsewhere">;
  readonly access: Pick<Access, "isClaimed">;
  readonly notices: Pick<Notices, "note">;
  readonly tracing: Tracing;
  readonly refusals: Pick<Refusals, "note">;
  readonly rules: () => Promise<Rules>;
  readonly secret: Secret;
  readonly background: Pick<Background, "run">;
}

/** Opens the upstreams of the settings; nothing is asked yet. @throws E_CONFIG for two that have the same pattern */
export async function openUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { settings, dirs, store, registry, access, refusals, rules } = options;
  const { background } = options;
  const { driver } = store;
  const { registries, private: closed, cache } = settings.upstream;
  const remotes = await Promise.all(
    registries.map((setting) =>
      openRemote(setting, settings.limits.tarball, options.secret, options.tracing),
    ),
  );
  const routes = routesOf(remotes);
  const turn = createTurns();
  const keeper = createKeeper(driver, cache, background);
  const recipients = createRecipients(driver);
  const quarantine = createQuarantine(store, recipients, options.notices);
  const documents = createDocuments({
    shelf: createShelf(driver, keeper.wrote),
    turn,
    memory: settings.views.memory / 4,
    changed: quarantine.compare,
  });
  const packages = createPackages({
    documents,
    quarantine,
    rules,
    turn,
    memory: settings.views.memory / 2,
  });
  const tarballs = createTarballs({
    driver,
    dir: join(dirs.data, "tmp"),
    memory: settings.blobs.memory / 2,
    wrote: keeper.wrote,
  });

  const isPrivate = (name: string): boolean => closed.some((pattern) => matches(pattern, name));
  const routeOf = async (name: string): Promise<Remote | undefined> =>
    isPrivate(name) || (await access.isClaimed(name)) ? undefined : routes(name);

  /** The upstream that may be asked for a name now. */
  const remoteOf = async (name: string, caller: Caller): Promise<Remote | undefined> =>
    (await registry.elsewhere(name, caller)) ? routeOf(name) : undefined;
  async function demandRemote(name: string, caller: Caller): Promise<Remote> {
    const remote = await remoteOf(name, caller);
    if (!remote) throw packageNotFound(name);
    return remote;
  }

  const aboutOf = ({ outline, remote }: Held, version: string) => ({
    name: outline.name,
    version,
    origin: remote.setting.name,
  });

  /** Does what somebody asked for, and counts when it is refused. */
  async function counting<T>(caller: Caller, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PolicyError) refusals.note(error.about, error.refusal, { caller });
      throw error;
    }
  }

  /** What is here, else the short form; for who needs to know a version and not to show it. */
  async function any(remote: Remote, name: string, again = false): Promise<Held> {
    const { policy } = await rules();
    const form = policy.active ? "full" : ((await documents.nearest(remote, name)) ?? "short");
    const held = await documents.get(remote, name, form, { again });
    if (!held) throw packageNotFound(name);
    return held;
  }

  /** Why a version is refused, where the package has it. */
  async function refusalOf(remote: Remote, name: string, version: string) {
    const held = await any(remote, name);
    const release = held.outline.releases.get(version);
    const { refusal } = release ? await packages.judge(held, release) : {};
    return refusal && new PolicyError(aboutOf(held, version), refusal);
  }

  /** The view again when something is not in it: it may be an old one. */
  async function findIn<T>(
    show: (again: boolean) => Promise<Shown>,
    find: (shown: Shown) => Promise<T | undefined> | T | undefined,
  ): Promise<readonly [T | undefined, Shown]> {
    const shown = await show(false);
    const found = await find(shown);
    if (found !== undefined) return [found, shown];
    const renewed = await show(true);
    return [renewed === shown ? undefined : await find(renewed), renewed];
  }

  const packagesFor: Pick<Upstream, "view" | "manifest" | "releases" | "tags" | "tarball"> = {
    async view(name, form, base, caller, { again = false } = {}) {
      return packages.show(await demandRemote(name, caller), name, form, base, again);
    },

    async manifest(name, spec, base, caller) {
      const remote = await demandRemote(name, caller);
      const wanted = spec.trim();
      const [version, shown] = await findIn(
        (again) => packages.show(remote, name, "full", base, again),
        (one) => versionFor(choicesOf(one), wanted),
      ).catch(async (error: unknown) => {
        // of a package of which nothing is left: it is about the newest
        throw (error instanceof PolicyError && (await refusalOf(remote, name, wanted))) || error;
      });
      const refusal = shown.plan.hidden.get(wanted);
      if (refusal) throw new PolicyError(aboutOf(shown.held, wanted), refusal);
      if (version === undefined) throw versionNotFound(choicesOf(shown), spec);
      const bytes = manifestIn(shown, version);
      return { version, bytes, etag: digestOf(shown.etag, version).slice(0, 22) };
    },

    async releases(name, form, base, caller) {
      const remote = await demandRemote(name, caller);
      const shown = await packages.show(remote, name, form, base);
      const { tags, hidden } = shown.plan;
      return {
        origin: remote.setting.name,
        tags,
        versions: choicesOf(shown).versions,
        refused: hidden,
      };
    },

    async tags(name, base, caller) {
      const remote = await demandRemote(name, caller);
      const { etag, modified, plan } = await packages.show(remote, name, "short", base);
      return { etag, modified, tags: plan.tags };
    },

    async tarball(name, file, caller) {
      const remote = await demandRemote(name, caller);
      const version = versionOf(name, file);
      const none = (): CitadelError =>
        new CitadelError(
          "E_VERSION_NOT_FOUND",
          `${name} has no file ${JSON.stringify(file.slice(0, 300))}`,
        );
      if (version === undefined) throw none();
      let held = await any(remote, name);
      let release = held.outline.releases.get(version);
      if (!release) {
        held = await any(remote, name, true);
        release = held.outline.releases.get(version);
      }
      if (!release) {
        const { exceptions } = await rules();
        const released = await quarantine.released(name, exceptions, Date.now());
        const integrity = released.find((one) => one.version === version)?.release.integrity;
        const kept = integrity && (await tarballs.cached(remote, name, version, integrity));
        if (!kept) throw none();
        recipients.note(name, version, caller);
        return { ...kept, version };
      }
      const { refusal, would } = await packages.judge(held, release);
      if (refusal) throw new PolicyError(aboutOf(held, version), refusal);
      if (would) refusals.note(aboutOf(held, version), would, { caller, dryRun: true });
      const tarball = await tarballs.get(remote, name, release);
      recipients.note(name, version, caller);
      return { ...tarball, version };
    },
  };

  const passed = passOn({ remotes, remoteOf, isPrivate, rules });

  return {
    view: (...asked) => counting(asked[3], () => packagesFor.view(...asked)),
    manifest: (...asked) => counting(asked[3], () => packagesFor.manifest(...asked)),
    releases: (...asked) => counting(asked[3], () => packagesFor.releases(...asked)),
    tags: (...asked) => counting(asked[2], () => packagesFor.tags(...asked)),
    tarball: (...asked) => counting(asked[2], () => packagesFor.tarball(...asked)),

    ...passed,
    attestations: (name, version, caller) =>
      counting(caller, async () => {
        const remote = await remoteOf(name, caller);
        if (!remote) return undefined;
        const held = await any(remote, name);
        const release = held.outline.releases.get(version);
        if (!release) return undefined;
        const { refusal } = await packages.judge(held, release);
        if (refusal) throw new PolicyError(aboutOf(held, version), refusal);
        return passed.attestations(name, version, caller);
      }),

    async candidate(name, wanted, caller) {
      const remote = await remoteOf(name, caller);
      if (!remote) return undefined;
      for (const again of [false, true]) {
        const held = await documents.get(remote, name, "full", { again });
        if (!held) throw packageNotFound(name);
        const { releases, tags } = held.outline;
        const release = releases.get(tags.get(wanted) ?? wanted);
        if (release) return candidateOf(held, release);
      }
      throw new CitadelError(
        "E_VERSION_NOT_FOUND",
        `${remote.setting.name} has no ${name}@${wanted.slice(0, 80)}`,
      );
    },

    async upstreamOf(name) {
      const remote = await routeOf(name);
      if (!remote) return undefined;
      if (await documents.get(remote, name, "short")) return remote.setting.name;
      const scope = scopeOf(name);
      if (scope === undefined) return undefined;
      const prefix = `${CACHE}${remote.id}/p/${segment(`@${scope}/`)}`;
      const { entries } = await driver.list({ prefix, limit: 1 });
      return entries.length > 0 ? remote.setting.name : undefined;
    },
    quarantined: quarantine.read,
    downloads: recipients.of,
    status: () => remotes.map(({ status }) => status),
    probe: () => Promise.all(remotes.map((remote) => remote.probe())),
    kept: () => countKept(driver),
    evict: () => evict(driver, cache),
    async close() {
      await Promise.all(remotes.map((remote) => remote.close()));
      await tarballs.close();
      await keeper.idle();
      await recipients.close();
    },
  };
}

const choicesOf = ({ held, plan, manifests }: Shown) => ({
  name: held.outline.name,
  tags: plan.tags,
  versions: new Map(
    [...manifests.keys()].map((version) => {
      const { published, deprecated } = held.outline.releases.get(version) ?? {};
      return [version, { published, ...(deprecated && { deprecated: "yes" }) }];
    }),
  ),
});

/** Which upstream a name belongs to. @throws E_CONFIG for two that say the same about a name */
function routesOf(remotes: readonly Remote[]): (name: string) => Remote | undefined {
  const rows = remotes.flatMap((remote) =>
    [...new Set(remote.setting.packages)].map((pattern) => [pattern, remote] as const),
  );
  const known = new Map<string, Remote>();
  for (const [pattern, remote] of rows) {
    const other = known.get(pattern);
    if (other)
      throw new CitadelError(
        "E_CONFIG",
        `upstreams ${other.setting.name} and ${remote.setting.name} both have the packages ${pattern}`,
        { hint: ["give each name one origin: make one of the two patterns say more"] },
      );
    known.set(pattern, remote);
  }
  const map = patternMap(rows);
  return (name) => map.find(name)[0];
}
