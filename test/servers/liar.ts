import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Lie = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A server that answers whatever a test wants, and remembers what it was asked. */
export interface Liar extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` without a slash */
  readonly url: string;
  readonly requests: readonly Pick<IncomingMessage, "method" | "url" | "headers">[];
  /** how often a path was asked for; without one, everything */
  count(path?: string): number;
  /** what a path answers from now on; `*` stands for all others. Without one it is 404 */
  on(path: string, lie: Lie): void;
  forget(): void;
}

export async function liar(host = "127.0.0.1"): Promise<Liar> {
  const lies = new Map<string, Lie>();
  const requests: Liar["requests"][number][] = [];
  const server: Server = createServer((request, response) => {
    const { method, url = "/", headers } = request;
    requests.push({ method, url, headers });
    response.on("error", () => {});
    const lie = lies.get(url) ?? lies.get("*");
    if (lie) void lie(request, response);
    else response.writeHead(404, { "content-type": "application/json" }).end('{"error":"no"}');
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    requests,
    count: (path) => requests.filter(({ url }) => path === undefined || url === path).length,
    on: (path, lie) => void lies.set(path, lie),
    forget: () => void requests.splice(0),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
