import { join } from "node:path";

import { serve, type Server } from "../support/citadel.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

/** Several `citadel serve` over one store, each with a home of its own as on a machine of its own. */
export interface Cluster extends AsyncDisposable {
  /** addresses of those that are up now */
  urls(): readonly string[];
  /** SIGKILL for one of them, unless it is the only one that is up; another in its place as soon as it has started */
  killOne(): Promise<void>;
  /** all are up again */
  settled(): Promise<void>;
  /** how often that was done */
  kills(): number;
  /** a folder for whatever else is needed */
  readonly folder: string;
  /** variables that name the store */
  readonly env: NodeJS.ProcessEnv;
  readonly token: string;
  /** all that the servers wrote to stderr */
  log(): string;
}

/** @param stores the variables that name the store, of paths below `folder` */
export async function startCluster(
  count: number,
  stores: (folder: string) => NodeJS.ProcessEnv,
): Promise<Cluster> {
  const temp = await tempFolder("cluster");
  const env = { ...stores(temp.path), CITADEL_SERVER_KEY: Buffer.alloc(32, 5).toString("base64") };
  const logs: (() => string)[] = [];
  const start = async (n: number): Promise<Server> => {
    const server = await serve({ home: join(temp.path, `home-${n}`), env });
    logs.push(server.log);
    return server;
  };
  const servers: (Server | undefined)[] = await Promise.all(
    Array.from({ length: count }, (_, n) => start(n)),
  );
  let kills = 0;
  const starting = new Set<Promise<void>>();
  /** as a supervisor does: one that cannot reach its store just then ends */
  const again = async (n: number): Promise<void> => {
    for (let tries = 0; !servers[n]; tries++)
      servers[n] = await start(n).catch((error: unknown) => {
        if (tries === 10) throw error;
        return undefined;
      });
  };
  const urls = () => servers.flatMap((server) => server?.url ?? []);
  return {
    urls,
    env,
    folder: temp.path,
    token: await signIn(urls()[0] ?? "", "ann"),
    kills: () => kills,
    log: () => logs.map((log) => log()).join(""),
    async killOne() {
      const up = servers.flatMap((server, n) => (server ? [n] : []));
      if (up.length < 2) return;
      const n = up[kills++ % up.length] as number;
      const victim = servers[n];
      servers[n] = undefined;
      await victim?.kill();
      const back = again(n).finally(() => starting.delete(back));
      starting.add(back);
    },
    async settled() {
      await Promise.all(starting);
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(starting);
      await Promise.all(servers.map(async (server) => server?.stop()));
      await temp.remove();
    },
  };
}
