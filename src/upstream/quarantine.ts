import { alert, logger } from "../log.ts";
import type { Notices } from "../notices/notices.ts";
import type { Exception } from "../policy/types.ts";
import type { JsonObject } from "../registry/types.ts";
import { manifestKey } from "../store/keys.ts";
import type { Actor, Kind, Store } from "../store/types.ts";
import type { Held } from "./documents.ts";
import { releasing } from "./releasing.ts";
import type { Download, Recipients } from "./recipients.ts";
import type { Release } from "./outline.ts";
import type { Extra } from "./render.ts";

/** Downloads that an entry names. */
const mostDownloads = 200;

/** A version that upstream took back after it was served here. */
export interface Quarantined {
  readonly version: string;
  /** name of the upstream */
  readonly origin: string;
  /** ms since 1970: when it was found to be gone */
  readonly since: number;
  readonly integrity?: string;
  readonly published?: number;
  /** name of its manifest in the store, as upstream had it */
  readonly manifest?: string;
  /** who had it within the 30 days before, newest first */
  readonly downloads: readonly Download[];
}

export interface QuarantineState {
  readonly name: string;
  readonly versions: readonly Quarantined[];
}
export type QuarantineEvent =
  | { readonly type: "removed"; readonly versions: readonly Omit<Quarantined, "since">[] }
  | { readonly type: "returned"; readonly versions: readonly string[] };

/** What upstreams took back: `d/quarantine/<name>`. */
export function quarantineKind(): Kind<QuarantineState, QuarantineEvent> {
  return {
    name: "quarantine",
    reduce(before, event, { at, name }) {
      const versions = before?.versions ?? [];
      if (event.type === "returned")
        return {
          name,
          versions: versions.filter(({ version }) => !event.versions.includes(version)),
        };
      const known = new Set(versions.map(({ version }) => version));
      const added = event.versions.filter(({ version }) => !known.has(version));
      return { name, versions: [...versions, ...added.map((one) => ({ ...one, since: at }))] };
    },
    *references({ versions }) {
      for (const { manifest } of versions) if (manifest !== undefined) yield manifestKey(manifest);
    },
  };
}

export interface Quarantine {
  /** Records versions that are gone, and that some are back; writes to the log. */
  compare(
    before: Held,
    after: Held | undefined,
    bytes: () => Promise<Buffer | undefined>,
  ): Promise<void>;
  read(name: string): Promise<readonly Quarantined[]>;
  /** Those that an exception of the policy lets through all the same, ready to be shown. */
  released(
    name: string,
    exceptions: readonly Exception[],
    now: number,
  ): Promise<readonly Released[]>;
}

/** A version that is served although upstream has it no more. */
export interface Released extends Extra {
  readonly release: Pick<Release, "version" | "integrity">;
  /** ms since 1970 until which the exception holds */
  readonly until: number;
}

const system: Actor = { name: "upstream", via: "system" };

export function createQuarantine(
  store: Store,
  recipients: Recipients,
  notices: Pick<Notices, "note">,
): Quarantine {
  const ledger = store.ledger(quarantineKind());
  const log = logger("upstream");
  const read = async (name: string): Promise<readonly Quarantined[]> =>
    (await ledger.read(name))?.state.versions ?? [];

  return {
    read,

    async compare(before, after, bytes) {
      const { name } = before.outline;
      const origin = before.remote.setting.name;
      const now = after?.outline.releases;
      const lost = [...before.outline.releases.values()].filter(
        ({ version }) => !now?.has(version),
      );
      const known = await read(name);
      const listed = new Set(known.map(({ version }) => version));
      const fresh = lost.filter(({ version }) => !listed.has(version));
      const old = fresh.length > 0 ? await bytes() : undefined;
      const versions = await Promise.all(
        fresh.map(async ({ version, integrity, published, manifest }) => ({
          version,
          origin,
          ...(integrity === undefined ? {} : { integrity }),
          ...(published === undefined ? {} : { published }),
          ...(old
            ? { manifest: await store.manifests.put(old.subarray(manifest.start, manifest.end)) }
            : {}),
          downloads: (await recipients.of(name, version)).slice(0, mostDownloads),
        })),
      );
      const back = known.map(({ version }) => version).filter((version) => now?.has(version));
      if (versions.length === 0 && back.length === 0) return;
      await ledger.change(name, system, () => [
        ...(versions.length > 0 ? [{ type: "removed", versions } as const] : []),
        ...(back.length > 0 ? [{ type: "returned", versions: back } as const] : []),
      ]);
      for (const { version } of versions)
        await notices.note("package.quarantined", { name, version, upstream: origin });
      for (const version of back)
        await notices.note("package.released", { name, version, upstream: origin });
      for (const one of versions)
        alert(
          "upstream",
          `${name}@${one.version} is gone from ${origin} and in quarantine here; ${hadBy(one.downloads)}`,
        );
      for (const version of back)
        log("back upstream, no longer in quarantine", { package: name, version });
    },

    async released(name, exceptions, now) {
      const lets = await releasing(exceptions, name, now);
      if (!lets) return [];
      const found: Released[] = [];
      for (const { version, published, integrity, manifest } of await read(name)) {
        const fitting = lets(version);
        if (fitting.length === 0 || manifest === undefined) continue;
        const bytes = await store.manifests.get(manifest);
        if (!bytes) continue;
        const parsed = JSON.parse(Buffer.from(bytes).toString("utf8")) as JsonObject;
        const until = Math.max(...fitting.map(({ until: end = Infinity }) => end));
        const release = { version, integrity };
        found.push({ version, published, manifest: parsed, until, release });
      }
      return found;
    },
  };
}

function hadBy(downloads: readonly Download[]): string {
  const who = downloads
    .slice(0, 20)
    .map(({ day, who: name, count }) => `${name} (${day}, ${count})`);
  return who.length > 0 ? `downloaded by ${who.join(", ")}` : "nobody is known to have it";
}
