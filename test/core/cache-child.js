// A process with a cache of its own, for cache.test.ts: `cache-child.js <folder> <tier>…`, then messages.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { openCache } from "@citadel/core/cache";

const [, , path = "", ...tiers] = process.argv;
if (process.env["WITHOUT_ADAPTERS"])
  registerHooks({
    resolve(name, context, next) {
      if (name.startsWith("@keyv/"))
        throw Object.assign(new Error(`${name} is not installed`), {
          code: "ERR_MODULE_NOT_FOUND",
        });
      return next(name, context);
    },
  });
const driver = (name) => fileURLToPath(import.meta.resolve(`@citadel/driver-${name}`));
const schemes = new Map(["sqlite", "redis"].map((name) => [name, driver(name)]));
const cache = openCache({ tiers, dirs: { cache: path }, schemes, memoryBytes: 1e6 });
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
