import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { LRUCache } from "lru-cache";
import { CitadelError } from "../errors.ts";
import { logger } from "../log.ts";
import { PolicyError, type Rules } from "../policy/policies.ts";
import type { Candidate, Policy, Refusal } from "../policy/types.ts";
import { packageNotFound } from "../registry/context.ts";
import type { Form, View } from "../registry/types.ts";
import { encoded } from "../registry/views/encoded.ts";
import { contentTypes } from "../registry/views/views.ts";
import type { Documents, Held } from "./documents.ts";
import type { Release, Span } from "./outline.ts";
import type { Quarantine, Released } from "./quarantine.ts";
import type { Remote } from "./remote.ts";
import { render } from "./render.ts";
import { SLICE, type Turn } from "./turns.ts";

/** part of every etag: goes up when the bytes of a view change for the same packument */
const FORMAT = 1;
/** from so many bytes on the first answer goes out at level 1 and is replaced when the better one is ready */
const QUICK = 128 * 1024;

/** What rules leave of a packument. */
export interface Plan {
  readonly hidden: ReadonlyMap<string, Refusal>;
  readonly tags: ReadonlyMap<string, string>;
  readonly released: readonly Released[];
  /** ms since 1970 from which on it has to be made anew */
  readonly until: number;
}

/** A finished view, with what is needed to take a manifest out of it. */
export interface Shown extends View {
  readonly plan: Plan;
  readonly held: Held;
  readonly plain: Buffer;
  readonly manifests: ReadonlyMap<string, Span>;
}

interface Kept extends Shown {
  /** names what it was made of */
  readonly of: string;
  size(): number;
}

export interface PackageOptions {
  readonly documents: Documents;
  readonly quarantine: Quarantine;
  readonly rules: () => Promise<Rules>;
  readonly turn: Turn;
  /** bytes of memory for finished packuments */
  readonly memory: number;
}

/** Packuments of upstreams as this registry shows them. */
export interface Packages {
  /** @throws E_PACKAGE_NOT_FOUND, E_POLICY, E_REMOTE_* */
  show(remote: Remote, name: string, form: Form, base: string, again?: boolean): Promise<Shown>;
  /** What the rules say about one version: why it is refused, or would be. @throws E_REMOTE_* */
  judge(
    held: Held,
    release: Release,
  ): Promise<{ readonly refusal?: Refusal; readonly would?: Refusal }>;
}

export function createPackages(options: PackageOptions): Packages {
  const { documents, quarantine, rules, turn, memory } = options;
  const log = logger("upstream");
  const views = new LRUCache<string, Kept>({
    maxSize: Math.max(1, memory),
    sizeCalculation: (kept) => kept.size(),
  });
  const builds = new Map<string, Promise<Kept>>();

  /** The packument that has dates and licences; the short form has neither. */
  const factsFor = async ({ remote, form, outline }: Held, { policy }: Rules, again = false) =>
    policy.active && form === "short"
      ? await documents.get(remote, outline.name, "full", { again })
      : undefined;

  const judge = (
    held: Held,
    facts: Held | undefined,
    policy: Policy,
    release: Release,
    now: number,
  ) => policy.judge(candidateOf(held, release, facts), now);

  async function planOf(held: Held, facts: Held | undefined, now: Rules): Promise<Plan> {
    const { outline } = held;
    const time = Date.now();
    const hidden = new Map<string, Refusal>();
    let until = Infinity;
    let slice = performance.now();
    if (now.policy.active)
      for (const release of outline.releases.values()) {
        if (performance.now() - slice > SLICE) {
          await turn();
          slice = performance.now();
        }
        const verdict = judge(held, facts, now.policy, release, time);
        if (verdict.until !== undefined) until = Math.min(until, verdict.until);
        if (!verdict.allowed) hidden.set(release.version, verdict);
      }
    const found = await quarantine.released(outline.name, now.exceptions, time);
    const released = found.filter(({ version }) => !outline.releases.has(version));
    for (const one of released) until = Math.min(until, one.until);
    const tags = hidden.size === 0 ? outline.tags : await tagsOf(held, hidden);
    return { hidden, tags, released, until };
  }

  async function build(
    key: string,
    of: string,
    held: Held,
    plan: Plan,
    base: string,
  ): Promise<Kept> {
    const { hidden, tags, released } = plan;
    const source = await documents.bytes(held);
    if (source.bytes.length > QUICK) await turn();
    const shown = { hidden: new Set(hidden.keys()), tags, extra: released };
    const { bytes, manifests } = render(source.bytes, source.held.outline, base, shown);
    const quick = bytes.length > QUICK;
    const ready = { plain: bytes, gzip: await compress(bytes, { level: quick ? 1 : 6 }) };
    const { outline, kept: state, form, remote } = source.held;
    const changed = hidden.size > 0 || released.length > 0;
    const grown = (): void => {
      if (views.peek(key) === kept) views.set(key, kept);
    };
    const code = encoded(ready, grown, (encoding, error) =>
      log("compressing failed", { package: outline.name, encoding, error }),
    );
    const kept: Kept = {
      of,
      held: source.held,
      plan,
      plain: bytes,
      manifests,
      origin: remote.setting.name,
      etag: digestOf(
        FORMAT,
        form,
        base,
        state.digest,
        [...hidden.keys()],
        [...tags],
        released,
      ).slice(0, 22),
      // what is left out changes without upstream
      modified: changed ? Date.now() : (outline.modified ?? state.fetched),
      contentType: contentTypes[form],
      pick: code.pick,
      size: () =>
        ready.plain.length + ready.gzip.length + code.extra() + 120 * manifests.size + 2048,
    };
    views.set(key, kept);
    if (quick)
      compress(bytes, { level: 6 }).then(
        (better) => {
          ready.gzip = better;
          grown();
        },
        (error: unknown) => log("compressing again failed", { package: outline.name, error }),
      );
    return kept;
  }

  return {
    async show(remote, name, form, base, again = false) {
      const held = await documents.get(remote, name, form, { again });
      if (!held) throw packageNotFound(name);
      const now = await rules();
      const facts = await factsFor(held, now, again);
      const key = `${remote.id} ${form} ${base} ${name}`;
      const of = `${held.kept.digest} ${facts?.kept.digest ?? ""} ${now.revision}`;
      const ready = views.get(key);
      if (ready?.of === of && ready.plan.until > Date.now()) return ready;
      const job = `${key} ${of}`;
      let building = builds.get(job);
      if (!building) {
        building = planOf(held, facts, now)
          .then((plan) => {
            demandSome(held, plan);
            return build(key, of, held, plan, base);
          })
          .finally(() => builds.delete(job));
        builds.set(job, building);
      }
      return building;
    },

    async judge(held, release) {
      const now = await rules();
      if (!now.policy.active) return {};
      const verdict = judge(held, await factsFor(held, now), now.policy, release, Date.now());
      if (!verdict.allowed) return { refusal: verdict };
      return verdict.would ? { would: verdict.would } : {};
    },
  };
}

/** @param facts the full form, where `held` is the short one */
export function candidateOf(held: Held, release: Release, facts?: Held): Candidate {
  const { version } = release;
  const known = facts ? facts.outline.releases.get(version) : release;
  return {
    name: held.outline.name,
    version,
    origin: held.remote.setting.name,
    published: known?.published,
    license: known?.license,
    hasInstallScript: release.hasInstallScript || (known?.hasInstallScript ?? false),
  };
}

/** A package of which nothing is left says why, instead of being there without versions. */
function demandSome({ outline, remote }: Held, { hidden, released }: Plan): void {
  if (hidden.size < outline.releases.size || released.length > 0) return;
  const latest = outline.tags.get("latest") ?? [...hidden.keys()].at(-1) ?? "";
  const refusal = hidden.get(latest) ?? [...hidden.values()].at(-1);
  if (!refusal) throw packageNotFound(outline.name);
  throw new PolicyError(
    { name: outline.name, version: latest, origin: remote.setting.name },
    refusal,
  );
}

/**
 * Tags whose version is left out point to the newest release before it that is left; `latest` to the newest of all where there is
 * none before it. Other tags go.
 */
async function tagsOf(
  { outline }: Held,
  hidden: ReadonlyMap<string, Refusal>,
): Promise<ReadonlyMap<string, string>> {
  const { default: SemVer } = await import("semver/classes/semver.js");
  const parse = (text: string): InstanceType<typeof SemVer> | undefined => {
    try {
      return new SemVer(text, { loose: true });
    } catch {
      return undefined;
    }
  };
  const left = [...outline.releases.values()]
    .filter(({ version }) => !hidden.has(version))
    .flatMap(({ version, deprecated }) => {
      const parsed = parse(version);
      return parsed ? [{ version, deprecated, parsed }] : [];
    })
    .toSorted((a, b) => b.parsed.compare(a.parsed));
  const newest = (fits: (one: (typeof left)[number]) => boolean): string | undefined =>
    (left.find((one) => !one.deprecated && fits(one)) ?? left.find(fits))?.version;

  const tags = new Map<string, string>();
  for (const [tag, target] of outline.tags) {
    const wanted = parse(target);
    const stable = wanted?.prerelease.length === 0;
    const instead = !hidden.has(target)
      ? target
      : newest(
          ({ parsed }) =>
            wanted !== undefined &&
            parsed.compare(wanted) < 0 &&
            (!stable || parsed.prerelease.length === 0),
        );
    const last =
      tag === "latest"
        ? (newest(({ parsed }) => parsed.prerelease.length === 0) ?? newest(() => true))
        : undefined;
    const chosen = instead ?? last;
    if (chosen !== undefined) tags.set(tag, chosen);
  }
  return tags;
}

/** base64url SHA-256 of anything. */
export const digestOf = (...parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url");

/** The manifest in a view. @throws E_VERSION_NOT_FOUND when it is not shown */
export function manifestIn({ held, plain, manifests }: Shown, version: string): Buffer {
  const span = manifests.get(version);
  if (!span)
    throw new CitadelError("E_VERSION_NOT_FOUND", `${held.outline.name} has no version ${version}`);
  return plain.subarray(span.start, span.end);
}

const compress = promisify(gzip);
