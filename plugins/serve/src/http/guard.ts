import { isIP } from "node:net";
import { addressBlocks, CitadelError, isLoopback } from "@citadel/core";
import type { Asked } from "./exchange.ts";

export interface GuardOptions {
  /** with a trailing slash; undefined: taken from each request */
  readonly publicUrl: string | undefined;
  /** host names and addresses that requests may name, besides loopback */
  readonly hosts: readonly string[];
  /** CIDR blocks or addresses of trusted proxies */
  readonly trustProxy: readonly string[];
}

/** The registry under the name that a request used for it. */
export interface Site {
  /** public URL with a trailing slash */
  readonly base: string;
  /** scheme, host and port: what a browser sends as `origin` from our own pages */
  readonly origins: readonly string[];
  readonly secure: boolean;
}

export interface Guard {
  /** @throws E_WRONG_HOST for a name that is not ours: this stops DNS rebinding */
  site(asked: Asked): Site;
  /** @throws E_CROSS_ORIGIN for a request that a page of another site makes a browser send */
  sameOrigin(asked: Asked, site: Site): void;
  /**
   * The same, where a cookie is all that a request shows: a browser then says where it comes from, so that silence is no answer.
   * @throws E_CROSS_ORIGIN
   */
  saysOrigin(asked: Asked): void;
  /** whether whoever asks came over TLS, as far as trusted proxies and the public URL tell */
  overTls(asked: Asked): boolean;
  /** address of the client, after trusted proxies */
  client(asked: Asked): string | undefined;
  /** whether a proxy, trusted or not, says that it forwards the request */
  forwarded(asked: Asked): boolean;
}

const remembered = 256;

/** Decides which requests may come in at all: threat model of `docs/serve.md`. */
export function createGuard({ publicUrl, hosts, trustProxy }: GuardOptions): Guard {
  const configured = publicUrl === undefined ? undefined : new URL(publicUrl);
  const names = new Set(hosts.map(nameOf));
  if (configured) names.add(nameOf(configured.hostname));
  const sites = new Map<string, Site>();
  const proxies = trustProxy.length > 0 ? addressBlocks(trustProxy) : undefined;
  const trusted = (address: string | undefined): boolean =>
    proxies !== undefined && address !== undefined && proxies(address);

  const open = (authority: string, secure: boolean): Site => {
    const origin = originOf(authority, secure);
    if (
      origin === undefined ||
      !(isLoopback(origin.hostname) || names.has(nameOf(origin.hostname)))
    )
      throw new CitadelError(
        "E_WRONG_HOST",
        `this registry does not go by the name ${JSON.stringify(authority.slice(0, 120))}`,
      );
    return {
      base: publicUrl ?? `${origin.origin}/`,
      origins: configured ? [configured.origin, origin.origin] : [origin.origin],
      secure: secure || configured?.protocol === "https:",
    };
  };

  const site = (asked: Asked): Site => {
    let authority = asked.header("host") ?? "";
    let secure = false;
    if (trusted(asked.peer)) {
      authority = lastOf(asked.header("x-forwarded-host")) ?? authority;
      secure = lastOf(asked.header("x-forwarded-proto")) === "https";
    }
    const key = secure ? `s${authority}` : authority;
    const known = sites.get(key);
    if (known) return known;
    const found = open(authority, secure);
    if (sites.size >= remembered) sites.clear();
    sites.set(key, found);
    return found;
  };

  const forwarded = (asked: Asked): boolean =>
    asked.header("x-forwarded-for") !== undefined || asked.header("forwarded") !== undefined;

  return {
    site,
    overTls(asked) {
      const { secure, origins } = site(asked);
      const { protocol, hostname } = new URL(origins.at(-1) ?? "http://localhost");
      // a public URL with https says nothing of somebody on this machine who does not come through its proxy
      return secure && (protocol === "https:" || forwarded(asked) || !isLoopback(nameOf(hostname)));
    },
    sameOrigin(asked, { origins }) {
      const origin = asked.header("origin");
      const from = asked.header("sec-fetch-site");
      if (
        (origin !== undefined && !origins.includes(origin)) ||
        (from !== undefined && from !== "same-origin" && from !== "none")
      )
        throw new CitadelError(
          "E_CROSS_ORIGIN",
          "a page of another site may not change anything here",
        );
    },
    saysOrigin(asked) {
      const shows = (name: string): boolean => asked.header(name) !== undefined;
      if (shows("cookie") && !["authorization", "origin", "sec-fetch-site"].some(shows))
        throw new CitadelError("E_CROSS_ORIGIN", "whoever shows a cookie says where it comes from");
    },
    client(asked) {
      let { peer } = asked;
      const chain = trusted(peer) ? (asked.header("x-forwarded-for") ?? "").split(",") : [];
      while (trusted(peer)) {
        const before = chain.pop()?.trim();
        if (before === undefined || isIP(before) === 0) break;
        peer = before;
      }
      return peer;
    },
    forwarded,
  };
}

/** Scheme, host and port of a Host field; undefined when it is not one. */
function originOf(authority: string, secure: boolean): URL | undefined {
  if (!/^(?:[\w.~-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(authority)) return undefined;
  const url = `${secure ? "https" : "http"}://${authority}/`;
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** `registry.example` of `Registry.Example.` and `::1` of `[::1]`. */
function nameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}

/** What the nearest proxy added. */
function lastOf(field: string | undefined): string | undefined {
  return field?.slice(field.lastIndexOf(",") + 1).trim();
}
