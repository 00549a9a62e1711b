import {
  createServer,
  STATUS_CODES,
  ServerResponse,
  type IncomingMessage,
  type Server,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { NodeAdapter } from "crossws/adapters/node";
import type { ServerRequest } from "srvx";
import { toNodeHandler } from "srvx/node";
import type { App } from "../app.ts";
import type { Answer, Asked } from "../http/exchange.ts";
import type { RequestLog } from "./log.ts";

/** What a server is made of, whatever the runtime. */
export interface Listener {
  readonly port: number;
  /** that are open, where the runtime tells */
  connections?(): number;
  /** No new connections; requests in flight finish. Resolves when the last connection is closed. */
  close(): Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

export interface ListenOptions {
  readonly app: Pick<App, "fetch" | "install" | "upgrade" | "clientOf">;
  readonly host: string;
  /** 0: a free one */
  readonly port: number;
  /** a socket that is open already */
  readonly fd?: number | undefined;
  readonly log?: RequestLog | undefined;
}

const seconds = 1000;

/** Listens with `node:http`. The install path is answered without Request and Response objects, the rest through srvx. */
export async function listenOnNode({ app, host, port, fd, log }: ListenOptions): Promise<Listener> {
  const traces = log && new WeakMap<object, string>();
  const handler = toNodeHandler(async (request) => {
    const { req } = (request as ServerRequest).runtime?.node ?? {};
    const peer = {
      address: req?.socket?.remoteAddress,
      path: req?.url,
      version: req?.httpVersion,
      traced: (id: string) => req && traces?.set(req, id),
    };
    return withPhrase(await app.fetch(request, peer));
  });
  // its type wants a request of HTTP/2 as well
  const rest = handler as (request: IncomingMessage, response: ServerResponse) => unknown;
  let closing = false;

  const server = createServer(limits, (request, response) => {
    if (closing) response.shouldKeepAlive = false;
    const asked = new NodeAsked(request, traces);
    if (log)
      response.once(
        "close",
        log(
          asked.method,
          asked.path,
          () => app.clientOf(asked),
          () => response.statusCode,
          () => traces?.get(request),
        ),
      );
    const answer = app.install(asked);
    if (answer === undefined) void rest(request, response);
    else if (answer instanceof Promise)
      answer.then((done) => send(response, done)).catch(() => response.destroy());
    else send(response, answer);
  });
  const upgrade = createUpgrade(app, log);
  server.on("upgrade", (request, socket, head) => {
    if (isWebSocket(request))
      upgrade.take(request, socket, head).catch(() => void socket.destroy());
    // a Node that does not know how to leave the offer alone
    else server.emit("request", request, answering(request, socket));
  });
  server.maxConnections = 10_000;
  server.maxRequestsPerSocket = 100_000;
  // a connection on which nothing moves
  server.timeout = 120 * seconds;
  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    socket.once("close", () => connections--);
  });
  await listen(server, fd === undefined ? { host, port } : { fd });
  const address = server.address();

  return {
    port: typeof address === "object" && address ? address.port : port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        server.close(() => {
          clearInterval(idle);
          resolve();
        });
        const idle = setInterval(() => server.closeIdleConnections(), 50);
      }),
    cut() {
      server.closeAllConnections();
      upgrade.cut();
    },
  };
}

/** A Response says no words for its status unless it is given some, and npm shows them. */
const withPhrase = (response: Response): Response =>
  Object.defineProperty(response, "statusText", { value: STATUS_CODES[response.status] ?? "" });

/** Upgrades to WebSockets; what speaks them is loaded by the first one. */
function createUpgrade(app: ListenOptions["app"], log: RequestLog | undefined) {
  let adapter: Promise<NodeAdapter> | undefined;
  const load = async (): Promise<NodeAdapter> => {
    const [{ default: createAdapter }, { hooks, longestMessage }] = await Promise.all([
      import("crossws/adapters/node"),
      import("./sockets.ts"),
    ]);
    return createAdapter({
      hooks,
      idleTimeout: 0, // the protocol has a heartbeat of its own
      getNamespace: () => "live",
      serverOptions: { maxPayload: longestMessage, perMessageDeflate: false },
    });
  };
  return {
    async take(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
      const gone = (): void => void socket.destroy();
      socket.once("error", gone);
      const asked = new NodeAsked(request);
      let status = 101;
      const done = log?.(
        asked.method,
        asked.path,
        () => app.clientOf(asked),
        () => status,
        untraced,
      );
      const decided = await app.upgrade(asked);
      if ("status" in decided) ({ status } = decided);
      done?.();
      if ("status" in decided) return send(answering(request, socket), decided);
      const { accepting } = await import("./sockets.ts");
      const upgraded = accepting(new Request("http://live.invalid/"), decided);
      await (await (adapter ??= load())).handleUpgrade(request, socket, head, upgraded);
      socket.off("error", gone);
    },
    cut: () => void adapter?.then(({ closeAll }) => closeAll(undefined, undefined, true)),
  };
}

/** The answer to a request whose connection is not the server's any more, and ends with it. */
function answering(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  return response.once("finish", () => socket.end());
}

/** Connections that stay open are not recorded. */
const untraced = (): undefined => undefined;

const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === "websocket";

const limits = {
  // other upgrades, such as Java's to HTTP/2, are offers that a server need not take
  shouldUpgradeCallback: isWebSocket,
  headersTimeout: 30 * seconds,
  // a large upload over a slow line; one that stalls is cut much earlier
  requestTimeout: 3600 * seconds,
  keepAliveTimeout: 75 * seconds,
  connectionsCheckingInterval: 10 * seconds,
  requireHostHeader: false,
};

function listen(
  server: Server,
  where: { readonly host: string; readonly port: number } | { readonly fd: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** {@link Asked} over Node's request: the few headers that are looked at are found in the raw list. */
class NodeAsked implements Asked {
  readonly method: string;
  readonly path: string;
  readonly #request: IncomingMessage;
  readonly #traces: WeakMap<object, string> | undefined;

  /** @param traces where the id of its trace is put for the log */
  constructor(request: IncomingMessage, traces?: WeakMap<object, string>) {
    this.method = request.method ?? "";
    this.path = request.url ?? "";
    this.#request = request;
    this.#traces = traces;
  }
  get version(): string {
    return this.#request.httpVersion;
  }
  traced(id: string): void {
    this.#traces?.set(this.#request, id);
  }
  get peer(): string | undefined {
    return this.#request.socket.remoteAddress;
  }
  header(name: string): string | undefined {
    const { rawHeaders } = this.#request;
    let found: string | undefined;
    for (let n = 0; n < rawHeaders.length; n += 2) {
      const key = rawHeaders[n] as string;
      if (key.length !== name.length || (key !== name && key.toLowerCase() !== name)) continue;
      const value = rawHeaders[n + 1] as string;
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers as string[]);
  if (body === null) response.end();
  else if (body instanceof Uint8Array) response.end(body);
  else void pump(response, body);
}

/** Sends a stream. When it fails the connection is cut, so that nobody takes what has arrived for the whole. */
async function pump(response: ServerResponse, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  let wake = (): void => {};
  const left = (): void => {
    wake();
    reader.cancel().catch(() => {}); // the client went away; nobody is left to be told
  };
  response.once("close", left).on("drain", () => wake());
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!response.write(value) && !response.destroyed)
        await new Promise<void>((resolve) => (wake = resolve));
      if (response.destroyed) return;
    }
    response.off("close", left);
    response.end();
  } catch {
    response.destroy();
  }
}
