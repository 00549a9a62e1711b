// A process with a cache of its own, for cache.test.ts: `cache-child.js <folder> <tier>…`, then messages.
import { openCache } from "@citadel/core/cache";

const [, , path = "", ...tiers] = process.argv;
const cache = openCache({ tiers, dirs: { cache: path }, schemes: new Map(), memoryBytes: 1e6 });
await cache.ready;
const answer = async ({ key, otherwise, entries = 0, end }) => {
  if (end) {
    await cache.close();
    process.disconnect();
    return;
  }
  for (let n = 0; n < entries; n++)
    await cache.put(`${process.pid}-${n}`, { etag: "e", body: Buffer.alloc(5000) });
  const fill = async () => ({ etag: "e", body: Buffer.from(otherwise), ttl: 60_000 });
  const entry = key && (await cache.load(key, fill));
  process.send(entry ? Buffer.from(entry.body).toString() : "done");
};
process.on("message", (message) => void answer(message));
process.send("ready");
