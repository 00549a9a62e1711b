import { randomUUID } from "node:crypto";
import { MARK_TTL, textKeyv, type Shelf, type Size } from "./shelf.ts";

/** What this needs of @keyv/redis, which is there only where somebody installed it. */
type Adapter = typeof import("@keyv/redis");
type Client = ReturnType<Adapter["createClient"]>;

/**
 * A tier in Redis through @keyv/redis. How much it may hold is the server's business (`maxmemory`).
 * @param url `redis://host[:port][/database][/name]`; the name tells the caches of one server apart
 * @throws when there is no connection within 300 ms
 */
export async function redisShelf(
  { default: KeyvRedis, createClient }: Adapter,
  url: URL,
): Promise<Shelf> {
  const { Keyv } = await import("keyv");
  const { address, name } = location(url);
  const namespace = `citadel-cache:${name}`;
  const channel = `${namespace}:invalid`;
  const options = {
    url: address,
    // without it, calls hang while Redis is down and happen long after their callers gave up
    disableOfflineQueue: true,
    // a connection that is silent for longer than socketTimeout is cut, so an idle one has to speak
    pingInterval: 400,
    socket: {
      connectTimeout: 300,
      socketTimeout: 1000,
      reconnectStrategy: (tries: number) => Math.min(500, 20 * 2 ** tries),
    },
  };
  const store = new KeyvRedis(options, {
    connectionTimeout: 300,
    throwOnConnectError: true,
    throwOnErrors: true,
  });
  const keyv = textKeyv(Keyv, store, namespace);
  const client = async (): Promise<Client> => (await store.getClient()) as Client;
  await client();

  const me = randomUUID();
  let hearing: Client | undefined;

  async function* keys(): AsyncGenerator<string[]> {
    const redis = await client();
    const MATCH = `${namespace}::*`;
    for await (const found of redis.scanIterator({ MATCH, COUNT: 1000, TYPE: "string" }))
      yield found.filter((key) => !key.startsWith(`${namespace}::~`));
  }
  const usage = async (): Promise<Size> => {
    const redis = await client();
    const size = { entries: 0, bytes: 0 };
    for await (const some of keys()) {
      const lengths = await Promise.all(some.map((key) => redis.strLen(key)));
      size.entries += some.length;
      size.bytes += lengths.reduce((sum, length) => sum + length, 0);
    }
    return size;
  };
  const announce = async (key: string): Promise<void> =>
    void (await (await client()).publish(channel, `${me} ${key}`));

  return {
    get: keyv.get,
    set: async (key, text, { expires }) => void (await keyv.set(key, text, expires)),
    async invalidate(key) {
      await keyv.set(`~${key}`, randomUUID(), Date.now() + MARK_TTL);
      await keyv.delete([key]);
      await announce(key);
    },
    delete: keyv.delete,
    async clear() {
      const before = await usage();
      await keyv.clear();
      await announce("*");
      return before;
    },
    sweep: async () => ({ entries: 0, bytes: 0 }), // Redis does it
    usage,
    used() {},
    popular: async () => [], // others may have used it: nobody counts
    rows: async () => [],
    async listen({ heard, missed }) {
      if (hearing) return;
      hearing = createClient({ ...options, disableOfflineQueue: false }) as Client;
      let lost = false;
      hearing.on("error", () => (lost = true));
      hearing.on("ready", () => {
        if (lost) missed();
        lost = false;
      });
      await hearing.connect();
      await hearing.subscribe(channel, (message) => {
        if (!message.startsWith(me)) heard(message.slice(me.length + 1));
      });
    },
    abandon: () => void store.disconnect(true).catch(() => {}),
    evictions: 0,
    async close() {
      hearing?.destroy();
      await store.disconnect(true);
    },
  };
}

function location(url: URL): { readonly address: string; readonly name: string } {
  const path = url.pathname.split("/").filter((part) => part !== "");
  const database = /^\d+$/.test(path[0] ?? "") ? path.shift() : url.searchParams.get("db");
  const name = url.searchParams.get("name") ?? path.shift() ?? "default";
  const address = new URL(url);
  address.pathname = database ? `/${database}` : "";
  address.search = "";
  return { address: address.href, name };
}
