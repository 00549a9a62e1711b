import { setTimeout as wait } from "node:timers/promises";
import { createEgress, type Egress, type Reply } from "@citadel/core/egress";
import { CitadelError, errorCode } from "@citadel/core/errors";

/** tries of a request that may succeed later */
const tries = 4;
/** ms at most between two tries */
const longestWait = 30_000;
/** bytes of a document or a list */
const largestJson = 256 * 2 ** 20;

export interface RemoteOptions {
  /** address of the registry */
  readonly url: string;
  /** sent to this registry's origin and to no other */
  readonly token?: string;
  /** further origins that tarballs may come from, by a redirect */
  readonly hosts?: readonly string[];
  /** ms for one answer @default 60000 */
  readonly timeout?: number;
  /** bytes of a tarball at most */
  readonly largest: number;
  readonly signal?: AbortSignal;
}

/** A registry over HTTP. Requests go to its origin alone. */
export interface Remote {
  /** with a slash at its end */
  readonly base: string;
  /** The parsed answer; undefined for 404 and the like, where the registry has no such thing. */
  json(path: string): Promise<unknown>;
  /** @param address where the registry says that it is; taken when it is of the same origin, else `path` is */
  tarball(address: unknown, path: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** @throws E_USAGE for what is no address of a registry */
export function openRemote(options: RemoteOptions): Remote {
  const { token, signal, timeout = 60_000 } = options;
  const start = addressOf(options.url);
  const { origin } = start;
  const base = start.href.endsWith("/") ? start.href : `${start.href}/`;
  const places = [origin, ...(options.hosts ?? [])];
  const egress: Egress = createEgress({
    allow: places,
    only: places,
    ...(token !== undefined && { credentials: { origin, authorization: `Bearer ${token}` } }),
    timeouts: { first: timeout, idle: timeout, whole: 20 * timeout },
  });

  let answered = false;

  async function ask(url: string, limit: number, accept: string): Promise<Reply> {
    for (let n = 1; ; n++) {
      signal?.throwIfAborted();
      const reply = await egress
        .fetch(url, { headers: { accept }, limit, ...(signal && { signal }) })
        .catch((error: unknown) => {
          // nobody there at the first request is a wrong address
          if (answered && n < tries && /_(?:UNAVAILABLE|TIMEOUT)$/.test(errorCode(error) ?? ""))
            return undefined;
          throw error;
        });
      answered ||= reply !== undefined;
      if (reply && !(reply.status === 429 || reply.status >= 500)) return reply;
      if (reply && n >= tries) {
        reply.cancel();
        throw refused(url, reply.status);
      }
      const asked = Number(reply?.header("retry-after")) * 1000;
      reply?.cancel();
      await wait(Math.min(longestWait, asked || 500 * 2 ** n), undefined, signal && { signal });
    }
  }

  return {
    base,

    async json(path) {
      const url = new URL(path, base).href;
      const reply = await ask(url, largestJson, "application/json");
      if (reply.status !== 200) {
        reply.cancel();
        if ([401, 403].includes(reply.status)) throw refused(url, reply.status);
        return undefined;
      }
      const text = (await reply.bytes()).toString();
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new CitadelError("E_REMOTE_ANSWER", `${url} did not answer with JSON`);
      }
    },

    async *tarball(address, path) {
      const own =
        typeof address === "string" && URL.canParse(address) ? new URL(address) : undefined;
      const url = own?.origin === origin ? own.href : new URL(path, base).href;
      const reply = await ask(url, options.largest, "application/octet-stream, */*");
      if (reply.status !== 200) {
        reply.cancel();
        throw refused(url, reply.status);
      }
      yield* reply.body;
    },

    close: () => egress.close(),
  };
}

function addressOf(url: string): URL {
  const found = URL.canParse(url) ? new URL(url) : undefined;
  if (!found || !/^https?:$/.test(found.protocol))
    throw new CitadelError("E_USAGE", `${url.slice(0, 200)} is not the address of a registry`, {
      hint: [
        "give it in full: citadel registry:import http://localhost:4873/",
        "a Verdaccio by its files: citadel registry:import verdaccio ./config.yaml",
      ],
    });
  if (found.username || found.password)
    throw new CitadelError("E_USAGE", "the address of a registry holds no password", {
      hint: ["give a token: --token-file <file>, or CITADEL_IMPORT_TOKEN"],
    });
  return found;
}

function refused(url: string, status: number): CitadelError {
  if (status === 401 || status === 403)
    return new CitadelError("E_REMOTE_REFUSED", `${url} is not for us: it answers ${status}`);
  return new CitadelError("E_REMOTE_ANSWER", `${url} answers ${status}`);
}
