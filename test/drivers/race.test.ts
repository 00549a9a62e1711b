import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Driver } from "@citadel/core/driver";
import { linearizable, type Operation } from "@citadel/core/testing";
import file from "@citadel/driver-file";
import postgres from "@citadel/driver-postgres";
import redis from "@citadel/driver-redis";
import sqlite from "@citadel/driver-sqlite";
import { afterAll, test } from "vitest";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";

const KEY = "d/race";
const racer = fileURLToPath(new URL("racer.ts", import.meta.url));
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

type Line =
  | { kind: "read"; id?: string; start: number; end: number }
  | { kind: "write"; id: string; parent?: string; start: number }
  | { kind: "answer"; id: string; outcome: "done" | "failed" | "unknown"; end: number };

/** The operations that a process reported; a write without an answer is unknown. */
function history(lines: readonly Line[]): Operation[] {
  const answers = new Map(lines.flatMap((one) => (one.kind === "answer" ? [[one.id, one]] : [])));
  return lines.flatMap((one): Operation[] => {
    if (one.kind === "read") return [{ ...one, id: one.id }];
    if (one.kind === "answer") return [];
    const { outcome = "unknown", end = Infinity } = answers.get(one.id) ?? {};
    return [{ kind: "write", id: one.id, parent: one.parent, start: one.start, outcome, end }];
  });
}

function start(module: string, url: string, name: string) {
  const child: ChildProcess = spawn(process.execPath, [racer, module, url, KEY, name], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  let count = 0;
  let errors = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out.push(chunk);
    for (const byte of chunk) if (byte === 10) count++;
  });
  child.stderr?.on("data", (chunk) => (errors += chunk));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const alive = () => child.exitCode === null && child.signalCode === null;
  return {
    child,
    alive,
    lines: () => count,
    /** kill -9, and everything that it had said */
    async kill(): Promise<Line[]> {
      const living = alive();
      child.kill("SIGKILL");
      await ended;
      assert.ok(living, `a racer died by itself: ${errors}`);
      const whole = Buffer.concat(out).toString().split("\n").slice(0, -1);
      return whole.map((line) => JSON.parse(line) as Line);
    },
  };
}

const servers = { redis: await startRedis(), postgres: await startPostgres() };
afterAll(async () => {
  await servers.redis?.stop();
  await servers.postgres?.stop();
});

const stores: Record<string, { at(folder: string): string; open(url: URL): Driver }> = {
  sqlite: { at: (folder) => `sqlite:${folder}/store.db`, open: sqlite },
  file: { at: (folder) => `file:${folder}/store`, open: file },
  ...(servers.redis && { redis: { at: servers.redis.store, open: redis } }),
  ...(servers.postgres && { postgres: { at: servers.postgres.store, open: postgres } }),
};

for (const [name, { at, open }] of Object.entries(stores))
  test(
    `G2: ${name}: four processes change one key, killed and frozen; the history is linearizable`,
    {
      timeout: 120_000,
    },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "citadel-race-"));
      const url = at(folder);
      const module = import.meta.resolve(`@citadel/driver-${name}`);
      let born = 0;
      const launch = () => start(module, url, `p${born++}`);
      const racers = [launch(), launch(), launch(), launch()];
      const said: Line[] = [];
      const busy = (one: ReturnType<typeof launch>, lines: number) =>
        (async () => {
          while (one.lines() < lines && one.alive()) await pause(20);
        })();
      try {
        await Promise.all(racers.map((one) => busy(one, 10)));
        for (let round = 0; round < 10; round++) {
          const at = round % racers.length;
          const one = racers[at]!;
          if (round % 2) {
            // frozen at some moment of an operation, while the others go on, unless it holds the lock of the store
            one.child.kill("SIGSTOP");
            const other = racers[(at + 1) % racers.length]!;
            await Promise.race([busy(other, other.lines() + 40), pause(500)]);
            one.child.kill("SIGCONT");
            await busy(one, one.lines() + 4);
          } else {
            await busy(one, one.lines() + 10 + Math.floor(Math.random() * 20));
            said.push(...(await one.kill()));
            racers[at] = launch();
            await busy(racers[at], 4);
          }
        }
        for (const one of racers) said.push(...(await one.kill()));

        const driver = open(new URL(url));
        await driver.open();
        const last = await driver.get(KEY);
        await driver.close();
        const id = last && (JSON.parse(Buffer.from(last.body).toString()) as { id: string }).id;
        const operations = history(said);
        const done = operations.filter((one) => one.kind === "write" && one.outcome === "done");
        assert.ok(done.length > 50, `only ${done.length} writes were acknowledged`);
        assert.deepEqual(linearizable(operations, id).slice(0, 5), []);
      } finally {
        for (const one of racers) one.child.kill("SIGKILL");
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

const write = (id: string, parent: string | undefined, start: number, end: number, outcome: "done" | "failed" | "unknown" = "done"): Operation => ({ kind: "write", id, parent, start, end, outcome }); // prettier-ignore
const read = (id: string | undefined, start: number, end: number): Operation => ({ kind: "read", id, start, end }); // prettier-ignore

test("the checker accepts what one order explains, and nothing else", () => {
  const good = [
    write("a", undefined, 0, 1),
    write("b", "a", 2, 9),
    read("a", 3, 4), // b is still on its way
    read("b", 5, 6), // and has arrived
    write("x", "a", 2, 3, "failed"),
    write("u", "b", 10, 11, "unknown"),
    read("b", 12, 13),
    read("u", 20, 21), // it arrived after all
  ];
  assert.deepEqual(linearizable(good, "u"), []);
  assert.deepEqual(linearizable([read(undefined, 0, 1)], undefined), []);
  const wrong: Record<string, [Operation[], string | undefined]> = {
    lost: [[write("a", undefined, 0, 1), write("b", "a", 2, 3)], "a"],
    forked: [[write("a", undefined, 0, 1), write("b", "a", 2, 3), write("c", "a", 2, 3)], "c"],
    refused: [[write("a", undefined, 0, 1, "failed")], "a"],
    "stale read": [[write("a", undefined, 0, 1), write("b", "a", 2, 3), read("a", 4, 5)], "b"],
    "read back and forth": [[write("a", undefined, 0, 1), write("b", "a", 2, 9), read("b", 3, 4), read("a", 5, 6)], "b"], // prettier-ignore
    "read before it was written": [[write("a", undefined, 0, 1), read("b", 2, 3), write("b", "a", 4, 5)], "b"], // prettier-ignore
    "read of a phantom": [[write("a", undefined, 0, 1), write("b", "a", 2, 3, "unknown"), read("b", 3, 4)], "a"], // prettier-ignore
    "nobody wrote it": [[], "z"],
  };
  for (const [what, [operations, last]] of Object.entries(wrong))
    assert.notDeepEqual(linearizable(operations, last), [], what);
});
