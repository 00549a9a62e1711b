import type { HookSettings } from "../hooks/types.ts";
import type { TrustSettings } from "../trust/types.ts";

/** All settings of Citadel with their final values. Sizes are bytes, durations milliseconds, paths and URLs absolute. */
export interface Settings {
  readonly store: {
    /** URL of the driver for documents, entries and small blobs */
    readonly documents: string;
    /** URL of the driver for blobs above 64 KiB; equal to `documents` when one store holds both */
    readonly blobs: string;
    readonly compression: "zstd" | "gzip" | "none";
    /** undefined: 3 for zstd, 6 for gzip */
    readonly compressionLevel: number | undefined;
    /** ms that garbage is kept before it may be collected */
    readonly grace: number;
    readonly freshness: Freshness;
  };
  /** whether packages are sealed in the store, under the key of this server */
  readonly encryption: { readonly packages: boolean };
  /** URLs, nearest first */
  readonly cache: { readonly tiers: readonly string[] };
  readonly redis: {
    /** URL of the Redis that shares limits, blocks and a cache tier */
    readonly url: string | undefined;
  };
  readonly server: {
    readonly port: number;
    /** addresses to listen on */
    readonly host: readonly string[];
    /** with a trailing slash; undefined: taken from each request */
    readonly publicUrl: string | undefined;
    /** host names that requests may name, besides loopback */
    readonly hosts: readonly string[];
    /** CIDR blocks of trusted proxies */
    readonly trustProxy: readonly string[];
    /** who may make an account: `auto` is open on loopback until there is an administrator, and closed elsewhere */
    readonly signup: "auto" | "open" | "closed";
    readonly workers: number;
  };
  readonly auth: {
    /** `iss` of JWTs while the live configuration names another private registry; undefined: this one */
    readonly privateIssuer: string | undefined;
    /** `iss` of JWTs while it names no private registry; undefined: this one */
    readonly publicIssuer: string | undefined;
  };
  readonly api: {
    /** origins whose pages may use `/api/v1` with a token */
    readonly origins: readonly string[];
  };
  readonly console: {
    /** absolute folders below which the web terminal may publish packages */
    readonly folders: readonly string[];
  };
  readonly security: {
    /** ms that an API key lives unless it is said */
    readonly apiKeyExpiry: number;
    /** ms in which a client may make so many requests as the next two say */
    readonly rateLimitWindow: number;
    /** of an address without a credential; 0: as many as it wants, as for credentials */
    readonly rateLimitMax: number;
    /** of a token or an API key */
    readonly rateLimitKeyMax: number;
    /** CIDR blocks that are not limited and never blocked */
    readonly allow: readonly string[];
  };
  readonly metrics: {
    /** ms between two samples of a running server */
    readonly collectionInterval: number;
    /** samples that are kept */
    readonly historySize: number;
  };
  /** the live protocol */
  readonly live: {
    /** file of the thirteen bytes; undefined: the one in the data folder */
    readonly file: string | undefined;
    /** sockets of one process */
    readonly connections: number;
    /** of one session or token */
    readonly connectionsPerSession: number;
  };
  /** where a running server reports its metrics and spans */
  readonly telemetry: {
    /** URL of a collector of OpenTelemetry, with a slash; undefined: nowhere */
    readonly endpoint: string | undefined;
    /** that the collector wants; what a secret refers to is read when a report is sent */
    readonly headers: readonly { readonly name: string; readonly secret: string }[];
    /** ms between two reports */
    readonly interval: number;
    /** part of the traces that begin here which is recorded, 0 to 1; of others those who began them say */
    readonly sampleRatio: number;
    /** `service.name` */
    readonly service: string;
  };
  /** when a running server raises an alert */
  readonly alert: {
    /** per cent of one core */
    readonly cpuThreshold: number;
    /** per cent of the memory that the process may use */
    readonly memoryThreshold: number;
    /** ms that 95 of 100 requests take at most */
    readonly latencyThreshold: number;
  };
  /** what is remembered of each download */
  readonly downloads: {
    readonly records: boolean;
    /** ms */
    readonly retention: number;
  };
  /** what a new scoped package is when its publisher does not say */
  readonly access: { readonly scoped: "public" | "restricted" };
  readonly limits: {
    /** bytes of a tarball */
    readonly tarball: number;
    /** bytes of all tarballs that are being uploaded to one process */
    readonly uploads: number;
    /** bytes a tarball may unpack to */
    readonly unpacked: number;
    /** entries in a tarball */
    readonly files: number;
    /** bytes of all tarballs that are published here; undefined: as many as there is room for */
    readonly storage: number | undefined;
  };
  readonly stage: {
    /** ms after which a staged version that nobody decided on is gone */
    readonly expiry: number;
    /** staged versions of one package at a time */
    readonly perPackage: number;
  };
  /** what is done about secrets in packages that are published from here */
  readonly guard: { readonly values: GuardMode; readonly patterns: GuardMode };
  readonly trust: TrustSettings;
  readonly hooks: HookSettings;
  readonly feeds: {
    /** hosts in private networks whose feeds are read */
    readonly allow: readonly string[];
  };
  readonly secrets: {
    /** take values on the command line, where others can see them; with a warning */
    readonly allowArgv: boolean;
    /** URLs of other stores that hold the vault too, for `secrets:sync` */
    readonly replicas: readonly string[];
    /** ms that an expired version is kept before a clean-up destroys it */
    readonly grace: number;
    /** keep the names of secrets in this machine's own index, unsealed */
    readonly plainNames: boolean;
    /** path of the rules by which what is due is rotated, see `RotationRules` */
    readonly rotation: string | undefined;
    /** the server rotates what is due, by these rules */
    readonly rotate: boolean;
    /** the server hands out values to those whom the policy of the vault names */
    readonly broker: boolean;
  };
  readonly upstream: {
    /** other registries that are asked for what is not here */
    readonly registries: readonly UpstreamSetting[];
    /** patterns of names that are never asked for outside */
    readonly private: readonly string[];
    /** bytes in the store for what came from upstream */
    readonly cache: number;
  };
  readonly sync: {
    /** URL of the store that several machines share */
    readonly remote: string | undefined;
    /** URL of its large blobs, where they are in another store */
    readonly remoteBlobs: string | undefined;
  };
  readonly bunx: {
    /** where programs come from, with a trailing slash; undefined: this store and what stands behind it */
    readonly registry: string | undefined;
    /** patterns of packages of other registries that run without a question */
    readonly allow: readonly string[];
  };
  /** bytes of finished packuments kept in memory */
  readonly views: { readonly memory: number };
  /** bytes of hot tarballs kept in memory */
  readonly blobs: { readonly memory: number };
}

export type GuardMode = "refuse" | "warn" | "off";

/** Another registry. */
export interface UpstreamSetting {
  readonly name: string;
  /** with a trailing slash */
  readonly url: string;
  /** patterns of the names that it is asked for */
  readonly packages: readonly string[];
  /** value of the `authorization` field, sent to the origin of `url` alone */
  readonly authorization?: string;
  /** secret of the vault that is a bearer token instead: `citadel://scope/name` */
  readonly tokenReference?: string;
  /** name that goes with the password that a secret of the vault is */
  readonly username?: string;
  readonly passwordReference?: string;
  /** absolute path of a file that holds a bearer token instead */
  readonly tokenFile?: string;
  /** hosts besides its own where its tarballs may lie */
  readonly hosts: readonly string[];
  /** ms that a packument is believed before upstream is asked whether it changed */
  readonly freshness: number;
  /** ms for each phase of a request, see `egress/types.ts` */
  readonly timeouts: {
    readonly connect?: number;
    readonly first?: number;
    readonly idle?: number;
    readonly whole?: number;
  };
}

/** Folders that Citadel keeps things in; absolute, not necessarily there yet. */
export interface Dirs {
  readonly data: string;
  readonly cache: string;
  readonly config: string;
}

/** How old a package document may be that is shown to a reader: most ms, or not at all. */
export type Freshness = "auto" | "strict" | number;
