// Writes and reads 150 MB in the store of a URL, and prints how much more memory that took than sitting idle.
import { createHash } from "node:crypto";
import s3 from "@citadel/driver-s3";

const [url = ""] = process.argv.slice(2);
const size = 150 * 1024 * 1024;
const chunk = new Uint8Array(64 * 1024);
const source = async function* () {
  for (let sent = 0; sent < size; sent += chunk.byteLength) {
    chunk.fill(sent / chunk.byteLength);
    yield chunk;
  }
};
const sha512 = async (chunks: AsyncIterable<Uint8Array>) => {
  const hash = createHash("sha512");
  for await (const one of chunks) hash.update(one);
  return hash.digest();
};

const wanted = await sha512(source());
const driver = s3(new URL(url));
await driver.open();
await driver.write("b/small", source(), { size: 1 }).catch(() => {}); // loads what uploads need
const idle = process.memoryUsage.rss();
let most = idle;
const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
await driver.write("b/large", source(), { size, sha512: wanted });
const opened = await driver.read("b/large");
const got = await sha512(opened!.stream);
clearInterval(timer);
if (!got.equals(wanted)) throw new Error("other bytes came back");
console.log(JSON.stringify({ size: opened!.size, grown: most - idle }));
await driver.close();
