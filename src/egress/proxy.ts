import { isIPv6, type Socket } from "node:net";
import type { buildConnector, Pool } from "undici";
import type { Environment } from "../config/environment.ts";
import { isLoopback } from "../config/hosts.ts";
import { CitadelError } from "../errors.ts";

type Undici = Pick<typeof import("undici"), "Pool">;

/** A proxy that carries connections. */
export interface Proxy {
  readonly origin: string;
  /** what it is told of who we are */
  readonly authorization: string | undefined;
}

/**
 * Says which proxy the environment wants for an address, as other programs understand it: `HTTPS_PROXY` and `HTTP_PROXY` by the
 * scheme of the address, nothing for what `NO_PROXY` names and for this machine. Small letters go before capitals.
 * @throws E_CONFIG for what is no address of a proxy
 */
export function proxiesOf(env: Environment): (url: URL) => Proxy | undefined {
  const variable = (name: string): string | undefined => env[name.toLowerCase()] || env[name];
  const known = new Map<string, Proxy>();
  for (const name of ["HTTP", "HTTPS"]) {
    const text = variable(`${name}_PROXY`);
    if (text !== undefined) known.set(`${name.toLowerCase()}:`, proxyIn(text, `${name}_PROXY`));
  }
  const spared = (variable("NO_PROXY") ?? "")
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  return ({ protocol, hostname, port }) => {
    const proxy = known.get(protocol);
    if (!proxy || isLoopback(hostname)) return undefined;
    const host = hostname.replace(/\.$/, "");
    const to = port || (protocol === "https:" ? "443" : "80");
    return spared.some((entry) => names(entry, host, to)) ? undefined : proxy;
  };
}

/** `*`, `corp.example` and `.corp.example` for that name and all below, each with a port or without. */
function names(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const { name = entry, wanted } =
    /^(?<name>\[.*\]|[^:]*)(?::(?<wanted>\d+))?$/.exec(entry)?.groups ?? {};
  if (wanted !== undefined && wanted !== port) return false;
  const plain = name.replace(/^\*?\./, "");
  return plain !== "" && (host === plain || host === `[${plain}]` || host.endsWith(`.${plain}`));
}

function proxyIn(text: string, name: string): Proxy {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  // what stands there may hold a password
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "")
    throw new CitadelError("E_CONFIG", `${name} is no http or https address of a proxy`);
  const { origin, username, password } = url;
  const user = decoded(`${username}:${password}`);
  const authorization =
    username === "" ? undefined : `Basic ${Buffer.from(user).toString("base64")}`;
  return { origin, authorization };
}

/** A percent sign may stand for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export interface Tunnels {
  /** Opens a connection through a proxy to a name or an address, and leaves it to `done`. */
  open(
    proxy: Proxy,
    address: string,
    to: buildConnector.Options,
    done: buildConnector.Callback,
  ): void;
  close(): Promise<void>;
}

/** @param connect opens connections to proxies, and speaks TLS through them where the other end wants it */
export function createTunnels(
  { Pool: PoolOf }: Undici,
  connect: buildConnector.connector,
  { connections, timeout }: { readonly connections: number; readonly timeout: number },
): Tunnels {
  const pools = new Map<string, Pool>();

  const tunnel = async (proxy: Proxy, target: string, host: string): Promise<Socket> => {
    const { origin, authorization } = proxy;
    let pool = pools.get(origin);
    if (!pool) {
      pool = new PoolOf(origin, { connect, connections, headersTimeout: timeout });
      pools.set(origin, pool);
    }
    const headers = {
      host: target,
      ...(authorization && { "proxy-authorization": authorization }),
    };
    const failed = (why: string, cause?: unknown) =>
      new CitadelError("E_REMOTE_UNAVAILABLE", `${host} cannot be reached: the proxy ${new URL(origin).host} ${why}`, { cause }); // prettier-ignore
    const { statusCode, socket } = await pool
      .connect({ path: target, headers })
      .catch((error: unknown) => {
        throw failed("does not answer", error);
      });
    if (statusCode === 200) return socket as Socket;
    socket.on("error", () => {}).destroy();
    throw failed(`refuses it with status ${statusCode}`);
  };

  return {
    open(proxy, address, to, done) {
      const { hostname, protocol, port } = to;
      const target = `${isIPv6(address) ? `[${address}]` : address}:${port || (protocol === "https:" ? 443 : 80)}`;
      tunnel(proxy, target, hostname).then(
        (socket) => {
          if (protocol === "https:") connect({ ...to, httpSocket: socket }, done);
          else done(null, socket);
        },
        (error: Error) => done(error, null),
      );
    },
    async close() {
      await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()));
    },
  };
}
