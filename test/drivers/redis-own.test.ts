import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import redis from "@citadel/driver-redis";
import { storeCode, type Change, type Driver } from "@citadel/core/driver";
import { afterAll, expect, test } from "vitest";
import { certificate } from "../servers/certificate.ts";
import { freePort, startRedis, type RedisServer } from "../servers/redis.ts";
import { smallDisk } from "../servers/small-disk.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";
import { again, codeOf } from "./network/tests.ts";

const MiB = 1024 * 1024;
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const running = await startRedis();
closing.push(async () => running?.stop());
const check = running ? test : test.skip;
const server = running as RedisServer;

/** A server of the test's own, with options. */
async function another(...options: string[]): Promise<RedisServer> {
  const one = await startRedis(options);
  assert.ok(one);
  closing.push(() => one.stop());
  return one;
}
async function opened(url: string): Promise<Driver> {
  const driver = redis(new URL(url));
  await driver.open();
  closing.push(() => driver.close());
  return driver;
}
const refused = async (url: string, code: string, message: RegExp): Promise<void> => {
  const driver = redis(new URL(url));
  await assert.rejects(driver.open(), { code, message });
  await driver.close();
};
const keysOf = async (url: string): Promise<string[]> => {
  const slot = `{citadel:${new URL(url).pathname.slice(1)}}`;
  const keys = await server.cli("KEYS", "*");
  return keys.split("\n").filter((key) => key.startsWith(slot));
};

check("redis: a server that may throw records away is refused, with the way out", async () => {
  const cache = await another("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru");
  await refused(cache.store(), "UNSUPPORTED", /maxmemory-policy allkeys-lru.*noeviction/);
  assert.equal(await cache.cli("DBSIZE"), "0", "something was written");
  await cache.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
  await (await opened(cache.store())).put("d/k", bodyOf(1, 10));
});

check("redis: where CONFIG is forbidden, INFO tells the policy", async () => {
  const hosted = await another(
    "--maxmemory-policy",
    "allkeys-lru",
    "--rename-command",
    "CONFIG",
    "",
  );
  await refused(hosted.store(), "UNSUPPORTED", /maxmemory-policy allkeys-lru/);
  const good = await another("--appendonly", "yes", "--rename-command", "CONFIG", "");
  assert.equal((await opened(good.store())).caps.durable, "process");
});

check("redis: durable says what the server does with its log", async () => {
  assert.equal((await opened(server.store())).caps.durable, "nothing");
  const log = await another("--appendonly", "yes");
  assert.equal((await opened(log.store())).caps.durable, "process");
  await log.cli("CONFIG", "SET", "appendfsync", "always");
  assert.equal((await opened(log.store())).caps.durable, "power");
});

check(
  "redis: wrong credentials and missing rights are DENIED, and the password is told to nobody",
  async () => {
    const closed = await another("--requirepass", "s3cret", ...["--user", "reader", "on", ">reader", "~*", "+@read", "+@connection", "+info", "+config"],
      ...["--user", "citadel", "on", ">pass", "~{citadel:*}*", "+@all", "-@admin", "+config|get"],); // prettier-ignore
    const at = (login: string) => closed.store().replace("//", `//${login}`);
    await refused(at(""), "DENIED", /wants a password/);
    await refused(at(":wr0ng@"), "DENIED", /password are wrong/);
    await refused(at("nobody:s3cret@"), "DENIED", /password are wrong/);
    await refused(at("reader:reader@"), "DENIED", /may not do that/);
    const error = await redis(new URL(at(":wr0ng@"))).open().catch((reason: unknown) => reason); // prettier-ignore
    assert.doesNotMatch(String((error as Error).stack), /wr0ng/);
    const least = await opened(at("citadel:pass@"));
    await least.write("b/k", chunksOf(1, 2 * MiB));
    assert.equal((await least.list()).entries.length, 1);
    await least.delete("b/k");
    const driver = await opened(at(":s3cret@"));
    await driver.put("d/k", bodyOf(1, 10));
    assert.doesNotMatch(JSON.stringify(await driver.health()), /s3cret/);
  },
);

check("redis: nobody there: UNAVAILABLE at open, with host and port", async () => {
  const port = await freePort();
  await refused(`redis://127.0.0.1:${port}/x`, "UNAVAILABLE", new RegExp(`127.0.0.1:${port}`));
});

check("redis: a full server answers FULL, harms nothing, and can be emptied", async () => {
  const small = await another("--maxmemory", "8mb");
  const driver = await opened(small.store());
  await driver.put("d/old", bodyOf(1, 1000));
  let n = 0;
  for (const size of [200_000, 10_000, 500]) {
    let code: string | undefined;
    while (code === undefined) code = await codeOf(driver.put(`d/${n++}`, bodyOf(n, size)));
    assert.equal(code, "FULL");
    n--;
  }
  assert.equal(await codeOf(driver.put("d/old", bodyOf(2, 1000))), "FULL");
  assert.equal(await codeOf(driver.write("b/k", chunksOf(1, 3 * MiB))), "FULL");
  expect((await driver.get("d/old"))?.body).toEqual(bodyOf(1, 1000));
  const { entries } = await driver.list();
  assert.equal(entries.length, n + 1, "a refused object is listed");
  for (const { key } of entries.slice(0, 10)) await driver.delete(key);
  await driver.put("d/old", bodyOf(3, 1000));
});

check(
  "redis: a full disk is FULL, harms nothing, and is over when there is room again",
  async ({ skip }) => {
    const disk = smallDisk();
    if (!disk) return skip("only root can mount a tmpfs");
    closing.unshift(async () => disk.remove());
    const logged = await another("--appendonly", "yes", "--dir", disk.path);
    const driver = await opened(logged.store());
    await driver.put("d/old", bodyOf(1, 1000));
    writeFileSync(`${disk.path}/ballast`, bodyOf(1, 10 * MiB));
    let code: string | undefined;
    for (let n = 0; code === undefined && n < 100; n++)
      code = await codeOf(driver.put(`d/${n}`, bodyOf(n, 100_000)));
    assert.equal(code, "FULL");
    assert.equal(await codeOf(driver.put("d/old", bodyOf(2, 1000))), "FULL");
    expect((await driver.get("d/old"))?.body).toEqual(bodyOf(1, 1000));
    rmSync(`${disk.path}/ballast`);
    await again(() => driver.put("d/old", bodyOf(3, 1000)));
  },
);

check("redis: a server that has forgotten its scripts is told them again", async () => {
  const driver = await opened(server.store());
  await driver.put("d/k", bodyOf(1, 10));
  await server.cli("SCRIPT", "FLUSH");
  const { etag } = (await driver.head("d/k"))!;
  await driver.put("d/k", bodyOf(2, 10), { ifMatch: etag });
  await server.cli("SCRIPT", "FLUSH");
  assert.equal((await driver.list()).entries.length, 1);
});

check("redis: what expires goes by itself, and leaves the index by a list or a sweep", async () => {
  const url = server.store();
  const driver = await opened(url);
  const expires = Date.now() + 1500;
  for (let n = 0; n < 5; n++) await driver.put(`d/${n}`, bodyOf(n, 10), { expires });
  await driver.write("b/large", chunksOf(1, 2 * MiB), { expires });
  await driver.put("d/stays", bodyOf(1, 10));
  const slot = `{citadel:${new URL(url).pathname.slice(1)}}`;
  await again(async () => {
    // without any help of the driver
    const left = (await keysOf(url)).filter((key) => /:[oc]:/.test(key));
    assert.deepEqual(left, [`${slot}:o:d/stays`]);
  });
  assert.equal(await server.cli("ZCARD", `${slot}:index`), "7");
  assert.equal((await driver.list({ prefix: "b/" })).entries.length, 0);
  assert.equal(await server.cli("ZCARD", `${slot}:index`), "6");
  assert.deepEqual(await driver.sweep!(), { removed: 5 });
  assert.equal(await server.cli("ZCARD", `${slot}:index`), "1");
  assert.equal(await server.cli("ZCARD", `${slot}:expiries`), "0");
});

check(
  "redis: replaced, deleted and failed blobs leave no chunk; those of a dead process go by themselves",
  async () => {
    const url = server.store();
    const driver = await opened(url);
    const chunks = async () => (await keysOf(url)).filter((key) => key.includes(":c:"));
    await driver.write("b/k", chunksOf(1, 3 * MiB));
    await driver.write("b/l", chunksOf(1, 3 * MiB));
    assert.equal((await chunks()).length, 2);
    await driver.put("b/k", bodyOf(1, 10));
    await driver.delete("b/l");
    assert.equal(await codeOf(driver.write("b/m", chunksOf(1, 3 * MiB), { size: 4 * MiB })), "CORRUPT"); // prettier-ignore
    assert.deepEqual(await chunks(), []);
    const begun = Promise.withResolvers<void>();
    const hanging = (async function* () {
      yield* chunksOf(1, 2 * MiB);
      begun.resolve();
      await new Promise(() => {});
    })();
    const left = codeOf(driver.write("b/n", hanging));
    await begun.promise;
    const [blob = ""] = await again(async () => {
      const found = await chunks();
      assert.equal(found.length, 1);
      return found;
    });
    const ttl = Number(await server.cli("TTL", blob));
    assert.ok(ttl > 3000 && ttl <= 3600, `lives ${ttl} s`);
    await driver.close();
    assert.match(String(await left), /^(?:ABORTED|UNAVAILABLE)$/);
  },
);

check(
  "redis: stores of one server do not see each other, nor do databases; all keys of one are in one slot",
  async () => {
    const url = server.store();
    const one = await opened(url);
    const others = await Promise.all([
      opened(server.store()),
      opened(url.replace(/(\d)\/store/, "$1/3/store")),
    ]);
    await one.put("d/k", bodyOf(1, 10));
    await one.write("b/k", chunksOf(1, 2 * MiB));
    for (const other of others) assert.equal((await other.list()).entries.length, 0);
    const keys = await keysOf(url);
    assert.ok(keys.length >= 6);
    assert.equal((await opened(`redis://127.0.0.1:${server.port}?name=x&db=2`)).name, "redis");
  },
);

check("redis: a store of a newer version is refused and left alone", async () => {
  const url = server.store();
  const slot = `{citadel:${new URL(url).pathname.slice(1)}}`;
  await server.cli("HSET", `${slot}:store`, "format", "99");
  await refused(url, "UNSUPPORTED", /newer version/);
  assert.equal((await keysOf(url)).length, 1);
});

check(
  "redis: a watcher far behind gets a reset; so does one of a store that was emptied; the feed does not grow for ever",
  async () => {
    const own = await another();
    const url = own.store();
    const driver = await opened(url);
    const stop = new AbortController();
    const first = driver.watch!({ signal: stop.signal })[Symbol.asyncIterator]();
    await driver.put("d/first", bodyOf(1, 1));
    const { cursor } = (await first.next()).value as Change;
    for (let n = 0; n < 12_000; n += 1000)
      await Promise.all(Array.from({ length: 1000 }, () => driver.put("d/k", bodyOf(1, 1))));
    const next = async (since: string) =>
    (await driver.watch!({ since, signal: stop.signal })[Symbol.asyncIterator]().next()).value as Change; // prettier-ignore
    const reset = await next(cursor);
    assert.equal(reset.kind, "reset");
    const slot = `{citadel:${new URL(url).pathname.slice(1)}}`;
    assert.ok(Number(await own.cli("XLEN", `${slot}:feed`)) < 11_000);
    await own.cli("FLUSHALL");
    for (let n = 0; n < 3; n++) await driver.put("d/k", bodyOf(1, 1));
    assert.equal((await next(reset.cursor)).kind, "reset");
    stop.abort();
  },
);

check(
  "redis: a server that is frozen: calls end in their time, and go on when it does",
  async () => {
    const own = await another();
    const driver = await opened(own.store());
    await driver.put("d/k", bodyOf(1, 10));
    own.freeze(true);
    assert.equal(await codeOf(driver.put("d/k", bodyOf(2, 10), { timeoutMs: 100 })), "UNKNOWN");
    assert.equal(await codeOf(driver.get("d/k", { timeoutMs: 100 })), "UNAVAILABLE");
    own.freeze(false);
    await again(() => driver.put("d/l", bodyOf(3, 10)));
  },
);

check("redis: rediss: with an authority of its own; an unknown one is refused", async () => {
  const { cert, key, remove } = await certificate();
  closing.push(remove);
  const port = await freePort();
  await another(
    ...["--tls-port", String(port), "--tls-cert-file", cert, "--tls-key-file", key],
    ...["--tls-ca-cert-file", cert, "--tls-auth-clients", "no"],
  );
  const driver = await opened(`rediss://localhost:${port}/x?ca=${encodeURIComponent(cert)}`);
  await driver.put("d/k", bodyOf(1, 10));
  await refused(`rediss://localhost:${port}/x`, "UNAVAILABLE", /certificate/);
});

check("redis: URLs that say something else are INVALID", () => {
  for (const url of [
    "redis://h/a/b",
    "redis://h/1/2/3",
    "redis://h/sp%20ace",
    "redis://h/x?typo=1",
    "redis://h/x?timeout=soon",
    "redis://h/x?db=one",
    "redis://h/x?ca=/tmp/ca.pem",
  ])
    assert.throws(() => redis(new URL(url)), { code: "INVALID" }, url);
  for (const url of ["redis:", "redis://h", "redis://h/4", "redis://h/4/x", "rediss://h/x?ca=/c"])
    assert.equal(storeCode(redis(new URL(url))), undefined);
});
