import assert from "node:assert/strict";
import {
  delegate,
  storeCode,
  update,
  type Change,
  type Codec,
  type Doc,
  type Driver,
} from "@citadel/core/driver";
import { afterAll, expect, test, vi } from "vitest";
import { startRelay, type Relay, type Weather } from "../../servers/relay.ts";
import { bodyOf, chunksOf } from "../embedded/content.ts";

const MiB = 1024 * 1024;
const MINUTE = 60_000;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A server of its own that a test may kill. */
export interface Backend {
  readonly port: number;
  /** the URL of a store that nobody else has */
  store(): string;
  kill(): Promise<void>;
  start(): Promise<void>;
}

interface Count extends Doc {
  n: number;
}
const codec: Codec<Count> = {
  parse: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Count,
  bytes: (doc) => Buffer.from(JSON.stringify(doc)),
};

const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });

/** The code with which `work` fails; undefined when it does not. */
export const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => storeCode(error) ?? String(error),
  );

/** Repeats until `work` does not fail any more. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++)
    try {
      return await work();
    } catch (error) {
      if (tries === 200) throw error;
      await pause(25);
    }
}

/** What every driver of a server on the other side of a network promises; skipped when there is no server here. */
export function defineNetworkTests(
  name: string,
  running: Backend | undefined,
  open: (url: URL) => Driver,
): void {
  const check = running ? test : test.skip;
  const server = running as Backend;
  const closing: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const close of closing) await close();
  });
  /** a store over a relay, and the same store without */
  const scene = async (options = "") => {
    const store = server.store();
    const relay = await startRelay(server.port);
    const through = new URL(store);
    through.port = String(relay.port);
    for (const [option, value] of new URLSearchParams(options))
      through.searchParams.set(option, value);
    const driver = open(through);
    const direct = open(new URL(store));
    await direct.open();
    await again(() => driver.open());
    closing.push(async () => {
      relay.calm();
      relay.cut();
      await Promise.all([driver.close(), direct.close()]);
      await relay.close();
    });
    return { relay, driver, direct, url: through };
  };
  const bad = async (
    relay: Relay,
    weather: Partial<Weather>,
    work: () => Promise<void>,
  ): Promise<void> => {
    relay.set(weather);
    await work();
    relay.calm();
    // a connection that has lost bytes for good does not exist in TCP
    relay.cut();
  };

  check(`${name}: G2: connections that are cut while nobody uses them are made again`, async () => {
    const { relay, driver } = await scene();
    await driver.put("d/k", bodyOf(1, 10));
    for (let n = 0; n < 5; n++) {
      relay.cut();
      expect((await driver.get("d/k"))?.body).toEqual(bodyOf(1, 10));
      relay.cut();
      await pause(20);
      await driver.put("d/l", bodyOf(n, 10));
    }
  });

  check(
    `${name}: G2: a lost reply: a change is UNKNOWN and was made, a question is asked again`,
    async () => {
      const { relay, driver, direct } = await scene();
      await driver.put("d/k", bodyOf(1, 10));
      /** until it is the reply of this very call that is lost, and not one of what the driver does besides */
      const lost = async (work: () => Promise<unknown>): Promise<void> => {
        for (let tries = 0; ; tries++) {
          relay.set({ loseReplies: 1 });
          const code = await codeOf(work());
          if (code === "UNKNOWN") return;
          assert.ok(tries < 20 && (code === undefined || code === "UNAVAILABLE"), code);
        }
      };
      await lost(() => driver.put("d/k", bodyOf(2, 10)));
      relay.calm();
      expect((await direct.get("d/k"))?.body).toEqual(bodyOf(2, 10));
      await again(() => driver.head("d/k"));
      await lost(() => driver.delete("d/k"));
      relay.calm();
      assert.equal(await direct.head("d/k"), undefined);
      await direct.put("d/k", bodyOf(3, 10));
      await driver.head("d/k");
      relay.set({ loseReplies: 1 });
      expect((await driver.get("d/k"))?.body).toEqual(bodyOf(3, 10));
    },
  );

  check(
    `${name}: G2: a server that refuses connections: UNAVAILABLE, nothing done, and back when it is back`,
    async () => {
      const { relay, driver, direct, url } = await scene();
      await driver.put("d/k", bodyOf(1, 10));
      await bad(relay, { refuse: true }, async () => {
        relay.cut();
        await pause(20);
        assert.equal(await codeOf(driver.put("d/k", bodyOf(2, 10))), "UNAVAILABLE");
        assert.equal(await codeOf(driver.delete("d/k")), "UNAVAILABLE");
        assert.equal(await codeOf(driver.get("d/k")), "UNAVAILABLE");
        assert.equal(await codeOf(driver.list()), "UNAVAILABLE");
        assert.equal((await driver.health()).ok, false);
        assert.equal(await codeOf(open(url).open()), "UNAVAILABLE");
      });
      expect((await direct.get("d/k"))?.body).toEqual(bodyOf(1, 10));
      await again(() => driver.put("d/k", bodyOf(3, 10)));
      expect((await direct.get("d/k"))?.body).toEqual(bodyOf(3, 10));
    },
  );

  check(
    `${name}: G2: a network that swallows everything: each call ends in its time, and everything works again after it`,
    async () => {
      for (const way of ["up", "down", "both"] as const) {
        const { relay, driver, direct, url } = await scene("timeout=400");
        await driver.put("d/k", bodyOf(1, 10));
        await bad(relay, { blackHole: way }, async () => {
          const calls = [
            driver.put("d/k", bodyOf(2, 10)),
            driver.get("d/k", { timeoutMs: 100 }),
            driver.head("d/k"),
            driver.list(),
            driver.delete("d/none", { timeoutMs: 200 }),
            driver.write("b/k", chunksOf(1, 2 * MiB)),
          ];
          const codes = await Promise.all(calls.map(codeOf));
          const [put, ...questions] = codes;
          const write = questions.pop();
          const removal = questions.pop();
          // it may have had no connection to leave by
          assert.match(String(put), /^(?:UNKNOWN|UNAVAILABLE)$/);
          if (put === "UNAVAILABLE") expect((await direct.get("d/k"))?.body).toEqual(bodyOf(1, 10));
          assert.deepEqual(questions, ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]);
          assert.match(String(removal), /^(?:UNKNOWN|UNAVAILABLE)$/);
          assert.equal(write, "UNAVAILABLE");
          assert.equal((await driver.health()).ok, false);
          const other = open(url);
          assert.equal(await codeOf(other.open()), "UNAVAILABLE");
          await other.close();
          const stop = new AbortController();
          const aborted = codeOf(driver.get("d/k", { signal: stop.signal }));
          stop.abort();
          assert.equal(await aborted, "ABORTED");
        });
        await again(() => driver.put("d/k", bodyOf(3, 10)));
        expect((await driver.get("d/k"))?.body).toEqual(bodyOf(3, 10));
      }
    },
  );

  check(`${name}: G2: close() ends although the network swallows everything`, async () => {
    const { relay, driver } = await scene();
    await driver.put("d/k", bodyOf(1, 10));
    relay.set({ blackHole: "both" });
    const left = codeOf(driver.put("d/k", bodyOf(2, 10)));
    await driver.close();
    assert.equal(await left, "UNKNOWN");
  });

  for (const skew of [-4, 4])
    check(
      `${name}: G2: a clock ${Math.abs(skew)} minutes ${skew > 0 ? "ahead" : "behind"}: what expires does so by the server's, and nothing else cares`,
      async () => {
        const url = new URL(server.store());
        const right = () => Math.round(performance.timeOrigin + performance.now());
        vi.useFakeTimers({ toFake: ["Date"], shouldAdvanceTime: true });
        try {
          vi.setSystemTime(right() + skew * MINUTE);
          const driver = open(url);
          await driver.open();
          const stop = new AbortController();
          const seen: string[] = [];
          const watching = (async () => {
            for await (const change of driver.watch!({ signal: stop.signal }))
              seen.push(change.kind === "reset" ? "reset" : change.key);
          })();
          const soon = await driver.put("d/soon", bodyOf(1, 10), { expires: right() + 400 });
          await driver.put("d/later", bodyOf(1, 10), { expires: right() + 2 * MINUTE });
          await driver.put("d/past", bodyOf(1, 10), { expires: right() - 2 * MINUTE });
          assert.ok(Math.abs(soon.modified - right()) < 2000, "modified is not the server's");
          assert.ok(await driver.head("d/soon"));
          assert.ok(await driver.head("d/later"));
          assert.equal(await driver.head("d/past"), undefined);
          while (right() < soon.expires! + 1000) await pause(50);
          assert.equal(await driver.head("d/soon"), undefined);
          await driver.put("d/soon", bodyOf(2, 10), { ifAbsent: true });
          await driver.write("b/k", chunksOf(1, 3 * MiB));
          await driver.sweep!();
          assert.ok(await driver.head("d/later"), "swept before its time");
          expect((await driver.get("b/k"))?.body).toEqual(bodyOf(1, 3 * MiB));
          for (let n = 0; n < 5; n++) await update(driver, "d/count", codec, more);
          assert.equal(codec.parse((await driver.get("d/count"))!.body).n, 5);
          await again(async () => assert.ok(seen.includes("d/count") || seen.includes("reset")));
          stop.abort();
          await watching;
          await driver.close();
        } finally {
          vi.useRealTimers();
        }
      },
    );

  check(`${name}: G2: clocks an hour apart are refused at open, with what to do`, async () => {
    for (const [skew, where] of [
      [-60, "behind"],
      [60, "ahead"],
    ] as const) {
      vi.useFakeTimers({ toFake: ["Date"], shouldAdvanceTime: true });
      vi.setSystemTime(performance.timeOrigin + performance.now() + skew * MINUTE);
      const driver = open(new URL(server.store()));
      const message = new RegExp(`60 minutes ${where}: set it`);
      await assert.rejects(driver.open(), { code: "DENIED", message });
      vi.useRealTimers();
      await driver.open();
      await driver.close();
    }
  });

  check(`${name}: G2: a slow network is waited for`, async () => {
    const { relay, driver } = await scene();
    relay.set({ latency: 5, jitter: 10, rate: 20 * MiB });
    await driver.write("b/k", chunksOf(1, 3 * MiB), { size: 3 * MiB });
    expect((await driver.get("b/k"))?.body).toEqual(bodyOf(1, 3 * MiB));
    await Promise.all(Array.from({ length: 20 }, (_, n) => driver.put(`d/${n}`, bodyOf(n, 1000))));
    assert.equal((await driver.list({ prefix: "d/" })).entries.length, 20);
  });

  check(
    `${name}: G2: a connection lost in the middle of a stream: nothing of a write is there; a read goes on`,
    async () => {
      const { relay, driver, direct } = await scene();
      const body = bodyOf(1, 5 * MiB);
      relay.set({ resetAfter: 2.5 * MiB });
      const code = await codeOf(driver.write("b/k", chunksOf(1, 5 * MiB)));
      assert.equal(code, "UNAVAILABLE");
      assert.equal(await direct.head("b/k"), undefined);
      relay.calm();
      await again(() => driver.write("b/k", chunksOf(1, 5 * MiB)));
      relay.set({ resetAfter: 8 * MiB });
      const { stream } = (await driver.read("b/k"))!;
      const got = Buffer.concat(await Array.fromAsync(stream));
      assert.ok(got.equals(body));
      assert.ok(relay.counts.resets > 0);
    },
  );

  check(
    `${name}: A11: a watcher whose connections are cut still hears of everything, or gets a reset`,
    async () => {
      const { relay, driver, direct } = await scene();
      const stop = new AbortController();
      const seen: Change[] = [];
      const watching = (async () => {
        for await (const change of driver.watch!({ signal: stop.signal })) seen.push(change);
      })();
      const told = (key: string) =>
        seen.some((change) => change.kind === "reset" || change.key === key);
      await again(async () => {
        await direct.put("d/first", bodyOf(1, 1));
        assert.ok(told("d/first"));
      });
      for (let n = 0; n < 4; n++) {
        relay.cut();
        await direct.put(`d/${n}`, bodyOf(1, 1));
        await again(async () => assert.ok(told(`d/${n}`)));
      }
      await bad(relay, { refuse: true }, async () => {
        relay.cut();
        await direct.put("d/away", bodyOf(1, 1));
        await pause(300);
      });
      await again(async () => assert.ok(told("d/away")));
      stop.abort();
      await watching;
    },
  );

  check(
    `${name}: H4: 300 updates by 5 writers, while replies are lost and connections cut, are counted exactly 300 times`,
    async () => {
      const relays = await Promise.all([1, 2, 3, 4, 5].map(() => startRelay(server.port)));
      const store = server.store();
      let unsure = 0;
      const writer = async (relay: Relay): Promise<void> => {
        const url = new URL(store);
        url.port = String(relay.port);
        const inner = open(url);
        await inner.open();
        const driver = delegate(inner, {
          async put(...args) {
            const luck = Math.random();
            if (luck < 0.15) relay.set({ loseReplies: 1 });
            else if (luck < 0.18) setImmediate(relay.cut);
            try {
              return await inner.put(...args);
            } catch (error) {
              if (storeCode(error) === "UNKNOWN") unsure++;
              throw error;
            }
          },
        });
        for (let mine = 0; mine < 60;)
          try {
            await update(driver, "d/count", codec, more);
            mine++;
          } catch (error) {
            // refused before anything was written: the caller asks again
            assert.equal(storeCode(error), "UNAVAILABLE", String(error));
          }
        relay.calm();
        await inner.close();
        await relay.close();
      };
      await Promise.all(relays.map(writer));
      const last = open(new URL(store));
      await last.open();
      const { n, rev } = codec.parse((await last.get("d/count"))!.body);
      assert.deepEqual({ n, rev }, { n: 300, rev: 300 });
      assert.ok(unsure > 10, `only ${unsure} replies were lost`);
      await last.close();
    },
    180_000,
  );

  check(
    `${name}: H4: a server killed with -9 again and again: what was acknowledged is there, drivers and watchers come back`,
    async () => {
      const driver = open(new URL(server.store()));
      await driver.open();
      const stop = new AbortController();
      let resets = 0;
      const watching = (async () => {
        for await (const { kind } of driver.watch!({ signal: stop.signal }))
          if (kind === "reset") resets++;
      })();
      await writeWhileKilled(driver, server);
      while (resets === 0) await pause(20);
      stop.abort();
      await watching;
      await driver.close();
    },
  );
}

/** Writes while the server is killed three times: nothing acknowledged is lost, and failures are honest. */
export async function writeWhileKilled(
  driver: Driver,
  server: Pick<Backend, "kill" | "start">,
): Promise<void> {
  const acknowledged: string[] = [];
  let over = false;
  let n = 0;
  const writing = [1, 2, 3].map(async () => {
    while (!over) {
      const key = `d/${n++}`;
      const code = await codeOf(driver.put(key, Buffer.from(key), { ifAbsent: true }));
      if (code === undefined) acknowledged.push(key);
      else assert.match(code, /^(?:UNKNOWN|UNAVAILABLE)$/);
      if (code === "UNAVAILABLE") await pause(10);
    }
  });
  for (let round = 0; round < 3; round++) {
    const enough = acknowledged.length + 30;
    while (acknowledged.length < enough) await pause(5);
    await server.kill();
    await server.start();
  }
  over = true;
  await Promise.all(writing);
  for (const key of acknowledged)
    expect((await again(() => driver.get(key)))?.body).toEqual(new Uint8Array(Buffer.from(key)));
}
