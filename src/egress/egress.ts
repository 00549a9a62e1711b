import { lookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { Agent, buildConnector, Dispatcher } from "undici";
import { environment } from "../config/environment.ts";
import { CitadelError, errorCode } from "../errors.ts";
import { publicAddresses } from "./addresses.ts";
import { decoded } from "./body.ts";
import type { Tunnels } from "./proxy.ts";
import type { Egress, EgressOptions, EgressRequest, Reply, Timeouts } from "./types.ts";

const usual: Required<Timeouts> = { connect: 10_000, first: 30_000, idle: 30_000, whole: 120_000 };
const usualLimit = 16 * 2 ** 20;
const redirected = new Set([301, 302, 303, 307, 308]);
/** what belongs to one origin */
const personal = new Set(["authorization", "cookie", "proxy-authorization"]);

type Undici = Pick<typeof import("undici"), "Agent" | "buildConnector" | "Pool" | "request">;

/**
 * Makes a way out, through a proxy where the environment names one. Nothing is loaded before the first request. Host names are
 * resolved once for each connection, all their addresses are checked, and the connection goes to one of these; so what a name server
 * says afterwards changes nothing. A proxy is told that address; but of hosts that are allowed it is told the name.
 */
export function createEgress(options: EgressOptions = {}): Egress {
  const { redirects = 5, plain = true, credentials } = options;
  const allowed = placesOf(options.allow ?? []);
  const only = options.only && placesOf(options.only);
  const isPublic = publicAddresses();
  const { env = environment(), connections = 32 } = options;
  let loading: Promise<{ readonly undici: Undici; readonly agent: Agent; readonly tunnels: Tunnels }> | undefined; // prettier-ignore

  const check = (url: URL): void => {
    const { protocol, username, password } = url;
    if (protocol !== "https:" && protocol !== "http:")
      throw refused(url, "only http and https are spoken");
    if (username || password) throw refused(url, "an address holds no password");
    if (only && !only(url)) throw refused(url, "it is not one of the hosts that are allowed");
    if (allowed(url)) return;
    if (protocol === "http:" && !plain) throw refused(url, "only https is allowed");
    const address = hostOf(url);
    if (isIP(address) && !isPublic(address)) throw refused(url, closed);
  };

  /** Resolves a name to addresses that may be reached, or fails: one private address among them is enough. */
  const guarded: LookupFunction = (host, wanted, done) => {
    lookup(host, { ...wanted, all: true }, (error, found) => {
      if (error) return done(error, "");
      if (found.length === 0 || !found.every(({ address }) => isPublic(address)))
        return done(refused(new URL(`http://${host}/`), closed), "");
      const [first] = found as [LookupAddress];
      if (wanted.all) done(null, found);
      else done(null, first.address, first.family);
    });
  };

  async function load() {
    // the file by its name: Bun has a module "undici" of its own, which opens connections without asking us
    const undici = (await import("undici/index.js" as "undici")) as Undici;
    const connector = (more: { lookup?: LookupFunction }): buildConnector.connector =>
      undici.buildConnector({
        allowH2: false,
        timeout: options.timeouts?.connect ?? usual.connect,
        ...(more as object),
      });
    const [open, checked] = [connector({}), connector({ lookup: guarded })];
    const { createTunnels, proxiesOf } = await import("./proxy.ts");
    const proxyOf = proxiesOf(env);
    const timeout = options.timeouts?.connect ?? usual.connect;
    const tunnels = createTunnels(undici, open, { connections, timeout });
    const agent = new undici.Agent({
      connections,
      keepAliveTimeout: 30_000,
      connect: (to, done) => {
        const url = new URL(`${to.protocol}//${to.host ?? to.hostname}`);
        const proxy = proxyOf(url);
        if (!proxy) return (allowed(url) ? open : checked)(to, done);
        if (allowed(url)) return tunnels.open(proxy, to.hostname, to, done);
        guarded(to.hostname, {}, (error, address) =>
          error || typeof address !== "string"
            ? done(error ?? refused(url, closed), null)
            : tunnels.open(proxy, address, to, done),
        );
      },
    });
    return { undici, agent, tunnels };
  }

  async function fetch(target: string | URL, request: EgressRequest = {}): Promise<Reply> {
    const { method = "GET", body, signal } = request;
    const { first, idle, whole } = { ...usual, ...options.timeouts, ...request.timeouts };
    const start = new URL(target);
    const safe = method === "GET" || method === "HEAD";
    const follows = safe && request.follow !== false;
    check(start);
    loading ??= load();
    const { undici, agent } = await loading;
    const life = lifetime(whole, signal);

    const send = async (url: URL): Promise<Dispatcher.ResponseData> => {
      const headers: Record<string, string> = { "accept-encoding": "gzip, br" };
      for (const [name, value] of Object.entries(request.headers ?? {}))
        if (url.origin === start.origin || !personal.has(name)) headers[name] = value;
      if (credentials && url.origin === new URL(credentials.origin).origin)
        headers["authorization"] =
          typeof credentials.authorization === "string"
            ? credentials.authorization
            : await credentials.authorization();
      const sent = {
        ...{ method: method as Dispatcher.HttpMethod, headers, dispatcher: agent },
        ...{ headersTimeout: first, bodyTimeout: idle, signal: life.signal },
        ...(body === undefined ? {} : { body }),
      };
      try {
        return await undici.request(url.href, sent);
      } catch (error) {
        // a connection that the other end had closed just before we used it; nothing was answered on it
        if (!safe || codeOf(error) !== "UND_ERR_SOCKET" || life.signal.aborted) throw error;
        return undici.request(url.href, sent);
      }
    };

    let url = start;
    try {
      for (let hops = 0; ; hops++) {
        const answer = await send(url);
        const location = answer.headers["location"];
        if (!follows || !redirected.has(answer.statusCode) || typeof location !== "string")
          return replyOf(answer, url, request.limit ?? usualLimit, life);
        await answer.body.dump({ limit: 64 * 1024, signal: life.signal });
        if (hops >= redirects) throw badAnswer(url, "it redirects without end");
        if (!URL.canParse(location, url.href)) throw badAnswer(url, "it redirects to no address");
        const next = new URL(location, url);
        if (url.protocol === "https:" && next.protocol === "http:")
          throw refused(next, "a redirect may not leave https");
        check(next);
        url = next;
      }
    } catch (error) {
      life.end();
      throw life.explain(error, url);
    }
  }

  return {
    check: (url) => check(new URL(url)),
    fetch,
    async close() {
      const opened = await loading?.catch(() => undefined);
      await opened?.agent.destroy();
      await opened?.tunnels.close();
    },
  };
}

const closed = "it lies in a private network";

function replyOf(answer: Dispatcher.ResponseData, url: URL, limit: number, life: Lifetime): Reply {
  const { statusCode: status, headers, body } = answer;
  const header = (name: string): string | undefined => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return Array.isArray(value) ? value.join(", ") : value;
  };
  const cancel = (): void => {
    life.end();
    body.on("error", () => {}).destroy();
  };
  const content = async function* (): AsyncGenerator<Uint8Array, void, void> {
    let size = 0;
    try {
      for await (const chunk of decoded(body, header("content-encoding"))) {
        size += chunk.byteLength;
        if (size > limit) throw badAnswer(url, `it has more than ${limit} bytes`);
        yield chunk;
      }
    } catch (error) {
      throw life.explain(error, url);
    } finally {
      cancel();
    }
  };
  const reply: Reply = {
    status,
    url,
    header,
    cancel,
    body: content(),
    async bytes() {
      const chunks: Uint8Array[] = [];
      for await (const chunk of reply.body) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
  return reply;
}

interface Lifetime {
  readonly signal: AbortSignal;
  end(): void;
  /** What really ended it. */
  explain(error: unknown, url: URL): unknown;
}

/** One deadline over all parts of a request; the caller may end it earlier. */
function lifetime(whole: number, caller: AbortSignal | undefined): Lifetime {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), whole);
  const cancelled = () => controller.abort();
  if (caller?.aborted) cancelled();
  caller?.addEventListener("abort", cancelled, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      caller?.removeEventListener("abort", cancelled);
    },
    explain(error, url) {
      if (errorCode(error)) return error;
      if (caller?.aborted)
        return new CitadelError("E_CANCELLED", "the request was cancelled", { cause: error });
      if (controller.signal.aborted) return tooSlow(url, error);
      return failure(error, url);
    },
  };
}

/** An error of the network in words of ours. */
function failure(error: unknown, url: URL): CitadelError {
  const code = codeOf(error);
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return tooSlow(url, error);
  if (/^(HPE_|Z_|ERR__|UND_ERR_(HEADERS_OVERFLOW|RES_))/.test(code))
    return badAnswer(url, "what it sends is damaged", error);
  return new CitadelError("E_REMOTE_UNAVAILABLE", `${url.host} cannot be reached (${code})`, {
    cause: error,
  });
}

const codeOf = (error: unknown): string => {
  const { code, errors } = error as { code?: unknown; errors?: unknown[] };
  if (typeof code === "string") return code;
  return errors?.length ? codeOf(errors[0]) : "no reason known";
};

const tooSlow = (url: URL, cause: unknown): CitadelError =>
  new CitadelError("E_REMOTE_TIMEOUT", `${url.host} did not answer in time`, { cause });
const badAnswer = (url: URL, why: string, cause?: unknown): CitadelError =>
  new CitadelError("E_REMOTE_ANSWER", `the answer of ${url.host} is of no use: ${why}`, { cause });
const refused = (url: URL, why: string): CitadelError =>
  new CitadelError("E_REMOTE_ADDRESS", `${url.host || url.protocol} is not asked: ${why}`);

/** Matches URLs against origins and hosts. */
function placesOf(places: readonly string[]): (url: URL) => boolean {
  const known = new Set(
    places.map((place) => (place.includes("://") ? new URL(place).origin : place.toLowerCase())),
  );
  return (url) => known.has(url.origin) || known.has(hostOf(url));
}

/** Host without port, brackets and the dot of the root. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
