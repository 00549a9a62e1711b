import { readFile } from "node:fs/promises";

import { citadel, serve } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { binary, dial, text, type Dialled } from "./dial.ts";

export interface SoakOptions {
  readonly sockets: number;
  readonly seconds: number;
  /** seconds until the server has what it needs */
  readonly warm: number;
}

export interface Soaked {
  readonly sockets: number;
  /** changes that a socket did not hear, all in all */
  readonly missed: number;
  /** sockets that ended before their time */
  readonly closed: number;
  /** messages that were heard */
  readonly heard: number;
  /** bytes of memory that the server took each second, once it was warm */
  readonly memory: readonly number[];
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A server with many sockets that all listen to everything, while a byte changes once a second. */
export async function soak({ sockets: count, seconds, warm }: SoakOptions): Promise<Soaked> {
  const temp = await tempFolder("soak");
  const { stdout } = await citadel(temp.path, ["token:create", "--admin", "--json"]);
  const { token } = JSON.parse(stdout) as { token: string };
  const server = await serve({
    home: temp.path,
    env: {
      CITADEL_LIVE_CONNECTIONS: String(count + 1),
      CITADEL_LIVE_CONNECTIONS_PER_SESSION: String(count + 1),
      CITADEL_FEATURE_BINARY_PROTOCOL: "1",
      NODE_OPTIONS: `--import=${new URL("fixtures/collect.js", import.meta.url).href}`,
    },
  });
  try {
    const sockets: Dialled[] = [];
    while (sockets.length < count)
      sockets.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(50, count - sockets.length) }, (_, n) =>
            dial(server.url, { token, protocols: n % 2 === 0 ? binary : text }),
          ),
        )),
      );
    let closed = 0;
    for (const socket of sockets) {
      void socket.closed.then(() => closed++);
      socket.send({ type: "subscribe", seq: 1, topics: ["config", "metrics", "history"] });
    }
    const [writer] = sockets;
    const memory: number[] = [];
    let heard = 0;
    let missed = 0;
    for (let second = 1; second <= warm + seconds; second++) {
      const value = 100 + (second % 100);
      writer?.send({ type: "config_byte", seq: second + 1, force: true, offset: 10, expect: 0, value }); // prettier-ignore
      for (const socket of sockets)
        socket.send({ type: "heartbeat", seq: second + 1000, time: Date.now(), generation: 0 });
      await sleep(1000);
      for (const socket of sockets) {
        const news = socket.heard.splice(0);
        heard += news.length;
        if (!news.some((one) => one.type === "config_byte" && one.new === value)) missed++;
      }
      if (second > warm) memory.push(await residentOf(server.pid));
    }
    const ended = closed;
    await Promise.all(sockets.map((socket) => socket.close()));
    return { sockets: count, missed, closed: ended, heard, memory };
  } finally {
    await server.stop();
    await temp.remove();
  }
}

/** Bytes of a process in memory; 0 where the system does not tell. */
async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
