import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Later, Secret } from "../config/reference.ts";
import type { UpstreamSetting } from "../config/settings.ts";
import { createEgress } from "../egress/egress.ts";
import type { Called, EgressRequest, Reply, Tracing } from "../egress/types.ts";
import { createDurations, type Durations } from "../durations.ts";
import { CitadelError } from "../errors.ts";
import type { Form } from "../registry/types.ts";
import { mask } from "../config/mask.ts";
import type { Probe } from "./types.ts";
import { createBreaker, type BreakerState } from "./breaker.ts";

/** bytes of a packument, and of any other JSON */
const largestPackument = 128 * 2 ** 20;
const largestJson = 8 * 2 ** 20;

/** ms that a tarball may take, unless the setting says otherwise */
const WHOLE_TARBALL = 600_000;

const accepts: Readonly<Record<Form, string>> = {
  full: "application/json",
  short: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*",
};

/** What lets upstream say that nothing has changed. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export type Fetched =
  | { readonly kind: "same" }
  | { readonly kind: "missing" }
  | {
      readonly kind: "new";
      readonly validators: Validators;
      readonly bytes: Buffer;
      /** base64url SHA-256 of the bytes */
      readonly digest: string;
    };

export interface RemoteStatus extends BreakerState {
  readonly name: string;
  readonly url: string;
  /** since this process began */
  readonly requests: number;
  readonly errors: number;
  /** of requests, until their headers were answered or they failed */
  readonly durations: Durations;
  /** that came in */
  readonly bytes: number;
}

/** One upstream, as this process knows it. */
export interface Remote {
  readonly setting: UpstreamSetting;
  /** short and good for a key; another address is another registry */
  readonly id: string;
  /** Asks for a packument. @throws E_REMOTE_* for everything but an answer that says it */
  packument(name: string, form: Form, known: Validators): Promise<Fetched>;
  /** what the addresses of a package's tarballs begin with */
  tarballs(name: string): string;
  /** A tarball from where the packument says it lies. @throws E_REMOTE_*, E_VERSION_NOT_FOUND */
  tarball(name: string, url: string, signal: AbortSignal): Promise<Reply>;
  /** Any other document; undefined for 404. @throws E_REMOTE_* */
  json(path: string, request?: EgressRequest): Promise<unknown>;
  probe(): Promise<Probe>;
  /** hears what went wrong while a body came in */
  failed(error: unknown): void;
  readonly status: RemoteStatus;
  close(): Promise<void>;
}

/**
 * @throws E_CONFIG when the file of its token cannot be read
 */
export async function openRemote(
  setting: UpstreamSetting,
  limit: number,
  secret: Secret,
  tracing: Tracing,
): Promise<Remote> {
  const { name, url, hosts, timeouts } = setting;
  const { origin, hostname } = new URL(url);
  const authorization = await authorizationOf(setting, secret);
  const egress = createEgress({
    // a registry inside is meant when it is configured, its tarballs' hosts as well
    allow: [origin, ...hosts],
    timeouts,
    ...(authorization === undefined ? {} : { credentials: { origin, authorization } }),
  });
  const breaker = createBreaker({ name });
  const counts = { requests: 0, errors: 0, bytes: 0 };
  const durations = createDurations();

  const send = async (
    target: string | URL,
    request: EgressRequest,
    statuses: readonly number[],
  ): Promise<Reply> => {
    // what is wrong with it is not the other's fault
    if (typeof authorization === "function") await authorization();
    return breaker.run(async () => {
      counts.requests++;
      const began = performance.now();
      try {
        return await tracing(calledOf(name, new URL(target), request), async (fields, answered) => {
          const headers = { "user-agent": "citadel", ...fields, ...request.headers };
          const reply = await egress.fetch(target, { ...request, headers });
          const meant = statuses.includes(reply.status);
          answered(reply.status, !meant);
          if (meant) return reply;
          reply.cancel();
          throw unexpected(name, reply);
        });
      } catch (error) {
        counts.errors++;
        throw error;
      } finally {
        durations.note(performance.now() - began);
      }
    });
  };
  const failed = (error: unknown): void => {
    counts.errors++;
    breaker.failed(error);
  };
  const read = async (reply: Reply, chunk: (bytes: Uint8Array) => void): Promise<void> => {
    try {
      for await (const bytes of reply.body) {
        counts.bytes += bytes.byteLength;
        chunk(bytes);
      }
    } catch (error) {
      failed(error);
      throw error;
    }
  };

  const packument: Remote["packument"] = async (wanted, form, known) => {
    const { etag, lastModified } = known;
    const conditional = etag !== undefined || lastModified !== undefined;
    const reply = await send(
      url + pathOf(wanted),
      {
        limit: largestPackument,
        headers: {
          accept: accepts[form],
          ...(etag === undefined ? {} : { "if-none-match": etag }),
          ...(lastModified === undefined ? {} : { "if-modified-since": lastModified }),
        },
      },
      conditional ? [200, 304, 404, 410] : [200, 404, 410],
    );
    if (reply.status !== 200) reply.cancel();
    if (reply.status === 304) {
      const now = reply.header("etag");
      // it speaks of other content than what we have
      if (now !== undefined && etag !== undefined && weak(now) !== weak(etag))
        return packument(wanted, form, {});
      return { kind: "same" };
    }
    if (reply.status !== 200) return { kind: "missing" };
    const chunks: Uint8Array[] = [];
    const hash = createHash("sha256");
    await read(reply, (bytes) => {
      hash.update(bytes);
      chunks.push(bytes);
    });
    return {
      kind: "new",
      validators: validatorsOf(reply),
      bytes: Buffer.concat(chunks),
      digest: hash.digest("base64url"),
    };
  };

  return {
    setting,
    id: createHash("sha256").update(url).digest("hex").slice(0, 12),
    packument,
    tarballs: (wanted) => `${url}${wanted}/-/`,
    async tarball(wanted, address, signal) {
      const target = URL.canParse(address) ? new URL(address) : undefined;
      const own = target?.hostname === hostname;
      // old documents name http where https is meant
      if (target && own && target.protocol === "http:" && origin.startsWith("https:")) {
        target.protocol = "https:";
        target.port = new URL(url).port;
      }
      if (!target || !(target.origin === origin || hosts.includes(target.hostname)))
        throw new CitadelError(
          "E_REMOTE_ADDRESS",
          `the tarball of ${wanted} lies at ${target?.host ?? "no address"}, which is not ${name}`,
          { hint: [`if it is meant, name the host in the setting: hosts of upstream ${name}`] },
        );
      const { whole = WHOLE_TARBALL } = timeouts;
      const request = { limit, signal, timeouts: { whole } };
      const reply = await send(target, request, [200, 404, 410]);
      if (reply.status === 200) return reply;
      reply.cancel();
      throw new CitadelError("E_VERSION_NOT_FOUND", `${name} has no tarball of ${wanted}`);
    },
    async json(path, request = {}) {
      const reply = await send(url + path, { limit: largestJson, ...request }, [200, 404, 410]);
      if (reply.status !== 200) {
        reply.cancel();
        return undefined;
      }
      const chunks: Uint8Array[] = [];
      await read(reply, (bytes) => chunks.push(bytes));
      try {
        return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
      } catch (error) {
        throw new CitadelError("E_REMOTE_ANSWER", `what ${name} answered is no JSON`, {
          cause: error,
        });
      }
    },
    failed,
    async probe() {
      const started = performance.now();
      const shown = { name, url: mask(url) };
      try {
        const timeouts = { connect: 2000, first: 2000, idle: 2000, whole: 2000 };
        const reply = await egress.fetch(`${url}-/ping`, { timeouts });
        reply.cancel();
        const latencyMs = performance.now() - started;
        if (reply.status < 500) return { ...shown, ok: true, latencyMs };
        return { ...shown, ok: false, error: unexpected(name, reply).message };
      } catch (error) {
        return { ...shown, ok: false, error: (error as Error).message };
      }
    },
    get status() {
      return { name, url, ...breaker.now, ...counts, durations };
    },
    close: () => egress.close(),
  };
}

const calledOf = (name: string, url: URL, { method = "GET" }: EgressRequest): Called => ({
  method,
  url,
  // without what may be a signature
  attributes: {
    "citadel.upstream": name,
    "url.full": mask(url.origin + url.pathname).slice(0, 1000),
  },
});

/** The `authorization` field; one that the vault holds is read when the first request needs it. */
async function authorizationOf(
  { name, authorization, tokenFile, tokenReference, username, passwordReference }: UpstreamSetting,
  secret: Secret,
): Promise<Later | undefined> {
  const where = `upstream ${name}`;
  const unusable = (place: string): CitadelError =>
    new CitadelError("E_CONFIG", `the token of ${where} cannot be read`, {
      hint: [`put it into ${place}, on one line`],
    });
  const bearer = (token: string, place: string): string => {
    if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
    throw unusable(place);
  };
  if (tokenFile !== undefined)
    return bearer((await readFile(tokenFile, "utf8").catch(() => "")).trim(), tokenFile);
  if (tokenReference !== undefined)
    return once(async () => bearer(await secret(tokenReference, where), tokenReference));
  if (passwordReference === undefined) return authorization;
  return once(async () => {
    const password = await secret(passwordReference, where);
    return `Basic ${Buffer.from(`${username ?? ""}:${password}`).toString("base64")}`;
  });
}

/** Asks until there is an answer, and then no more. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return async () => {
    try {
      return await (asked ??= ask());
    } catch (error) {
      asked = undefined;
      throw error;
    }
  };
}

/** A status that says nothing about packages. */
function unexpected(name: string, reply: Reply): CitadelError {
  const { status } = reply;
  if (status === 401 || status === 403)
    return new CitadelError("E_REMOTE_ANSWER", `${name} refuses to answer us (${status})`, {
      hint: [`look at the credentials of upstream ${name}`],
    });
  if (status !== 429 && status < 500)
    return new CitadelError("E_REMOTE_ANSWER", `${name} answered with status ${status}`);
  const seconds = Number(reply.header("retry-after"));
  const retryAfter = seconds > 0 && status !== 500 ? Math.ceil(Math.min(seconds, 60)) : undefined;
  return new CitadelError("E_REMOTE_UNAVAILABLE", `${name} answered with status ${status}`, {
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

function validatorsOf(reply: Reply): Validators {
  const etag = reply.header("etag");
  const lastModified = reply.header("last-modified");
  const plain = (text: string | undefined): text is string =>
    text !== undefined && /^[\x20-\x7e]{1,300}$/.test(text);
  return { ...(plain(etag) ? { etag } : {}), ...(plain(lastModified) ? { lastModified } : {}) };
}

/** `@s%2fp`, as clients write it. */
export const pathOf = (name: string): string =>
  encodeURIComponent(name).replace("%40", "@").replace("%2F", "%2f");

const weak = (etag: string): string => etag.replace(/^W\//, "");
