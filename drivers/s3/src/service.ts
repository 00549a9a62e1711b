import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import type { Location } from "./location.ts";

/** Ms for a request unless its caller says; for a stream, between two chunks. */
export const PATIENCE = 30_000;

export interface Service {
  readonly sdk: typeof import("@aws-sdk/client-s3");
  /** repeats what failed on the way: for reads, and for parts that nobody sees before they are put together */
  readonly patient: S3Client;
  /** asks once: a write that is repeated may overtake another one, or meet itself and call it a conflict */
  readonly once: S3Client;
}

/** The SDK, imported when a store is opened, and its clients; sends nothing. */
export async function connect(at: Location): Promise<Service> {
  const sdk = await import("@aws-sdk/client-s3");
  const agent = { keepAlive: true, maxSockets: 256 };
  const config: S3ClientConfig = {
    ...(at.endpoint && { endpoint: at.endpoint }),
    ...(at.region && { region: at.region }),
    ...(at.credentials && { credentials: at.credentials }),
    forcePathStyle: at.pathStyle,
    // what fails is thrown; nothing is to be printed besides
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    // many servers refuse the trailers that carry checksums of streams, and some keep them as content; the signature
    // covers each body anyway
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: 5000, httpAgent: agent, httpsAgent: agent },
  };
  const patient = new sdk.S3Client({ ...config, maxAttempts: 3 });
  const { requestHandler } = patient.config;
  const once = new sdk.S3Client({ ...config, maxAttempts: 1, requestHandler });
  once.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: { date?: string } };
      if (result.output) Object.assign(result.output.$metadata, { date: headers?.date });
      return result;
    },
    { step: "deserialize", priority: "high", name: "keepDate" },
  );
  return { sdk, patient, once };
}

/**
 * When an object was stored, by the server's clock in ms since 1970, and never after what the server itself will say;
 * `elapsed` are the ms that the request took.
 */
export function storedAt(metadata: object, elapsed: number): number {
  const date = Date.parse((metadata as { date?: string }).date ?? "");
  // whole seconds, as in the headers that the server sends later
  return Math.floor(((Number.isNaN(date) ? Date.now() : date) - elapsed) / 1000) * 1000;
}

/** What goes with a request. */
export interface Sending {
  readonly abortSignal: AbortSignal;
}
/** Sends a write under a condition of S3. */
export type Send = (
  condition: { readonly IfMatch?: string; readonly IfNoneMatch?: "*" },
  sending: Sending,
) => Promise<{ readonly ETag?: string | undefined; readonly $metadata: object }>;

/** Why a request was given up. */
export class GaveUp extends Error {
  override readonly name = "GaveUp";
  /** aborted by the caller or by close(), or out of time */
  readonly kind: "aborted" | "timeout";
  constructor(kind: GaveUp["kind"], cause: unknown) {
    super(kind === "timeout" ? "no answer in time" : "the operation was aborted", { cause });
    this.kind = kind;
  }
}

export interface Limits {
  readonly ms: number;
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** Runs `work`, which passes `abortSignal` on to the SDK, within its limits. Throws GaveUp and what `work` throws. */
export async function within<T>(
  { ms, signals }: Limits,
  work: (sending: Sending) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const stop = (event: Event) =>
    over.abort(new GaveUp("aborted", (event.target as AbortSignal).reason));
  const timer = setTimeout(() => over.abort(new GaveUp("timeout", undefined)), Math.max(ms, 0));
  for (const signal of signals) {
    if (signal?.aborted) over.abort(new GaveUp("aborted", signal.reason));
    signal?.addEventListener("abort", stop, { once: true });
  }
  try {
    return await work({ abortSignal: over.signal });
  } catch (error) {
    throw over.signal.aborted ? over.signal.reason : error;
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener("abort", stop);
  }
}
