import { CitadelError, type Citadel } from "@citadel/core";
import { isLoopback, type Settings } from "@citadel/core/config";
import { startDeliveries } from "@citadel/core/deliveries";
import { createApp } from "../app.ts";
import { addressesOf, inherited, startServer } from "./listen.ts";
import { createRequestLog } from "./log.ts";
import { followSwitches } from "./switches.ts";
import { alone, amongWorkers, type Together } from "./together.ts";

export interface ServeOptions {
  readonly settings: Settings["server"];
  readonly citadel: () => Promise<Citadel>;
  /** one line per request to stderr */
  readonly log: boolean;
}

/** A registry that is up. */
export interface Serving {
  /** where this machine reaches it, with a trailing slash */
  readonly url: string;
  /** what clients are to be given: the public URL where there is one */
  readonly registry: string;
  /** false in a copy, whose parent speaks for it */
  readonly primary: boolean;
  /** Rejects when nobody is left who would answer. */
  readonly lost: Promise<never>;
  /** Requests in flight have `grace` ms to finish. */
  stop(grace: number): Promise<void>;
}

/**
 * Starts the registry in this process, or in `workers` copies of it.
 * @throws E_PORT_IN_USE, E_CONFIG, and what opening the store throws
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { settings } = options;
  if (settings.workers <= 1) return serving(settings, await serveHere(options, alone()), true);
  if (inherited() !== undefined)
    throw new CitadelError(
      "E_CONFIG",
      `a socket that systemd has opened is for one process, not for ${settings.workers} workers`,
      { hint: ["serve without --workers, or without the socket unit"] },
    );
  const workers = await import("./workers.ts");
  if (!workers.isWorker())
    return serving(
      settings,
      await workers.startWorkers({ ...settings, count: settings.workers }),
      true,
    );
  const server = await serveHere(options, amongWorkers());
  workers.reportListening(server.port);
  const stop = async (grace: number): Promise<void> => {
    await server.stop(grace);
    workers.leave();
  };
  return serving(settings, { port: server.port, stop }, false);
}

interface Server {
  readonly port: number;
  readonly lost?: Promise<never>;
  stop(grace: number): Promise<void>;
}

async function serveHere(
  { settings, citadel, log }: ServeOptions,
  processes: Together,
): Promise<Server> {
  const { host, port } = settings;
  const opened = await citadel();
  if (settings.workers > 1) shareable(opened, settings.workers);
  if (opened.staleness > 0) opened.follow();
  const app = createApp({
    citadel: opened,
    limits: await opened.limits(),
    hosts: addressesOf(host),
    processes,
  });
  const switches = await followSwitches(opened, log);
  const requestLog = await createRequestLog(switches.logs);
  const { endpoint } = opened.settings.telemetry;
  const report =
    endpoint === undefined
      ? undefined
      : await (
          await import("../monitor/telemetry.ts")
        ).openTelemetry(opened, endpoint, app.trace, app.monitor);
  const { startRotation } = await import("../broker/rotation.ts");
  // the last that may fail, but for a monitor that follows what is open already
  const server = await startServer({ app, hosts: host, port, log: requestLog });
  // a command line that makes it would not know the port of this server
  if (port !== 0) await switches.make();
  const unmonitor = await app.monitor.start(() => server.connections());
  const unreport = report?.();
  const deliveries = startDeliveries(opened);
  const unrotate = startRotation(opened, app.vault);
  return {
    port: server.port,
    async stop(grace) {
      await Promise.all([server.stop(grace), deliveries.stop(), unrotate(), app.closeSockets()]);
      await unreport?.();
      unmonitor();
      switches.stop();
    },
  };
}

/** Every worker opens the stores for itself. @throws E_CONFIG for one that works in a single process only */
function shareable({ backends }: Citadel, workers: number): void {
  for (const { role, url, driver } of backends)
    if (driver.caps.shared === "process" || (role === "documents" && driver.caps.cas !== "full"))
      throw new CitadelError(
        "E_CONFIG",
        `${url} can be used by one process at a time, not by ${workers} workers`,
        {
          hint: [
            "serve without --workers",
            "or choose a store that processes share: sqlite, file, redis, postgres",
          ],
        },
      );
}

function serving(
  { host, publicUrl }: Settings["server"],
  { port, lost = new Promise(() => {}), stop }: Server,
  primary: boolean,
): Serving {
  const url = `http://${nameFor(host)}:${port}/`;
  return { url, registry: publicUrl ?? url, primary, lost, stop };
}

/** What to call a server that listens on these addresses. */
function nameFor(hosts: readonly string[]): string {
  const [only = "localhost"] = hosts;
  if (hosts.length > 1 ? hosts.every(isLoopback) : only === "0.0.0.0" || only === "::")
    return "localhost";
  return only.includes(":") ? `[${only}]` : only;
}
