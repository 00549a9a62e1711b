import {
  decodeServer,
  decodeServerText,
  encodeClient,
  encodeText,
  type ClientMessage,
  type ServerMessage,
} from "@citadel/core/frames";
import { startServer } from "@citadel/plugin-serve";

import { place, type Place } from "../serve/place.ts";

/** A registry that listens, over a store of its own. */
export interface LivePlace extends Place {
  /** without a slash at the end */
  readonly url: string;
  /** token of the administrator `root` */
  readonly root: string;
  /** Makes an account. @returns a token of it */
  account(name: string, admin?: boolean): Promise<string>;
}

export const operator = { name: "local", via: "cli" } as const;
export const password = "correct horse 1";

export async function livePlace(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<LivePlace> {
  const here = await place(settings);
  const server = await startServer({ app: here.app, hosts: ["127.0.0.1"], port: 0 });
  const stopCollecting = await here.app.monitor.start(() => server.connections());
  const { accounts } = here.citadel;
  const account = async (name: string, admin = false): Promise<string> => {
    await accounts.create({ name, password, admin }, operator);
    return (await accounts.session(name, operator)).token;
  };
  return {
    ...here,
    url: `http://127.0.0.1:${server.port}`,
    root: await account("root", true),
    account,
    async [Symbol.asyncDispose]() {
      await Promise.all([here.app.closeSockets(), server.stop(1000)]);
      stopCollecting();
      await here[Symbol.asyncDispose]();
    },
  };
}

export interface DialOptions {
  readonly token?: string;
  readonly protocols?: readonly string[];
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client that says and hears single messages. */
export interface Dialled {
  readonly socket: WebSocket;
  /** all that was heard so far */
  readonly heard: ServerMessage[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  send(message: ClientMessage): void;
  /** The first message from now on, or not yet taken, that fits; the ones before it are passed over. */
  next(fits: (message: ServerMessage) => boolean): Promise<ServerMessage>;
  /** the answer to a message, also where it was passed over */
  answer(seq: number): Promise<ServerMessage>;
  close(): Promise<void>;
}

export const binary = ["citadel.bin.v1"];
export const text = ["citadel.json.v1"];

/** Opens a socket and waits until it is open. @throws when the server refuses */
export async function dial(url: string, options: DialOptions = {}): Promise<Dialled> {
  const { token, protocols = text, path = "/_dashboard/ws", headers = {} } = options;
  const init = {
    protocols: [...protocols],
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
  };
  // Node takes headers as well
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, init as unknown as string[]);
  socket.binaryType = "arraybuffer";
  const heard: ServerMessage[] = [];
  let taken = 0;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
    waiting.clear();
  };
  const more = (): Promise<void> => {
    if (socket.readyState > 1) throw new Error("closed before it was heard");
    return new Promise((resolve) => void waiting.add(resolve));
  };
  socket.addEventListener("message", ({ data }) => {
    const all =
      typeof data === "string" ? [decodeServerText(data)] : decodeServer(new Uint8Array(data));
    for (const each of all) {
      if ("problem" in each) throw new Error(JSON.stringify(each));
      heard.push(each.message);
    }
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      wake();
    }),
  );
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  const next: Dialled["next"] = async (fits) => {
    for (;;) {
      while (taken < heard.length) {
        const message = heard[taken++];
        if (message && fits(message)) return message;
      }
      await more();
    }
  };
  return {
    ...{ socket, heard, closed, next },
    async answer(seq) {
      for (;;) {
        const found = heard.find((message) => message.reply && message.seq === seq);
        if (found) return found;
        await more();
      }
    },
    send: (message) =>
      socket.send(
        socket.protocol === binary[0]
          ? (encodeClient(message) as Uint8Array<ArrayBuffer>)
          : encodeText(message),
      ),
    async close() {
      socket.close();
      await closed;
    },
  };
}
