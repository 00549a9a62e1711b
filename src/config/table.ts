import { join } from "node:path";
import { issuerList, presets } from "../trust/issuers.ts";
import type { Dirs, Settings } from "./settings.ts";
import { namePattern, upstreams } from "./upstreams.ts";
import {
  choice,
  cidr,
  duration,
  file,
  flag,
  folder,
  freshness,
  headers,
  hostName,
  integer,
  issuerUrl,
  list,
  origin,
  publicUrl,
  ratio,
  redisUrl,
  size,
  storeUrl,
  text,
  type ValueType,
} from "./values.ts";

/** Every setting by its full name: `server.port`. */
export type SettingKey = {
  [G in keyof Settings]: `${G}.${keyof Settings[G] & string}`;
}[keyof Settings];

type ValueOf<K extends SettingKey> = K extends `${infer G extends keyof Settings}.${infer N}`
  ? N extends keyof Settings[G]
    ? Settings[G][N]
    : never
  : never;

export interface Setting<T> {
  readonly type: ValueType<Exclude<T, undefined>>;
  readonly default: T | ((dirs: Dirs) => T);
  /** one line, for `citadel config` and the manual */
  readonly description: string;
  /** variables besides the one made of the key (`server.port`: CITADEL_SERVER_PORT) */
  readonly variables?: readonly string[];
}

const fileUrl = (scheme: string, ...path: readonly string[]) =>
  storeUrl.parse(`${scheme}:${join(...path)}`, "/") ?? "";

/** The one table of settings. `docs/configuration.md` has a row for each; a test compares both ways. */
export const table: { readonly [K in SettingKey]: Setting<ValueOf<K>> } = {
  "store.documents": {
    type: storeUrl,
    default: (dirs) => fileUrl("sqlite", dirs.data, "registry.db"),
    description: "store of package documents, history and small blobs",
    variables: ["REGISTRY_DB_URL"],
  },
  "store.blobs": {
    type: storeUrl,
    default: (dirs) => fileUrl("file", dirs.data, "blobs"),
    description: "store of tarballs above 64 KiB",
  },
  "store.compression": {
    type: choice("zstd", "gzip", "none"),
    default: "zstd",
    description: "compression of stored content that gains from it",
  },
  "store.compressionLevel": {
    type: integer(1, 19),
    default: undefined,
    description: "how hard it tries: zstd 1 to 19, gzip 1 to 9",
  },
  "store.grace": {
    type: duration,
    default: 48 * 3_600_000,
    description: "age at which unused objects may be collected",
  },
  "store.freshness": {
    type: freshness,
    default: "auto",
    description: "how old a packument may be; auto: strict, bounded=1000 in S3",
  },
  "encryption.packages": {
    type: flag,
    default: false,
    description: "encrypt packages in the store, under the key of this server",
  },
  "cache.tiers": {
    type: list(storeUrl),
    default: (dirs) => ["memory:", fileUrl("sqlite", dirs.cache, "cache.db")],
    description: "caches, nearest first",
    variables: ["CITADEL_CACHE"],
  },
  "redis.url": {
    type: redisUrl,
    default: undefined,
    description: "Redis in which servers share rate limits, and a cache tier",
    variables: ["REDIS_URL"],
  },
  "server.port": {
    type: integer(0, 65_535),
    default: 4873,
    description: "port of `citadel serve`; 0 takes a free one",
    variables: ["CITADEL_PORT", "REGISTRY_PORT"],
  },
  "server.host": {
    type: list(hostName),
    default: ["127.0.0.1", "::1"],
    description: "addresses to listen on",
    variables: ["CITADEL_HOST", "REGISTRY_HOST"],
  },
  "server.publicUrl": {
    type: publicUrl,
    default: undefined,
    description: "address that clients use, when a proxy stands in front",
  },
  "server.hosts": {
    type: list(hostName),
    default: [],
    description: "host names that requests may use, besides loopback",
  },
  "server.trustProxy": {
    type: list(cidr),
    default: [],
    description: "proxies whose forwarded addresses are believed",
  },
  "server.signup": {
    type: choice("auto", "open", "closed"),
    default: "auto",
    description: "who may make an account; auto: loopback without administrators",
  },
  "server.workers": {
    type: integer(1, 1024),
    default: 1,
    description: "processes that serve",
  },
  "api.origins": {
    type: list(origin),
    default: [],
    description: "web sites whose pages may use /api/v1 with a token",
  },
  "console.folders": {
    type: list(folder),
    default: [],
    description: "folders below which the web terminal finds packages to publish",
  },
  "auth.privateIssuer": {
    type: issuerUrl,
    default: undefined,
    description: "issuer of JWTs while another private registry is configured",
  },
  "auth.publicIssuer": {
    type: issuerUrl,
    default: undefined,
    description: "issuer of JWTs while no private registry is configured",
  },
  "security.apiKeyExpiry": {
    type: duration,
    default: 90 * 86_400_000,
    description: "how long an API key lives unless it is said",
    variables: ["SECURITY_API_KEY_EXPIRY"],
  },
  "security.rateLimitWindow": {
    type: duration,
    default: 900_000,
    description: "time over which requests are counted",
    variables: ["SECURITY_RATE_LIMIT_WINDOW"],
  },
  "security.rateLimitMax": {
    type: integer(0, 1_000_000_000),
    default: 1000,
    description: "requests of an address in that time; 0: no limits",
    variables: ["SECURITY_RATE_LIMIT_MAX"],
  },
  "security.rateLimitKeyMax": {
    type: integer(1, 1_000_000_000),
    default: 20_000,
    description: "requests of a token or API key in that time",
  },
  "security.allow": {
    type: list(cidr),
    default: [],
    description: "addresses that are neither limited nor blocked",
  },
  "metrics.collectionInterval": {
    type: duration,
    default: 1000,
    description: "time between two samples of a running server",
    variables: ["METRICS_COLLECTION_INTERVAL"],
  },
  "metrics.historySize": {
    type: integer(1, 3600),
    default: 60,
    description: "samples that are kept, and looked at for alerts",
    variables: ["METRICS_HISTORY_SIZE"],
  },
  "live.file": {
    type: file,
    default: undefined,
    description: "file of the thirteen bytes, instead of the one in the data folder",
  },
  "live.connections": {
    type: integer(0, 100_000),
    default: 100,
    description: "WebSocket connections of one process at most",
  },
  "live.connectionsPerSession": {
    type: integer(1, 100_000),
    default: 8,
    description: "of them those of one session or token",
  },
  "telemetry.endpoint": {
    type: publicUrl,
    default: undefined,
    description: "address of an OpenTelemetry collector: gets metrics and spans (OTLP over HTTP)",
    variables: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
  },
  "telemetry.headers": {
    type: headers,
    default: [],
    description: "headers that the collector wants, such as a token",
    variables: ["OTEL_EXPORTER_OTLP_HEADERS"],
  },
  "telemetry.interval": {
    type: duration,
    default: 60_000,
    description: "time between two reports to it; spans are sent every 5 s at least",
  },
  "telemetry.sampleRatio": {
    type: ratio,
    default: 1,
    description: "part of the traces that begin here which is recorded",
    variables: ["OTEL_TRACES_SAMPLER_ARG"],
  },
  "telemetry.service": {
    type: text,
    default: "citadel",
    description: "name of this server in metrics and spans",
    variables: ["OTEL_SERVICE_NAME"],
  },
  "alert.cpuThreshold": {
    type: integer(1, 100_000),
    default: 80,
    description: "per cent of one core above which there is an alert",
    variables: ["ALERT_CPU_THRESHOLD"],
  },
  "alert.memoryThreshold": {
    type: integer(1, 100),
    default: 85,
    description: "per cent of the memory above which there is an alert",
    variables: ["ALERT_MEMORY_THRESHOLD"],
  },
  "alert.latencyThreshold": {
    type: duration,
    default: 1000,
    description: "95th percentile of answers above which there is an alert",
    variables: ["ALERT_LATENCY_THRESHOLD"],
  },
  "downloads.records": {
    type: flag,
    default: true,
    description: "note time, client and user agent of each download, for owners",
  },
  "downloads.retention": {
    type: duration,
    default: 30 * 86_400_000,
    description: "how long a download is remembered, in whole days",
  },
  "access.scoped": {
    type: choice("public", "restricted"),
    default: "public",
    description: "who reads a new scoped package when its publisher does not say",
  },
  "limits.tarball": {
    type: size,
    default: 100e6,
    description: "largest tarball",
  },
  "limits.uploads": {
    type: size,
    default: 4e9,
    description: "tarballs that are being uploaded to one process, together",
  },
  "limits.unpacked": {
    type: size,
    default: 2e9,
    description: "largest sum of the files in a tarball",
  },
  "limits.files": {
    type: integer(1, 10_000_000),
    default: 200_000,
    description: "most entries in a tarball",
  },
  "limits.storage": {
    type: size,
    default: undefined,
    description: "largest sum of all tarballs that are published here",
  },
  "guard.values": {
    type: choice("refuse", "warn", "off"),
    default: "refuse",
    description: "packages that hold a value of the vault, published from here or to this server",
  },
  "guard.patterns": {
    type: choice("refuse", "warn", "off"),
    default: "refuse",
    description: "packages that hold what looks like a key or token of a known service",
  },
  "stage.expiry": {
    type: duration,
    default: 30 * 24 * 3_600_000,
    description: "age at which a staged version that nobody decided on is gone",
  },
  "stage.perPackage": {
    type: integer(1, 10_000),
    default: 50,
    description: "most versions of a package that wait for approval",
  },
  "trust.issuers": {
    type: issuerList,
    default: presets,
    description: "whose ID tokens publish without a token of their own",
  },
  "trust.maxAge": {
    type: duration,
    default: 3_600_000,
    description: "age at which an ID token is too old to be exchanged",
  },
  "hooks.allow": {
    type: list(hostName),
    default: [],
    description: "hosts in private networks that hooks may call",
  },
  "hooks.perUser": {
    type: integer(0, 10_000),
    default: 100,
    description: "most hooks of a user; 0: nobody makes any",
  },
  "feeds.allow": {
    type: list(hostName),
    default: [],
    description: "hosts in private networks whose feeds are read",
  },
  "secrets.allowArgv": {
    type: flag,
    default: true,
    description: "take values on the command line, with a warning",
  },
  "secrets.replicas": {
    type: list(storeUrl),
    default: [],
    description: "other stores that hold the vault too",
  },
  "secrets.grace": {
    type: duration,
    default: 30 * 24 * 3_600_000,
    description: "time that an expired version is kept until a clean-up",
  },
  "secrets.plainNames": {
    type: flag,
    default: true,
    description: "names of secrets in this machine's own index",
  },
  "secrets.rotation": {
    type: file,
    default: undefined,
    description: "file that says how secrets are rotated when they are due",
  },
  "secrets.rotate": {
    type: flag,
    default: false,
    description: "the server rotates what is due, by that file",
  },
  "secrets.broker": {
    type: flag,
    default: false,
    description: "the server lends out secrets, to whom the rules of the vault name",
  },
  "upstream.registries": {
    type: upstreams,
    default: [],
    description: "other registries, asked for what is not here",
    variables: ["CITADEL_UPSTREAM"],
  },
  "upstream.private": {
    type: list(namePattern),
    default: [],
    description: "names that are never asked for outside",
  },
  "upstream.cache": {
    type: size,
    default: 10e9,
    description: "room in the store for what came from upstream",
  },
  "sync.remote": {
    type: storeUrl,
    default: undefined,
    description: "store that this registry shares packages with",
  },
  "sync.remoteBlobs": {
    type: storeUrl,
    default: undefined,
    description: "store of its tarballs above 64 KiB, where that is another",
  },
  "bunx.registry": {
    type: publicUrl,
    default: undefined,
    description: "registry that `bunx:run` asks instead of this store",
  },
  "bunx.allow": {
    type: list(namePattern),
    default: [],
    description: "packages of other registries that `bunx:run` runs unasked",
  },
  "views.memory": {
    type: size,
    default: 128e6,
    description: "memory for finished package documents",
  },
  "blobs.memory": {
    type: size,
    default: 64e6,
    description: "memory for hot tarballs",
  },
};

export const settingKeys = Object.keys(table) as readonly SettingKey[];

/** `server.publicUrl` is set by CITADEL_SERVER_PUBLIC_URL and the setting's further variables. */
export function variablesOf(key: SettingKey): readonly string[] {
  return [variableOf(key), ...(table[key].variables ?? [])];
}

/** The variable made of a key. */
export const variableOf = (key: string): string =>
  `CITADEL_${key.replace(/[A-Z]/g, "_$&").replaceAll(".", "_").toUpperCase()}`;
