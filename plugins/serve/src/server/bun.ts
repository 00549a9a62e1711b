import { createResponder, type Answer, type Asked } from "../http/exchange.ts";
import type { Listener, ListenOptions } from "./node.ts";

/** The part of Bun's API that is used here. */
interface Bun {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly reusePort: boolean;
    readonly idleTimeout: number;
    readonly maxRequestBodySize: number;
    readonly development: false;
    readonly websocket: object;
    fetch(
      request: Request,
      server: BunServer,
    ): Promise<Response | undefined> | Response | undefined;
  }): BunServer;
}
interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
  stop(cut?: boolean): Promise<void>;
}

/** Whether this process is run by Bun. */
export function onBun(): boolean {
  return "Bun" in globalThis;
}

/** Listens with `Bun.serve`, which is faster on Bun than its `node:http`. */
export async function listenOnBun({ app, host, port, log }: ListenOptions): Promise<Listener> {
  const { Bun } = globalThis as unknown as { Bun: Bun };
  const respond = createResponder();
  const [{ default: createAdapter }, { accepting, hooks, longestMessage }] = await Promise.all([
    import("crossws/adapters/bun"),
    import("./sockets.ts"),
  ]);
  const adapter = createAdapter({ hooks, idleTimeout: 0, getNamespace: () => "live" });
  const upgrade = async (request: Request, self: BunServer): Promise<Response | undefined> => {
    const asked = new AskedBun(request, self);
    let status = 101;
    const done = log?.(asked.method, asked.path, () => app.clientOf(asked), () => status, () => undefined); // prettier-ignore
    const decided = await app.upgrade(asked);
    if ("status" in decided) ({ status } = decided);
    done?.();
    if ("status" in decided) return respond(decided);
    // its own type of a server, which that of Bun is
    const owner = self as unknown as Parameters<typeof adapter.handleUpgrade>[1];
    return adapter.handleUpgrade(accepting(request, decided), owner);
  };
  const server = Bun.serve({
    hostname: host,
    port,
    reusePort: false,
    idleTimeout: 120,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER, // each route has its own limit
    development: false,
    websocket: {
      ...adapter.websocket,
      maxPayloadLength: longestMessage,
      perMessageDeflate: false,
      sendPings: false,
      closeOnBackpressureLimit: false,
    },
    fetch: (request, self) =>
      isUpgrade(request) ? upgrade(request, self) : answer(app, respond, request, self, log),
  });
  let cut = (): void => {};
  return {
    port: server.port,
    close: () => Promise.race([server.stop(), new Promise<void>((resolve) => (cut = resolve))]),
    cut: () => void server.stop(true).then(cut, cut),
  };
}

const isUpgrade = ({ headers }: Request): boolean =>
  headers.get("upgrade")?.toLowerCase() === "websocket";

function answer(
  app: ListenOptions["app"],
  respond: (answer: Answer) => Response,
  request: Request,
  server: BunServer,
  log: ListenOptions["log"],
): Promise<Response> | Response {
  const asked = new AskedBun(request, server);
  if (log) return logged(app, request, asked, log);
  const quick = app.install(asked);
  if (quick === undefined) return app.fetch(request, { address: asked.peer });
  return quick instanceof Promise ? quick.then(respond) : respond(quick);
}

async function logged(
  app: ListenOptions["app"],
  request: Request,
  asked: Asked,
  log: NonNullable<ListenOptions["log"]>,
): Promise<Response> {
  let status = 0;
  let trace: string | undefined;
  const { method, path, peer } = asked;
  const done = log(method, path, () => app.clientOf(asked), () => status, () => trace); // prettier-ignore
  const traced = (id: string): void => void (trace = id);
  const response = await app.fetch(request, { address: peer, traced });
  ({ status } = response);
  done();
  return response;
}

/** {@link Asked} over Bun's request; the address costs a call, so it is asked for only when somebody looks. */
class AskedBun implements Asked {
  readonly method: string;
  readonly path: string;
  readonly #request: Request;
  readonly #server: BunServer;

  constructor(request: Request, server: BunServer) {
    const { url } = request;
    this.method = request.method;
    this.path = url.slice(url.indexOf("/", url.indexOf("//") + 2));
    this.#request = request;
    this.#server = server;
  }
  get peer(): string | undefined {
    return this.#server.requestIP(this.#request)?.address;
  }
  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }
}
