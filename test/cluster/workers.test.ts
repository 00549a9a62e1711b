// G5 B1: the processes of `citadel serve --workers N` under load, killed one after another.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";

import { citadel, serve } from "../support/citadel.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { check } from "./check.ts";
import { storm } from "./storm.ts";

const count = 3;

/** Children of a process; none once it has ended. */
async function workersOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test.runIf(process.platform === "linux")(
  "G5 --workers: a publish through one is seen by all at once, whichever of them dies",
  async () => {
    const temp = await tempFolder("workers");
    const server = await serve({
      home: `${temp.path}/home-0`,
      args: ["--workers", String(count)],
    });
    try {
      let killed = 0;
      const result = await storm({
        urls: () => [server.url],
        token: await signIn(server.url, "ann"),
        ms: 9000,
        bound: 0,
        // more than the number of deaths after which it takes its time to replace one
        enough: () => killed > 6,
        async trouble() {
          await sleep(700);
          const workers = await workersOf(server.pid);
          const victim = workers[killed % workers.length];
          if (victim === undefined) return;
          process.kill(victim, "SIGKILL");
          killed++;
        },
      });
      expect(killed).toBeGreaterThan(6);
      await until(async () => (await workersOf(server.pid)).length === count);
      // one that was killed this early is alerted of
      const log = (): string => server.log().replaceAll(/^.* by SIGKILL \(E_FAILED\)$/gm, "");
      await check(result, { urls: () => [server.url], env: {}, folder: temp.path, log }, 0);
      // C4: what all of them hear of is counted once
      expect((await citadel(`${temp.path}/home-0`, ["config:set", "rows", "33"])).code).toBe(0);
      const updates = async (source: string) =>
        new RegExp(`^citadel_config_updates_total\\{source="${source}"\\} (\\d+)$`, "m").exec(
          await (await fetch(`${server.url}/metrics`)).text(),
        )?.[1];
      await until(async () => (await updates("cli")) === "1");
      expect([await updates("file"), await updates("http")]).toEqual(["0", "0"]);
      const left = await workersOf(server.pid);
      server.child.kill("SIGTERM");
      await server.ended;
      expect(server.child.exitCode).toBe(0);
      expect(left.filter((pid) => !gone(pid))).toEqual([]);
    } finally {
      await server.stop();
      await temp.remove();
    }
  },
  180_000,
);

test.runIf(process.platform === "linux")(
  "G5 --workers: all of them killed come back on the same port; without the first process they end",
  async () => {
    const temp = await tempFolder("workers");
    const server = await serve({ home: temp.path, args: ["--workers", String(count)] });
    try {
      const token = await signIn(server.url, "ann");
      const first = await workersOf(server.pid);
      for (const pid of first) process.kill(pid, "SIGKILL");
      await until(async () => (await workersOf(server.pid)).length === count);
      await until(() =>
        fetch(`${server.url}/-/whoami`, { headers: { authorization: `Bearer ${token}` } }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
      const second = await workersOf(server.pid);
      expect(second.filter((pid) => first.includes(pid))).toEqual([]);
      await server.kill();
      await until(async () => second.every(gone));
    } finally {
      await server.stop();
      await temp.remove();
    }
  },
  60_000,
);
