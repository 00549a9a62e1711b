import { networkInterfaces } from "node:os";
import { CitadelError } from "@citadel/core";
import { environment } from "@citadel/core/config";
import type { App } from "../app.ts";
import { listenOnBun, onBun } from "./bun.ts";
import type { RequestLog } from "./log.ts";
import { listenOnNode, type Listener } from "./node.ts";
import { holderOf } from "@citadel/core/port";

export interface ServerOptions {
  readonly app: Pick<App, "fetch" | "install" | "upgrade" | "clientOf">;
  /** addresses to listen on */
  readonly hosts: readonly string[];
  /** 0: a free one, the same on every address */
  readonly port: number;
  readonly log?: RequestLog | undefined;
}

export interface RunningServer {
  readonly port: number;
  /** that are open; undefined where the runtime does not tell */
  connections(): number | undefined;
  /** Stops taking connections; requests in flight have `grace` ms to finish. */
  stop(grace: number): Promise<void>;
}

/** tries to find a port that is free on all addresses */
const tries = 20;

/**
 * Listens on every address. The IPv6 loopback address may be missing on a machine; any other one may not.
 * @throws E_PORT_IN_USE naming the process that holds the port, where the system tells
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { hosts, port } = options;
  const fd = inherited();
  if (fd !== undefined) {
    const [host = "localhost"] = hosts;
    return running([await listenOnNode({ ...options, host, fd })]);
  }
  for (let n = 1; ; n++) {
    const listeners: Listener[] = [];
    try {
      for (const host of hosts) {
        const listener = await open(options, host, port || (listeners[0]?.port ?? 0));
        if (listener) listeners.push(listener);
      }
      return running(listeners);
    } catch (error) {
      for (const listener of listeners) listener.cut();
      await Promise.all(listeners.map((listener) => listener.close()));
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port === 0 && n < tries) continue;
      throw await explained(error, port);
    }
  }
}

/** The first socket that systemd has opened for this process; see sd_listen_fds(3). */
export function inherited(): number | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = environment();
  return pid === String(process.pid) && Number(count) > 0 && !onBun() ? 3 : undefined;
}

async function open(
  { app, log, hosts }: ServerOptions,
  host: string,
  port: number,
): Promise<Listener | undefined> {
  try {
    return await (onBun() ? listenOnBun : listenOnNode)({ app, host, port, log });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const missing = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(code);
    if (missing && host === "::1" && hosts.length > 1) return undefined;
    throw error;
  }
}

function running(listeners: readonly Listener[]): RunningServer {
  return {
    port: listeners[0]?.port ?? 0,
    connections: () =>
      listeners.reduce<number | undefined>((sum, { connections }) => {
        const open = connections?.();
        return sum === undefined || open === undefined ? undefined : sum + open;
      }, 0),
    async stop(grace) {
      const late = setTimeout(() => listeners.forEach((listener) => listener.cut()), grace);
      await Promise.all(listeners.map((listener) => listener.close()));
      clearTimeout(late);
    },
  };
}

async function explained(error: unknown, port: number): Promise<unknown> {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES")
    return new CitadelError("E_CONFIG", `this user may not listen on port ${port}`, {
      cause: error,
      hint: ["choose a port above 1023: citadel serve --port 4873"],
    });
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return new CitadelError(
      "E_CONFIG",
      "server.host names an address that this machine does not have",
      { cause: error },
    );
  if (code !== "EADDRINUSE") return error;
  const holder = await holderOf(port);
  return new CitadelError(
    "E_PORT_IN_USE",
    `port ${port} is in use${holder ? ` by ${holder.name} (process ${holder.pid})` : ""}`,
    {
      cause: error,
      hint: [
        ...(holder ? [`stop it: kill ${holder.pid}`] : []),
        `choose another port: citadel serve --port ${port + 1}`,
        "or any free one: citadel serve --port 0",
      ],
    },
  );
}

/** Addresses under which a server on `hosts` can be reached: those of every interface where it listens on all of them. */
export function addressesOf(hosts: readonly string[]): readonly string[] {
  if (!hosts.some((host) => host === "0.0.0.0" || host === "::")) return hosts;
  return Object.values(networkInterfaces()).flatMap((entries) =>
    (entries ?? []).map(({ address }) => address),
  );
}
