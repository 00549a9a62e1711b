import type { Readable } from "node:stream";
import type { Environment } from "../config/environment.ts";
import type { Later } from "../config/reference.ts";
/** Milliseconds that each phase of a request may take. */
export interface Timeouts {
  /** @default 10000 */
  readonly connect?: number;
  /** from the request to the first byte of the answer @default 30000 */
  readonly first?: number;
  /** between two pieces of the answer @default 30000 */
  readonly idle?: number;
  /** everything, redirects and body included @default 120000 */
  readonly whole?: number;
}

export interface EgressOptions {
  /**
   * Where requests may go though it lies in a private network: origins (`http://10.0.0.7:4873`), or host names and addresses
   * (`npm.internal`), which count for every port.
   */
  readonly allow?: readonly string[];
  /** Origins or hosts that requests may go to; no others then, not even by a redirect. @default any */
  readonly only?: readonly string[];
  /** whether `http:` may be used to hosts that are not in `allow` @default true */
  readonly plain?: boolean;
  /** `authorization` that goes to this origin, and to no other however a redirect leads there */
  readonly credentials?: { readonly origin: string; readonly authorization: Later };
  /** redirects that a GET or HEAD follows @default 5 */
  readonly redirects?: number;
  readonly timeouts?: Timeouts;
  /** open connections to one origin @default 32 */
  readonly connections?: number;
  /** where variables say which proxies are used @default that of this process */
  readonly env?: Environment;
}

export interface EgressRequest {
  /** @default "GET" */
  readonly method?: string;
  /** names in lower case */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  /** bytes of the answer's body after it was decompressed @default 16 MiB */
  readonly limit?: number;
  readonly timeouts?: Timeouts;
  readonly signal?: AbortSignal;
  /** whether redirects are followed; else they are answers, and the caller checks where they lead @default for GET and HEAD */
  readonly follow?: boolean;
}

export interface Reply {
  readonly status: number;
  /** where it came from in the end */
  readonly url: URL;
  /** a field by its name in lower case; repeated fields are joined with ", " */
  header(name: string): string | undefined;
  /**
   * The content, decompressed. It must be read or cancelled. Throws what {@link Egress.fetch} throws, also when it ends too
   * early or grows beyond the limit.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** All of the body. */
  bytes(): Promise<Buffer>;
  /** Ends the request without its body. */
  cancel(): void;
}

/** The only way out: requests that reach what they may, and nothing else. */
export interface Egress {
  /** What can be said of an address without a name server. @throws E_REMOTE_ADDRESS for one that is never asked */
  check(url: string | URL): void;
  /**
   * Sends a request. An answer of any status is an answer.
   * @throws E_REMOTE_ADDRESS for an address that must not be reached; E_REMOTE_UNAVAILABLE when there is no connection or
   *   it breaks; E_CONFIG for a proxy that is none; E_REMOTE_TIMEOUT; E_REMOTE_ANSWER for what is no HTTP, too large or redirected without end; E_CANCELLED
   */
  fetch(url: string | URL, request?: EgressRequest): Promise<Reply>;
  close(): Promise<void>;
}

/** By their names in the semantic conventions of OpenTelemetry; what is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** A request to another server, as traces tell of it. */
export interface Called {
  readonly method: string;
  /** whose host and port are told, and no more: the rest may be what lets one in */
  readonly url: URL;
  readonly attributes: Attributes;
  /** it belongs to nothing that is under way here */
  readonly apart?: true;
}

/**
 * Asks another server as part of a trace.
 * @param send gets fields for the request, and says what came back; `failed` is what is no answer to be expected @default from 400
 */
export type Tracing = <T>(
  called: Called,
  send: (
    fields: Readonly<Record<string, string>>,
    answered: (status: number, failed?: boolean) => void,
  ) => Promise<T>,
) => Promise<T>;
