import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How a relay treats what passes from now on. */
export interface Weather {
  /** ms added to each chunk, both ways */
  latency: number;
  /** up to so many ms more, at random */
  jitter: number;
  /** bytes per second, each way; 0: no limit */
  rate: number;
  /** new connections are reset at once */
  refuse: boolean;
  /** bytes of that direction vanish while the connection stays; up is towards the server */
  blackHole: "up" | "down" | "both" | undefined;
  /** a connection is reset once it has carried so many bytes, both ways together; 0: never */
  resetAfter: number;
  /** so many requests arrive, and their replies become resets */
  loseReplies: number;
}

export interface Relay {
  readonly port: number;
  readonly counts: {
    readonly connections: number;
    readonly refused: number;
    readonly resets: number;
    readonly up: number;
    readonly down: number;
  };
  /** connections that are open now */
  readonly open: number;
  set(weather: Partial<Weather>): void;
  /** back to fair weather */
  calm(): void;
  /** resets every connection there is */
  cut(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly sockets: readonly Socket[];
  bytes: number;
}

const fair: Weather = {
  latency: 0,
  jitter: 0,
  rate: 0,
  refuse: false,
  blackHole: undefined,
  resetAfter: 0,
  loseReplies: 0,
};

/** A TCP relay to a server of this machine that misbehaves on command. Keeps the order of chunks and back-pressure. */
export async function startRelay(target: number, initial: Partial<Weather> = {}): Promise<Relay> {
  const weather: Weather = { ...fair, ...initial };
  const counts = { connections: 0, refused: 0, resets: 0, up: 0, down: 0 };
  const pairs = new Set<Pair>();

  const reset = (pair: Pair): void => {
    if (!pairs.delete(pair)) return;
    counts.resets++;
    for (const socket of pair.sockets) socket.resetAndDestroy();
  };

  const pass = async (pair: Pair, chunk: Buffer, into: Socket, way: "up" | "down") => {
    const { latency, jitter, rate } = weather;
    const ms = latency + Math.random() * jitter + (rate > 0 ? (chunk.length / rate) * 1000 : 0);
    if (ms > 0) await sleep(ms);
    // asked after the wait: the weather may have changed meanwhile
    if (weather.blackHole === way || weather.blackHole === "both") return;
    if (way === "down" && weather.loseReplies > 0) {
      weather.loseReplies--;
      return reset(pair);
    }
    counts[way] += chunk.length;
    pair.bytes += chunk.length;
    if (weather.resetAfter > 0 && pair.bytes >= weather.resetAfter) return reset(pair);
    if (into.destroyed || into.write(chunk)) return;
    await new Promise<void>((resolve) => {
      into.once("drain", resolve).once("close", resolve);
    });
  };

  const pump = (pair: Pair, from: Socket, into: Socket, way: "up" | "down"): void => {
    let line = Promise.resolve();
    from.on("data", (chunk) => {
      from.pause();
      line = line.then(() => pass(pair, chunk, into, way)).then(() => void from.resume());
    });
    from.on("end", () => {
      line = line.then(() => void into.end());
    });
    from.on("error", () => reset(pair));
    from.on("close", () => {
      line = line.then(() => {
        pairs.delete(pair);
        into.destroy();
      });
    });
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (weather.refuse) {
      counts.refused++;
      client.on("error", () => {}).resetAndDestroy();
      return;
    }
    counts.connections++;
    const upstream = connect({
      port: target,
      host: "127.0.0.1",
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair: Pair = { sockets: [client, upstream], bytes: 0 };
    pairs.add(pair);
    pump(pair, client, upstream, "up");
    pump(pair, upstream, client, "down");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const cut = () => {
    for (const pair of pairs) reset(pair);
  };
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    get open() {
      return pairs.size;
    },
    set: (more) => void Object.assign(weather, more),
    calm: () => void Object.assign(weather, fair),
    cut,
    async close() {
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
  };
}
