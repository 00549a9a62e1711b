import type { Signature } from "../keys/keys.ts";
import { blobKey, manifestKey } from "../store/keys.ts";
import type { Kind } from "../store/types.ts";
import type {
  HeldBack,
  PackageEvent,
  PackageImport,
  PackageState,
  PublishTfa,
  RemovedRecord,
  TeamRight,
  VersionRecord,
} from "./types.ts";

/** A version in the stored document. Columns are only ever added at the end. */
type VersionRow = [
  version: string,
  manifest: string,
  integrity: string,
  size: number,
  time: number,
  by: string,
  readme?: string | null,
  deprecated?: string | null,
  signature?: readonly [keyid: string, sig: string] | null,
  attestations?: readonly [bundles: string, provenance: string | null] | null,
];
type RemovedRow = [version: string, manifest: string, time: number, removed: number];

interface Stored {
  readonly name: string;
  readonly created: number;
  readonly tags: readonly (readonly [string, string])[];
  readonly owners: readonly string[];
  readonly stars: readonly string[];
  readonly removed: readonly RemovedRow[];
  /** what stands here only where it is not as usual */
  readonly restricted?: 1;
  readonly teams?: readonly (readonly [team: string, TeamRight])[];
  readonly tfa?: PublishTfa;
  readonly versions: readonly VersionRow[];
  readonly pending?: readonly (readonly [batch: string, HeldBack])[];
}

/** Packages: `d/package/<name>`. */
export function packageKind(): Required<Omit<Kind<PackageState, PackageEvent>, "ended" | "owns">> {
  // A record never changes, so its text is made once; a publish adds one row to the text of all before it.
  const rows = new WeakMap<VersionRecord, string>();
  const texts = new WeakMap<PackageState["versions"], string>();

  function rowText(version: string, record: VersionRecord): string {
    let text = rows.get(record);
    if (text === undefined) rows.set(record, (text = JSON.stringify(toRow(version, record))));
    return text;
  }

  function versionsText(versions: PackageState["versions"]): string {
    let text = texts.get(versions);
    if (text === undefined) {
      const parts: string[] = [];
      for (const [version, record] of versions) parts.push(rowText(version, record));
      texts.set(versions, (text = parts.join(",")));
    }
    return text;
  }

  function added(
    before: PackageState["versions"],
    version: string,
    record: VersionRecord,
  ): PackageState["versions"] {
    const after = new Map(before).set(version, record);
    const text = texts.get(before);
    if (text !== undefined && !before.has(version))
      texts.set(
        after,
        text === "" ? rowText(version, record) : `${text},${rowText(version, record)}`,
      );
    return after;
  }

  function apply(stored: PackageState | undefined, event: Visible, at: number, name: string) {
    const { pending } = stored ?? {};
    // what was only ever held back has no owner and no date of its own
    const before = stored && isBorn(stored) ? stored : undefined;
    const state = before ?? {
      ...unborn(name, at),
      owners: event.type === "publish" ? [event.record.by] : [],
    };
    const after = changed(before, state, event, at, name);
    return pending && !after.pending ? { ...after, pending } : after;
  }

  function changed(
    before: PackageState | undefined,
    state: PackageState,
    event: Visible,
    at: number,
    name: string,
  ): PackageState {
    switch (event.type) {
      case "publish": {
        const tags = new Map(state.tags);
        for (const tag of event.tags) tags.set(tag, event.version);
        const versions = added(state.versions, event.version, event.record);
        // only a merge publishes a number that was unpublished in the other history
        const { removed } = state;
        return removed.has(event.version)
          ? { ...state, tags, versions, removed: without(removed, [event.version]) }
          : { ...state, tags, versions };
      }
      case "tag":
        return { ...state, tags: new Map(state.tags).set(event.tag, event.version) };
      case "untag":
        return { ...state, tags: without(state.tags, [event.tag]) };
      case "deprecate":
        return deprecated(state, event.versions, event.message);
      case "unpublish":
        return unpublished(state, event.versions, at);
      case "owners":
        return { ...state, owners: event.owners };
      case "star": {
        const others = state.stars.filter((user) => user !== event.user);
        return { ...state, stars: event.on ? [...others, event.user] : others };
      }
      case "sign":
        return signed(state, event.signatures);
      case "visibility": {
        const { visibility: _, ...others } = state;
        return event.visibility === "public" ? others : { ...others, visibility: "restricted" };
      }
      case "team":
        return withTeam(state, event.team, event.right);
      case "tfa": {
        const { tfa: _, ...others } = state;
        return event.tfa === "none" ? others : { ...others, tfa: event.tfa };
      }
      case "import":
        return imported(before, event, name);
    }
  }

  return {
    name: "package",

    reduce(stored, event, { at, name }) {
      const pending = stored?.pending;
      if (event.type === "reserve")
        return {
          ...(stored ?? unborn(name, at)),
          pending: new Map(pending).set(event.batch, event.events),
        };
      if (event.type === "settle") {
        const left = without(pending ?? new Map(), [event.batch]);
        const { pending: _, ...plain } = stored ?? unborn(name, at);
        const rest = left.size > 0 ? { ...plain, pending: left } : plain;
        const held = (event.commit && pending?.get(event.batch)) || [];
        return held.reduce((state, one) => apply(state, one, at, name), rest);
      }
      return apply(stored, event, at, name);
    },

    encode(state) {
      const { name, created, tags, owners, stars, removed, versions, pending } = state;
      const rest: Omit<Stored, "versions"> = {
        name,
        created,
        tags: [...tags],
        owners,
        stars,
        removed: Array.from(removed, ([version, r]) => [version, r.manifest, r.time, r.removed]),
        ...(state.visibility === "restricted" && { restricted: 1 }),
        ...(state.teams && { teams: [...state.teams] }),
        ...(state.tfa && { tfa: state.tfa }),
      };
      const held = pending ? `,"pending":${JSON.stringify([...pending])}` : "";
      return `${JSON.stringify(rest).slice(0, -1)},"versions":[${versionsText(versions)}]${held}}`;
    },

    decode(json) {
      const { name, created, tags, owners, stars, removed, versions, ...others } = json as Stored;
      return {
        name,
        created,
        tags: new Map(tags),
        owners,
        versions: new Map(versions.map((row) => [row[0], fromRow(row)])),
        removed: new Map(
          removed.map(([version, manifest, time, at]): [string, RemovedRecord] => [
            version,
            { manifest, time, removed: at },
          ]),
        ),
        stars,
        ...(others.restricted && { visibility: "restricted" }),
        ...(others.teams && { teams: new Map(others.teams) }),
        ...(others.tfa && { tfa: others.tfa }),
        ...(others.pending && { pending: new Map(others.pending) }),
      };
    },

    // the content of an unpublished version may go; its manifest stays as evidence of what the number was
    *references({ versions, removed, pending }) {
      const held = Array.from(pending?.values() ?? [], ([{ record }]) => record);
      for (const { integrity, manifest, readme, attestations } of [...versions.values(), ...held]) {
        yield blobKey(integrity);
        yield manifestKey(manifest);
        if (readme !== undefined) yield manifestKey(readme);
        if (attestations !== undefined) yield manifestKey(attestations.bundles);
      }
      for (const { manifest } of removed.values()) yield manifestKey(manifest);
    },
  };
}

type Visible = HeldBack[number];

const unborn = (name: string, created: number): PackageState => ({
  ...{ name, created, tags: new Map(), owners: [] },
  ...{ versions: new Map(), removed: new Map(), stars: [] },
});

/** Did anybody but a batch that has not ended ever publish it? */
export const isBorn = ({ versions, removed }: PackageState): boolean =>
  versions.size + removed.size > 0;

function toRow(version: string, record: VersionRecord): VersionRow {
  const { manifest, integrity, size, time, by, readme, deprecated, signature, attestations } =
    record;
  const columns = [
    readme,
    deprecated,
    signature && [signature.keyid, signature.sig],
    attestations && [attestations.bundles, attestations.provenance ?? null],
  ].map((column) => column ?? null);
  // rows end with their last value: a version looks the same as before a column was added
  while (columns.at(-1) === null) columns.pop();
  return [version, manifest, integrity, size, time, by, ...columns] as VersionRow;
}

function fromRow(row: VersionRow): VersionRecord {
  const [, manifest, integrity, size, time, by, readme, deprecated, signature, attestations] = row;
  return {
    manifest,
    integrity,
    size,
    time,
    by,
    ...(typeof readme === "string" ? { readme } : {}),
    ...(typeof deprecated === "string" ? { deprecated } : {}),
    ...(signature ? { signature: { keyid: signature[0], sig: signature[1] } } : {}),
    ...(attestations
      ? {
          attestations: {
            bundles: attestations[0],
            ...(attestations[1] === null ? {} : { provenance: attestations[1] }),
          },
        }
      : {}),
  };
}

function signed(
  state: PackageState,
  signatures: readonly (readonly [string, Signature])[],
): PackageState {
  const versions = new Map(state.versions);
  for (const [version, signature] of signatures) {
    const record = versions.get(version);
    if (record) versions.set(version, { ...record, signature });
  }
  return { ...state, versions };
}

function deprecated(
  state: PackageState,
  affected: readonly string[],
  message: string,
): PackageState {
  const versions = new Map(state.versions);
  for (const version of affected) {
    const record = versions.get(version);
    if (!record) continue;
    const { deprecated: _, ...plain } = record;
    versions.set(version, message === "" ? plain : { ...plain, deprecated: message });
  }
  return { ...state, versions };
}

function unpublished(state: PackageState, gone: readonly string[], at: number): PackageState {
  const removed = new Map(state.removed);
  for (const version of gone) {
    const record = state.versions.get(version);
    if (record) removed.set(version, { manifest: record.manifest, time: record.time, removed: at });
  }
  const versions = without(state.versions, gone);
  const tags = new Map(Array.from(state.tags).filter(([, version]) => versions.has(version)));
  return { ...state, versions, removed, tags };
}

function withTeam(state: PackageState, team: string, right: TeamRight | "none"): PackageState {
  const { teams: before, ...others } = state;
  const teams = without(before ?? new Map<string, TeamRight>(), [team]);
  if (right !== "none") teams.set(team, right);
  return teams.size === 0 ? others : { ...others, teams };
}

/** What is there stays as it is, so that an import never takes anything away. */
function imported(
  before: PackageState | undefined,
  { created, owners, stars, tags, versions, removed, visibility, teams, tfa }: PackageImport,
  name: string,
): PackageState {
  const own = before ?? {
    name,
    created,
    owners,
    stars,
    tags: new Map(),
    versions: new Map(),
    removed: new Map(),
    ...(visibility === "restricted" && { visibility }),
    ...(teams && teams.length > 0 && { teams: new Map(teams) }),
    ...(tfa && { tfa }),
  };
  return {
    ...own,
    tags: new Map([...tags, ...own.tags]),
    versions: new Map([...own.versions, ...versions.filter(([id]) => !own.versions.has(id))]),
    removed: new Map([...removed, ...own.removed]),
  };
}

function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): Map<string, V> {
  const copy = new Map(map);
  for (const key of keys) copy.delete(key);
  return copy;
}

/** Whose a scope is: an organisation's or, where it is nobody's name, its first publisher's. */
export interface ScopeState {
  readonly owner: string;
  /** who made the organisation that is the owner. Absent: the owner is a user */
  readonly founder?: string;
  /** ms since 1970 */
  readonly created: number;
}
export interface ScopeEvent {
  readonly type: "claim";
  readonly owner: string;
  readonly founder?: string;
}

/** Scopes: `d/scope/<scope>`, without the `@`. */
export function scopeKind(): Kind<ScopeState, ScopeEvent> {
  return {
    name: "scope",
    reduce: (before, { owner, founder }, { at }) => ({
      owner,
      ...(founder !== undefined && { founder }),
      created: before?.created ?? at,
    }),
  };
}
