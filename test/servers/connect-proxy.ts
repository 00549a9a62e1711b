import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** A proxy that carries connections: whatever it is asked for, it leads to a server of this machine. */
export interface ConnectProxy extends AsyncDisposable {
  readonly url: string;
  /** what it was asked to connect to, and as whom */
  readonly asked: readonly { readonly target: string; readonly as: string | undefined }[];
}

/** @param leadsTo ports by what is asked for; undefined is refused with 403 */
export async function connectProxy(
  leadsTo: (target: string) => number | undefined,
): Promise<ConnectProxy> {
  const asked: ConnectProxy["asked"][number][] = [];
  const open = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(501).end());
  server.on("connect", ({ url: target = "", headers }, socket: Socket) => {
    asked.push({ target, as: headers["proxy-authorization"] });
    open.add(socket.on("error", () => {}));
    const port = leadsTo(target);
    if (port === undefined) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const there = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      there.pipe(socket).pipe(there);
    });
    open.add(there.on("error", () => socket.destroy()));
    socket.on("close", () => there.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
