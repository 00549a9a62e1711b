import { StoreError, storeCode, type Key, type StoreErrorCode } from "@citadel/core/driver";
import type { Location } from "./location.ts";
import { GaveUp } from "./service.ts";

/** What a request would have changed: nothing, something without a condition, or only if one holds. */
export type Effect = "none" | "write" | "conditional write";

interface Failed {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string | undefined>> };
}

/** HTTP status of the answer; 0 when there was none. */
export const statusOf = (error: unknown): number =>
  (error as Failed | undefined)?.$metadata?.httpStatusCode ?? 0;

export const nameOf = (error: unknown): string => (error as Failed | undefined)?.name ?? "";

/** Errors of connections that were never made: nothing was sent. */
const unsent: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there: is it running, and is the port right?",
  ENOTFOUND: "there is no such host: check the address",
  EAI_AGAIN: "the name cannot be looked up: check the network",
  EHOSTUNREACH: "there is no way to it: check the network",
  ENETUNREACH: "there is no way to it: check the network",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: name it in NODE_EXTRA_CA_CERTS",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted: name its root in NODE_EXTRA_CA_CERTS",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not trusted: name its root in NODE_EXTRA_CA_CERTS",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

/** Error codes of S3 that say it all. */
const known: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  NoSuchBucket: ["INVALID", "there is no such bucket: create it, or correct the name"],
  InvalidBucketName: ["INVALID", "this is not a name for a bucket"],
  InvalidAccessKeyId: ["DENIED", "the access key is not known there: check the key"],
  SignatureDoesNotMatch: ["DENIED", "the secret does not belong to the access key: check both"],
  ExpiredToken: ["DENIED", "the credentials have expired: get new ones"],
  CredentialsProviderError: [
    "DENIED",
    "there are no credentials: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or a profile of the AWS tools",
  ],
  RequestTimeTooSkewed: [
    "DENIED",
    "the clocks differ by more than 15 minutes: set the clock of this machine (timedatectl set-ntp true)",
  ],
  QuotaExceeded: ["FULL", "the quota is used up"],
  InsufficientStorage: ["FULL", "the server's disks are full"],
  XMinioStorageFull: ["FULL", "the server's disks are full"],
  EntityTooLarge: ["TOO_LARGE", "the server takes no objects of that size"],
  MetadataTooLarge: ["INVALID", "the server takes less meta"],
  NotImplemented: ["UNSUPPORTED", "the server cannot do this"],
};

/** A failed request as a StoreError; anything that is one already stays as it is. */
export function failure(error: unknown, at: Location, effect: Effect, key?: Key): StoreError {
  if (storeCode(error)) return error as StoreError;
  const make = (code: StoreErrorCode, why: string) =>
    new StoreError(code, `${at.label}: ${why}`, {
      ...(key === undefined ? {} : { key }),
      cause: error,
    });
  const unsure = effect === "none" ? "UNAVAILABLE" : "UNKNOWN";
  if (error instanceof GaveUp) {
    if (effect !== "none") return make("UNKNOWN", `${error.message}; the write may have arrived`);
    return make(error.kind === "aborted" ? "ABORTED" : "UNAVAILABLE", error.message);
  }
  const { name = "", code = "", message = "", Region, $response } = error as Failed;
  const status = statusOf(error);
  const told = known[name] ?? known[code];
  if (told) return make(...told);
  if (message.startsWith("Region is missing"))
    return make("INVALID", "add region=<name> to the address");
  if (status === 0) {
    if (unsent[code]) return make("UNAVAILABLE", unsent[code]);
    return make(unsure, `the connection was lost (${code || message})`);
  }
  if (effect === "conditional write" && [404, 409, 412].includes(status))
    return make("CONFLICT", `the condition for ${key} does not hold`);
  const region = Region ?? $response?.headers?.["x-amz-bucket-region"];
  if (status === 301 || name === "AuthorizationHeaderMalformed")
    return make(
      "INVALID",
      `the bucket is in another region: add region=${region ?? "<name>"} to the address`,
    );
  if (status === 401 || status === 403)
    return make(
      "DENIED",
      `these credentials may not do this (${name || status}): they need to list the bucket, and to read, write and delete its objects`,
    );
  if (status === 501) return make("UNSUPPORTED", "the server cannot do this");
  if (status === 507) return make("FULL", "the server's disks are full");
  if (status >= 500) return make(unsure, `the server failed (${status} ${name})`);
  return make("UNAVAILABLE", `the server refused (${status} ${name}: ${message})`);
}
