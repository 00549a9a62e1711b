// A process of its own for the tests of the embedded drivers: `child.ts <url> <task> <name>`. What it has been
// acknowledged it prints, one JSON document a line; it may be killed at any moment.
import { writeSync } from "node:fs";
import file from "@citadel/driver-file";
import sqlite from "@citadel/driver-sqlite";
import { storeCode, type Driver } from "@citadel/core/driver";
import { bodyOf, chunksOf } from "./content.ts";

const [url = "", task = "", name = ""] = process.argv.slice(2);
const driver = (url.startsWith("sqlite:") ? sqlite : file)(new URL(url));
const say = (value: unknown): void => void writeSync(1, `${JSON.stringify(value)}\n`);
await driver.open();

/** Appends ids to one document, each by compare-and-set. */
async function append(to: Driver): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${name}.${n}`;
    for (let done = false; !done;) {
      const item = await to.get("d/chain");
      const ids = item ? (JSON.parse(Buffer.from(item.body).toString()) as string[]) : [];
      const body = Buffer.from(JSON.stringify([...ids, id]));
      try {
        await to.put("d/chain", body, item ? { ifMatch: item.etag } : { ifAbsent: true });
        done = true;
      } catch (error) {
        if (storeCode(error) !== "CONFLICT") throw error;
      }
    }
    say(id);
  }
}

/** Puts and streams objects that tell by themselves what they should be. */
async function fill(to: Driver): Promise<void> {
  for (let n = 0; ; n++) {
    const seed = Number(name) * 1000 + n;
    const size = 1 + ((seed * 7919) % 3_000_000);
    const meta = { seed: String(seed) };
    const [one, two] = [`d/k${n % 5}`, `b/${name}/${n}`];
    await Promise.all([
      to.put(one, bodyOf(seed, size % 100_000), { meta }).then(() => say({ key: one, seed })),
      to
        .write(two, chunksOf(seed, size), { meta, ifAbsent: true })
        .then(() => say({ key: two, seed })),
    ]);
    if (n % 7 === 6) await to.delete(`b/${name}/${n - 3}`);
  }
}

/** 300 MB in and out; says how much memory that took beyond what was there before. */
async function stream(to: Driver): Promise<void> {
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const size = 300 * 1024 * 1024;
  const before = used();
  let most = 0;
  const look = (): void => void (most = Math.max(most, used() - before));
  const source = (async function* () {
    const chunk = bodyOf(1, 64 * 1024);
    for (let at = 0; at < size; at += chunk.byteLength) {
      look();
      yield chunk;
    }
  })();
  await to.write("b/large", source, { size });
  const writing = most;
  most = 0;
  let got = 0;
  for await (const chunk of (await to.read("b/large"))!.stream) {
    look();
    got += chunk.byteLength;
  }
  say({ got, writing, reading: most });
  await to.delete("b/large");
  await to.close();
}

const tasks: Readonly<Record<string, (to: Driver) => Promise<void>>> = { append, fill, stream };
await tasks[task]?.(driver);
