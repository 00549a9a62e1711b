import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import postgres from "@citadel/driver-postgres";
import { storeCode, type Change, type Driver } from "@citadel/core/driver";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { owner, startPostgres, type PostgresServer } from "../servers/postgres.ts";
import { certificate } from "../servers/certificate.ts";
import { freePort } from "../servers/redis.ts";
import { smallDisk } from "../servers/small-disk.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";
import { again, codeOf } from "./network/tests.ts";

const MiB = 1024 * 1024;
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const running = await startPostgres();
closing.push(async () => running?.stop());
const check = running ? test : test.skip;
const server = running as PostgresServer;

async function opened(url: string): Promise<Driver> {
  const driver = postgres(new URL(url));
  await driver.open();
  closing.push(() => driver.close());
  return driver;
}
const refused = async (url: string, code: string, message: RegExp): Promise<void> => {
  const driver = postgres(new URL(url));
  await assert.rejects(driver.open(), { code, message });
  await driver.close();
};
/** A connection to the database of a store, in its schema, for looking behind the driver's back. */
async function direct(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url.replace(/\?.*/, "") });
  await client.connect();
  await client.query(`SET search_path = ${schemaOf(url)}`);
  closing.push(() => client.end());
  return client;
}
const schemaOf = (url: string): string => new URL(url).searchParams.get("schema") ?? "citadel";
const count = async (client: pg.Client, what: string): Promise<number> =>
  Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${what}`)).rows[0]?.n);

check("postgres: many who open a new store at once make its tables once", async () => {
  const url = server.store();
  const drivers = await Promise.all(Array.from({ length: 8 }, () => opened(url)));
  await drivers[0]!.put("d/k", bodyOf(1, 10));
  for (const driver of drivers) assert.equal((await driver.head("d/k"))?.size, 10);
  assert.equal(drivers[0]!.caps.durable, "power");
});

check(
  "postgres: wrong credentials and missing rights are DENIED, and the password is told to nobody",
  async () => {
    const closed = await startPostgres({ password: "s3cret" });
    assert.ok(closed);
    closing.push(() => closed.stop());
    const url = closed.store();
    const as = (login: string) => url.replace("citadel:s3cret", login);
    await refused(as("citadel:wr0ng"), "DENIED", /password are wrong/);
    await refused(as("nobody:s3cret"), "DENIED", /password are wrong/);
    await refused(as("citadel"), "DENIED", /wants a password/);
    const client = await direct(url.replace(/schema=\w+/, "schema=public"));
    await client.query("CREATE ROLE guest LOGIN PASSWORD 'guest'");
    await refused(as("guest:guest"), "DENIED", /may not do that/);
    await client.query("CREATE SCHEMA given AUTHORIZATION guest");
    await (await opened(as("guest:guest").replace(/schema=\w+/, "schema=given"))).put("d/k", bodyOf(1, 10)); // prettier-ignore
    const driver = await opened(url);
    await driver.put("d/k", bodyOf(1, 10));
    assert.doesNotMatch(JSON.stringify(await driver.health()), /s3cret/);
    const error: unknown = await postgres(new URL(as("citadel:wr0ng"))).open().catch((reason: unknown) => reason); // prettier-ignore
    assert.doesNotMatch(String((error as Error).stack), /wr0ng/);
  },
);

check("postgres: no such database, and nobody there", async () => {
  await refused(server.store().replace("/postgres?", "/none?"), "INVALID", /createdb/);
  const port = await freePort();
  await refused(`postgres://127.0.0.1:${port}/x`, "UNAVAILABLE", new RegExp(`127.0.0.1:${port}/x`));
});

check("postgres: durable says what the server promises", async () => {
  const url = server.store();
  const client = await direct(url.replace(/schema=\w+/, "schema=public"));
  await client.query("CREATE ROLE hasty LOGIN SUPERUSER");
  await client.query("ALTER ROLE hasty SET synchronous_commit = off");
  const driver = await opened(url.replace("//citadel@", "//hasty@"));
  assert.equal(driver.caps.durable, "process");
  assert.equal((await driver.health()).detail["synchronousCommit"], "off");
});

check("postgres: a bounded number of connections serves any number of calls", async () => {
  const url = server.store();
  const driver = await opened(`${url}&pool=2`);
  const client = await direct(url);
  await Promise.all(Array.from({ length: 100 }, (_, n) => driver.put(`d/${n}`, bodyOf(n, 10))));
  const mine = "pg_stat_activity WHERE application_name = 'citadel' AND query ILIKE";
  const used = await count(client, `${mine} '%${schemaOf(url)}%' AND pid <> pg_backend_pid()`);
  assert.ok(used <= 2, `${used} connections`);
  assert.equal((await driver.list()).entries.length, 100);
});

check("postgres: a server with no connection to spare: UNAVAILABLE, with the way out", async () => {
  const small = await startPostgres({ settings: ["max_connections=5", "superuser_reserved_connections=0"] }); // prettier-ignore
  assert.ok(small);
  closing.push(() => small.stop());
  const url = small.store();
  const driver = await opened(`${url}&pool=1`);
  const others = await Promise.all([1, 2, 3, 4].map(() => direct(url)));
  await refused(url, "UNAVAILABLE", /max_connections/);
  await driver.put("d/k", bodyOf(1, 10));
  assert.equal(others.length, 4);
});

check(
  "postgres: A11: a change that commits late is told, though later ones were told before",
  async () => {
    const url = server.store();
    const driver = await opened(url);
    await driver.put("d/late", bodyOf(1, 1));
    const late = await direct(url);
    await late.query("BEGIN");
    await late.query("UPDATE entry SET etag = 'late' WHERE key = 'd/late'");
    const stop = new AbortController();
    const told: string[] = [];
    const watching = (async () => {
      for await (const change of driver.watch!({ signal: stop.signal }))
        told.push(change.kind === "reset" ? "reset" : change.key);
    })();
    for (let n = 0; n < 20; n++) await driver.put(`d/${n}`, bodyOf(1, 1));
    await late.query("COMMIT");
    await again(async () => {
      for (const key of ["d/late", "d/0", "d/19"])
        assert.ok(told.includes(key), `${key} is missing`);
    });
    assert.ok(!told.includes("reset"));
    stop.abort();
    await watching;
  },
);

check("postgres: a watcher far behind gets a reset; the feed does not grow for ever", async () => {
  const url = server.store();
  const driver = await opened(url);
  const client = await direct(url);
  const stop = new AbortController();
  const first = driver.watch!({ signal: stop.signal })[Symbol.asyncIterator]();
  await driver.put("d/first", bodyOf(1, 1));
  const { cursor, kind } = (await first.next()).value as Change;
  assert.equal(kind, "changed");
  await client.query("INSERT INTO feed (key) SELECT 'd/other' FROM generate_series(1, 12000)");
  for (let n = 0; n < 1100; n += 100)
    await Promise.all(Array.from({ length: 100 }, () => driver.put(`d/${n}`, bodyOf(1, 1))));
  await again(async () => assert.ok((await count(client, "feed")) < 12_000));
  const later = driver.watch!({ since: cursor, signal: stop.signal })[Symbol.asyncIterator]();
  assert.equal(((await later.next()).value as Change).kind, "reset");
  stop.abort();
});

check("postgres: one call wakes all watchers, and there are few of them", async () => {
  const url = server.store();
  const [driver, other] = [await opened(url), await opened(url)];
  const client = await direct(url);
  const stop = new AbortController();
  const told = new Set<string>();
  const watching = (async () => {
    for await (const change of other.watch!({ signal: stop.signal }))
      if (change.kind === "changed") told.add(change.key);
  })();
  await again(async () => {
    await driver.put("d/first", bodyOf(1, 1));
    assert.ok(told.has("d/first"));
  });
  let calls = 0;
  client.on("notification", () => calls++);
  const { rows } = await client.query<{ query: string }>(
    "SELECT DISTINCT query FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'NOTIFY%'",
  );
  for (const { query } of rows) await client.query(query.replace("NOTIFY", "LISTEN"));
  await Promise.all(Array.from({ length: 300 }, (_, n) => driver.put(`d/${n}`, bodyOf(n, 1))));
  await again(async () => assert.equal(told.size, 301));
  assert.ok(calls > 0 && calls < 150, `${calls} calls for 300 changes`);
  stop.abort();
  await watching;
});

check(
  "postgres: replaced, deleted, expired and failed blobs leave no chunk; an abandoned one goes by a sweep",
  async () => {
    const url = server.store();
    const driver = await opened(url);
    const client = await direct(url);
    const chunks = () => count(client, "chunk");
    await driver.write("b/k", chunksOf(1, 3 * MiB));
    await driver.write("b/l", chunksOf(1, 3 * MiB));
    await driver.write("b/m", chunksOf(1, 3 * MiB), { expires: Date.now() + 50 });
    assert.equal(await chunks(), 9);
    await driver.put("b/k", bodyOf(1, 10));
    await driver.delete("b/l");
    await again(async () => {
      await driver.sweep!();
      assert.equal(await chunks(), 0);
    });
    const wrong = driver.write("b/n", chunksOf(1, 3 * MiB), { size: 4 * MiB });
    assert.equal(await codeOf(wrong), "CORRUPT");
    const taken = driver.write("b/k", chunksOf(1, 3 * MiB), { ifAbsent: true });
    assert.equal(await codeOf(taken), "CONFLICT");
    assert.equal(await chunks(), 0);

    const going = Promise.withResolvers<void>();
    const source = async function* () {
      yield* chunksOf(3, 3 * MiB);
      await going.promise;
      yield* chunksOf(4, 3 * MiB);
    };
    const writing = driver.write("b/o", source());
    await again(async () => assert.ok((await chunks()) >= 2));
    await driver.sweep!(); // too young to be abandoned
    assert.ok((await chunks()) >= 2);
    going.resolve();
    assert.equal((await writing).size, 6 * MiB);
    assert.equal(await chunks(), 6);

    const begun = await again(async () => chunks());
    const never = (async function* () {
      yield* chunksOf(5, 3 * MiB);
      await new Promise(() => {});
    })();
    const left = codeOf(driver.write("b/p", never));
    await again(async () => assert.ok((await chunks()) >= begun + 2));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await driver.sweep!({ olderThanMs: 0 });
    assert.equal(await chunks(), 6);
    await driver.close();
    assert.match(String(await left), /^(?:ABORTED|UNAVAILABLE)$/);
    assert.equal(await count(client, "upload"), 0);
  },
);

check(
  "postgres: two schemas, and two prefixes of one, are stores that do not see each other",
  async () => {
    const url = server.store();
    const [one, two] = [await opened(`${url}&prefix=one_`), await opened(`${url}&prefix=two_`)];
    await one.put("d/k", bodyOf(1, 10));
    await one.write("b/k", chunksOf(1, 2 * MiB));
    assert.equal((await two.list()).entries.length, 0);
    assert.equal((await (await opened(server.store())).list()).entries.length, 0);
  },
);

check(
  "postgres: a store of a newer version is refused, and tables of another make are CORRUPT",
  async () => {
    const url = server.store();
    const driver = await opened(url);
    const client = await direct(url);
    await client.query("UPDATE store SET format = 99");
    await refused(url, "UNSUPPORTED", /newer version/);
    await client.query("ALTER TABLE entry DROP COLUMN meta");
    assert.equal(await codeOf(driver.get("d/k")), "CORRUPT");
    assert.equal(await codeOf(driver.put("d/k", bodyOf(1, 1))), "CORRUPT");
  },
);

check(
  "postgres: a full disk is FULL, harms nothing, and is over when there is room again",
  async ({ skip }) => {
    const disk = smallDisk(owner());
    if (!disk) return skip("only root can mount a tmpfs");
    const url = server.store();
    const driver = await opened(url);
    const client = await direct(url);
    // the last thing of all: the server keeps files open in it
    closing.unshift(async () => disk.remove());
    await driver.put("d/old", bodyOf(1, 1000));
    await client.query(`CREATE TABLESPACE small_${process.pid} LOCATION '${disk.path}'`);
    await client.query(`ALTER TABLE chunk SET TABLESPACE small_${process.pid}`);
    writeFileSync(`${disk.path}/ballast`, bodyOf(1, 6 * MiB));
    assert.equal(await codeOf(driver.write("b/k", chunksOf(1, 20 * MiB))), "FULL");
    assert.equal(await driver.head("b/k"), undefined);
    expect((await driver.get("d/old"))?.body).toEqual(bodyOf(1, 1000));
    rmSync(`${disk.path}/ballast`);
    assert.equal((await driver.write("b/k", chunksOf(1, 2 * MiB))).size, 2 * MiB);
    await driver.close();
    await client.query("DROP TABLE chunk");
    await client.query(`DROP TABLESPACE small_${process.pid}`);
  },
);

check(
  "postgres: 200 MB go in and out in little memory",
  async () => {
    const script = fileURLToPath(new URL("network/streamer.ts", import.meta.url));
    const child = spawn(
      process.execPath,
      [script, import.meta.resolve("@citadel/driver-postgres"), server.store(), String(200 * MiB)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const ended = once(child, "exit");
    const said = Buffer.concat(await Array.fromAsync<Buffer>(child.stdout)).toString();
    assert.deepEqual(await ended, [0, null]);
    const { size, grown } = JSON.parse(said) as { size: number; grown: number };
    assert.equal(size, 200 * MiB);
    assert.ok(grown < 150 * MiB, `${Math.round(grown / MiB)} MB more than before`);
  },
  120_000,
);

check("postgres: TLS as the URL says: any certificate, one that is known, or none", async () => {
  const { cert, key, remove } = await certificate();
  closing.push(remove);
  const own = await startPostgres({
    settings: ["ssl=on", `ssl_cert_file=${cert}`, `ssl_key_file=${key}`],
  });
  assert.ok(own);
  closing.push(() => own.stop());
  const url = own.store();
  const client = await direct(url);
  const secured = async (options: string): Promise<boolean> => {
    const driver = await opened(`${url}&application_name=tls&${options}`);
    const { rows } = await client.query<{ ssl: boolean }>(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tls'",
    );
    await driver.close();
    return rows.length > 0 && rows.every(({ ssl }) => ssl);
  };
  assert.equal(await secured("sslmode=disable"), false);
  assert.equal(await secured("sslmode=require"), true);
  assert.equal(await secured(`sslmode=verify-full&sslrootcert=${cert}`), true);
  await refused(`${url}&sslmode=verify-full`, "UNAVAILABLE", /certificate/);
  await refused(`${server.store()}&sslmode=require`, "UNAVAILABLE", /does not support SSL/);
});

check("postgres: URLs that say something else are INVALID", () => {
  for (const url of [
    "postgres://h",
    "postgres://h/db?typo=1",
    "postgres://h/db?schema=Robert'); DROP TABLE x",
    "postgres://h/db?prefix=a-b",
    "postgres://h/db?pool=0",
    "postgres://h/db?timeout=soon",
  ])
    assert.throws(() => postgres(new URL(url)), { code: "INVALID" }, url);
  for (const url of [
    "postgres://h/db",
    "postgresql://u:p@h:1/db?sslmode=require&schema=x&prefix=y_",
  ])
    assert.equal(storeCode(postgres(new URL(url))), undefined);
});
