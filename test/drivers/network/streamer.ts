// A process of its own that streams one object in and out, and tells by how much its memory has grown meanwhile.
import type { DriverFactory } from "@citadel/core/driver";

const [module = "", url = "", bytes = "0"] = process.argv.slice(2);
const { default: factory } = (await import(module)) as { default: DriverFactory };
const driver = factory(new URL(url));
await driver.open();
await driver.put("d/warm", new Uint8Array(1000));
await driver.get("d/warm");

const before = process.memoryUsage().rss;
let most = before;
const look = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
await driver.write(
  "b/large",
  (async function* () {
    const chunk = new Uint8Array(64 * 1024).fill(7);
    for (let sent = 0; sent < Number(bytes); sent += chunk.length) yield chunk;
  })(),
  { size: Number(bytes) },
);
let size = 0;
for await (const chunk of (await driver.read("b/large"))!.stream) size += chunk.byteLength;
clearInterval(look);
await driver.close();
process.stdout.write(JSON.stringify({ size, grown: most - before }));
