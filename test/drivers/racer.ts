// A process of its own that changes one key by compare-and-set until it is killed. Prints one line before and one
// after each operation, synchronously, so that whatever it did is known even when it dies in the middle.
import { writeSync } from "node:fs";
import { storeCode, type DriverFactory, type Item } from "@citadel/core/driver";

const [module = "", url = "", key = "", name = ""] = process.argv.slice(2);
const { default: factory } = (await import(module)) as { default: DriverFactory };
const driver = factory(new URL(url));
await driver.open();

const now = (): number => Number(process.hrtime.bigint()); // one monotonic clock for all processes of a machine
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

for (let n = 0; ; n++) {
  // not faster than the test can listen
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
  const start = now();
  let item: Item | undefined;
  try {
    item = await driver.get(key);
  } catch (error) {
    // somebody who holds the lock is frozen
    if (storeCode(error) === "UNAVAILABLE") continue;
    throw error;
  }
  const parent = item && (JSON.parse(Buffer.from(item.body).toString()) as { id: string }).id;
  say({ kind: "read", id: parent, start, end: now() });

  const id = `${name}-${n}`;
  say({ kind: "write", id, parent, start: now() });
  let outcome: "done" | "failed" | "unknown" = "done";
  try {
    const body = Buffer.from(JSON.stringify({ id }));
    await driver.put(key, body, item ? { ifMatch: item.etag } : { ifAbsent: true });
  } catch (error) {
    const code = storeCode(error);
    if (code !== "CONFLICT" && code !== "UNAVAILABLE" && code !== "UNKNOWN") throw error;
    outcome = code === "UNKNOWN" ? "unknown" : "failed";
  }
  say({ kind: "answer", id, outcome, end: now() });
}
