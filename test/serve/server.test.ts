import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { STATUS_CODES } from "node:http";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { startServer } from "@citadel/plugin-serve";
import { describe, expect, test } from "vitest";

import { freePort } from "../servers/redis.ts";
import { citadel, citadelEnv, root, serve } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { pack, publish, publishDocument, put, sha512, signIn } from "../support/packages.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { place, type Place } from "./place.ts";

const short = "application/vnd.npm.install-v1+json";

/** The same registry behind a port. */
async function listening(here: Place) {
  const server = await startServer({ app: here.app, hosts: ["127.0.0.1"], port: 0 });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(1000) };
}

/** A server process with a home of its own. */
async function started(options: Omit<Parameters<typeof serve>[0], "home"> = {}) {
  const home = await tempFolder("server");
  const server = await serve({ home: home.path, ...options });
  return {
    ...server,
    home: home.path,
    /** does something and waits until stderr tells of it */
    async sees(text: string, act: () => void) {
      act();
      while (!server.log().includes(text) && server.alive())
        await new Promise((resolve) => setTimeout(resolve, 10));
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await home.remove();
    },
  };
}

test("the fast path answers as fetch does, header for header", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  await here.publish(token, { name: "@s/p", version: "1.0.0" });
  await using server = await listening(here);
  const host = server.url.slice("http://".length);
  const etag = (await here.ask("/@s%2fp", { headers: { host } })).headers.get("etag") ?? "";
  const requests: readonly (readonly [string, string, Record<string, string>])[] = [
    ["GET", "/@s%2fp", {}],
    ["HEAD", "/@s%2fp", { accept: short }],
    ["GET", "/@s/p", { accept: short, "accept-encoding": "gzip" }],
    ["GET", "/@s/p", { "if-none-match": etag }],
    ["GET", "/@s/p", { "user-agent": "@vltpkg/x" }],
    ["GET", "/@s/p", { "x-request-id": "abc" }],
    ["GET", "/@s/p/-/p-1.0.0.tgz", {}],
    ["HEAD", "/@s/p/-/p-1.0.0.tgz", {}],
    ["GET", "/@s/p/-/p-1.0.0.tgz", { range: "bytes=0-4" }],
    ["GET", "/@s/p/-/p-1.0.0.tgz", { range: "bytes=9999999-" }],
    ["HEAD", "/@s/p/-/p-1.0.0.tgz", { range: "bytes=0-4" }],
    ["GET", "/@s/p/-/p-9.0.0.tgz", { "x-request-id": "abc" }],
    ["HEAD", "/nope", { "x-request-id": "abc" }],
    ["GET", "/%2e%2e%2fx", { "x-request-id": "abc" }],
    ["GET", "/@s/p", { authorization: "odd", "x-request-id": "abc" }],
    ["GET", "/@s/p", { host: "evil.example", "x-request-id": "abc" }],
    ["GET", "/-/ping", {}],
    ["HEAD", "/-/ping", {}],
    ["GET", "/@s%2fp/latest", { "x-request-id": "abc" }],
    ["GET", "/-/whoami", { authorization: `Bearer ${token}`, "x-request-id": "abc" }],
    ["GET", "/-/whoami", { "x-request-id": "abc" }],
  ];
  for (const [method, path, headers] of requests) {
    const fast = await request(server.url + path, { method, headers });
    const slow = await here.ask(path, { method, headers: { host, ...headers } });
    const { date: _, connection: __, "keep-alive": ___, ...fields } = fast.headers;
    const label = `${method} ${path} ${JSON.stringify(headers)}`;
    expect(fast.status, label).toBe(slow.status);
    expect(fast.phrase, label).toBe(STATUS_CODES[fast.status]);
    expect(Buffer.from(slow.bytes).equals(fast.body), label).toBe(true);
    expect(fields, label).toEqual(Object.fromEntries(slow.headers));
  }
});

describe("H1 on the wire", () => {
  /** Sends raw bytes and collects what comes back until the other end closes. */
  async function raw(url: string, text: string): Promise<string> {
    const socket = open(url);
    socket.write(text);
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1")));
    await once(socket, "close").catch(() => {});
    return got;
  }
  const open = (url: string): Socket => {
    const { port } = new URL(url);
    return connect(Number(port), "127.0.0.1").on("error", () => {});
  };

  test("paths and headers as no client library would send them", async () => {
    await using here = await place();
    await using server = await listening(here);
    const get = (path: string, ...headers: string[]) =>
      raw(
        server.url,
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers.map((h) => `${h}\r\n`).join("")}\r\n`,
      );
    for (const path of [
      "/../../etc/passwd",
      "/..%2f..%2fetc",
      "/\\..\\x",
      "//evil.example/x",
      "http://evil.example/-/ping",
      "/%",
      "/a%00b",
    ])
      expect(await get(path), path).toMatch(/^HTTP\/1\.1 40[04] /);
    // attack 39
    const twice = ["Authorization: Bearer a", "Authorization: Bearer b"];
    for (const path of ["/-/whoami", "/one"])
      expect(await get(path, ...twice)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await get("/-/whoami", "Authorization: Bearer \u00ff")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(server.url, "GET /-/ping HTTP/1.1\r\nConnection: close\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 421 /,
    );
    expect(
      await raw(
        server.url,
        "GET /-/ping HTTP/1.1\r\nHost: a\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      ),
    ).toMatch(/^HTTP\/1\.1 4/);
    expect((await request(`${server.url}/-/ping`)).status).toBe(200);
  });

  test("an upload that stops in the middle leaves nothing, and the process lives", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    await using server = await listening(here);
    const manifest = { name: "one", version: "1.0.0" };
    const body = JSON.stringify(
      publishDocument(server.url, manifest, pack(manifest, { x: randomBytes(2 ** 21) })),
    );
    for (const part of [10, 2000, body.length - 1]) {
      const head = `PUT /one HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
      const socket = open(server.url);
      await new Promise<void>((resolve) =>
        socket.write(head + body.slice(0, part), () => resolve()),
      );
      socket.destroy();
    }
    const spool = join(here.folder, "data/tmp");
    for (let n = 0; n < 200 && (await readdir(spool).catch(() => [])).length > 0; n++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await readdir(spool).catch(() => [])).toEqual([]);
    expect((await request(`${server.url}/one`)).status).toBe(404);
  });

  test("too large: the client gets to read the 413, with and without a length", async () => {
    await using here = await place({ "limits.tarball": 2 ** 20 });
    const token = await here.signIn("ann");
    await using server = await listening(here);
    const manifest = { name: "one", version: "1.0.0" };
    const document = publishDocument(
      server.url,
      manifest,
      pack(manifest, { x: randomBytes(2 ** 23) }),
    );
    const answer = await put(server.url, token, document);
    expect([answer.status, (answer.json() as { code: string }).code]).toEqual([413, "E_TOO_LARGE"]);
    const enormous = await request(`${server.url}/one`, {
      method: "PUT",
      token,
      body: Buffer.alloc(48 * 2 ** 20, " "),
    });
    expect(enormous.status).toBe(413);
    const chunk = `${(2 ** 20).toString(16)}\r\n${" ".repeat(2 ** 20)}\r\n`;
    const chunked = `PUT /one HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(40)}0\r\n\r\n`;
    expect(await raw(server.url, chunked)).toMatch(/^HTTP\/1\.1 413 /);
    expect((await request(`${server.url}/-/ping`)).status).toBe(200);
  });

  test("A9 a damaged tarball never arrives whole: a 500 when it is small, a cut connection when it is large", async () => {
    await using server = await started();
    const token = await signIn(server.url, "ann");
    for (const [name, size] of [
      ["small", 200_000],
      ["large", 6 * 2 ** 20],
    ] as const) {
      const tarball = await publish(
        server.url,
        token,
        { name, version: "1.0.0" },
        pack({ name, version: "1.0.0" }, { x: randomBytes(size) }),
      );
      await server.stop();
      await damage(join(server.home, "data/blobs"), tarball);
      await using again = await restarted(server.home);
      const got = await request(`${again.url}/${name}/-/${name}-1.0.0.tgz`).catch(
        (error: NodeJS.ErrnoException) => error,
      );
      if (got instanceof Error) expect(got.message).toMatch(/aborted|reset|hang up/i);
      else {
        expect(got.status).toBe(500);
        expect((got.json() as { code: string }).code).toBe("E_INTEGRITY");
      }
      expect(got instanceof Error, name).toBe(name === "large");
      expect((await request(`${again.url}/-/ping`)).status).toBe(200);
      if (name === "small") Object.assign(server, await serve({ home: server.home }));
    }
  });

  async function restarted(home: string) {
    const server = await serve({ home });
    return { ...server, [Symbol.asyncDispose]: () => server.stop() };
  }

  /** Changes one byte of the file that holds exactly these bytes. */
  async function damage(folder: string, content: Buffer): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      const at = bytes.indexOf(content.subarray(0, 1024));
      if (at < 0) continue;
      const middle = at + 2000;
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      await writeFile(path, bytes);
      return;
    }
    throw new Error(`no file below ${folder} holds ${sha512(content)}`);
  }
});

describe("B1 citadel serve", () => {
  test("says where it is, listens on both loopback addresses, stops cleanly", async () => {
    await using server = await started();
    const { port } = new URL(server.url);
    expect((await request(`http://127.0.0.1:${port}/-/ping`)).status).toBe(200);
    const six = await request(`http://[::1]:${port}/-/ping`).catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (typeof six === "object") expect(six.status).toBe(200);
    else expect(["EADDRNOTAVAIL", "EAFNOSUPPORT"]).toContain(six); // a machine without IPv6
    server.child.kill("SIGTERM");
    await server.ended;
    expect([server.child.exitCode, server.child.signalCode]).toEqual([0, null]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("a request in flight survives %s", async (signal) => {
    await using server = await started();
    const token = await signIn(server.url, "ann");
    const manifest = { name: "one", version: "1.0.0" };
    const body = JSON.stringify(publishDocument(server.url, manifest, pack(manifest)));
    const { port } = new URL(server.url);
    const socket = connect(Number(port), "127.0.0.1").on("error", () => {});
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
    socket.write(
      `PUT /one HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await once(socket, "data");
    expect(got).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    server.child.kill(signal);
    // no new connections, but the one that is there goes on
    while (await request(`${server.url}/-/ping`).catch(() => undefined));
    socket.write(body);
    await once(socket, "close");
    expect(got).toMatch(/\r\nHTTP\/1\.1 201 /);
    await server.ended;
    expect(server.child.exitCode).toBe(0);
  });

  test("a port in use: who has it, and what to do", async () => {
    await using server = await started();
    const { port } = new URL(server.url);
    for (const more of [[], ["--workers", "2"]]) {
      const second = await citadel(server.home, ["serve", "--port", port, "--json", ...more]);
      expect(second.code).toBe(5);
      const { error } = JSON.parse(second.stdout) as {
        error: { code: string; message: string; hint: string[] };
      };
      expect(error.code).toBe("E_PORT_IN_USE");
      expect(error.hint.join()).toContain("--port");
      if (process.platform === "linux") expect(error.message).toContain(String(server.pid));
    }
  });

  test("--workers: one port, one truth, and a dead worker is replaced", async () => {
    await using server = await started({ args: ["--workers", "2"] });
    const token = await signIn(server.url, "ann");
    for (let n = 0; n < 10; n++) {
      await publish(server.url, token, { name: "one", version: `1.0.${n}` });
      const got = await request(`${server.url}/one`); // a connection each: any of the two
      expect(Object.keys((got.json() as { versions: object }).versions)).toHaveLength(n + 1);
    }
    const [victim] = await workersOf(server.pid);
    process.kill(victim ?? -1, "SIGKILL");
    for (;;) {
      const now = await workersOf(server.pid);
      if (now.length === 2 && !now.includes(victim ?? -1)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect((await request(`${server.url}/one`)).status).toBe(200);
    const left = await workersOf(server.pid);
    server.child.kill("SIGTERM");
    await server.ended;
    expect(server.child.exitCode).toBe(0);
    for (const pid of left) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  test("--workers: copies that cannot start any more are given up after a while, and so is the command", async () => {
    await using server = await started({ args: ["--workers", "2"] });
    const folder = join(server.home, "config");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "citadel.json5"), "{ broken");
    for (const pid of await workersOf(server.pid)) process.kill(pid, "SIGKILL");
    await server.ended;
    expect(server.child.exitCode).toBe(2);
    const told = server
      .log()
      .split("\n")
      .filter((line) => line.includes("citadel:workers ALERT"));
    // five times both, one after another with longer and longer pauses
    expect(told).toHaveLength(10);
    for (const line of told) expect(line).toContain("citadel.json5:1: invalid");
  }, 30_000);

  test("a log that nobody can write to is no reason not to serve", async () => {
    const home = await tempFolder("full");
    const port = await freePort();
    const command = [process.execPath, join(root, "bin/citadel.js"), "serve", "--port", `${port}`];
    const child = spawn("sh", ["-c", 'exec "$0" "$@" >/dev/full', ...command], {
      ...{ env: citadelEnv(home.path), stdio: ["ignore", "ignore", "pipe"] },
    });
    try {
      let log = "";
      child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
      const ping = () => request(`http://127.0.0.1:${port}/-/ping`).catch(() => undefined);
      await until(async () => log.includes("nothing is written to standard output any more"));
      expect((await ping())?.status).toBe(200);
      child.kill("SIGTERM");
      await once(child, "exit");
      expect([child.exitCode, await ping()]).toEqual([0, undefined]);
    } finally {
      child.kill("SIGKILL");
      await home.remove();
    }
  });

  test("--workers refuses a store that only one process can hold", async () => {
    const home = await tempFolder("server");
    const ran = await citadel(home.path, [
      ...["serve", "--port", "0", "--workers", "2"],
      "--store",
      "memory:",
      "--json",
    ]);
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_CONFIG" } });
    // nor can several processes have the one socket that systemd opened
    const activated = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"';
    const argv = [process.execPath, join(root, "bin/citadel.js"), "serve", "--workers", "2"];
    const socket = await run("sh", ["-c", activated, ...argv], { env: citadelEnv(home.path) });
    expect([socket.code, socket.stderr]).toEqual([2, expect.stringContaining("for one process")]);
    await home.remove();
  });

  async function workersOf(pid: number): Promise<number[]> {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.trim().split(/\s+/).filter(Boolean).map(Number);
  }

  test("--verbose writes a line per request, with the client behind a proxy, without tokens", async () => {
    const env = { CITADEL_SERVER_TRUST_PROXY: "127.0.0.1" };
    await using server = await started({ args: ["--verbose"], env });
    const token = await signIn(server.url, "ann");
    const headers = { "x-forwarded-for": "192.0.2.7" };
    await request(`${server.url}/one?token=${token}`, { token, headers });
    await request(`${server.url}/-/user/token/${token}`, { method: "DELETE", token });
    await server.sees("DELETE", () => {});
    expect(server.log()).toMatch(/"path":"\/one".*"client":"192\.0\.2\.7"/);
    expect(server.log()).not.toContain(token);
    expect(server.log()).not.toContain(token.slice(4));
  });

  test("G5 a large publish and its download go through in constant memory", async () => {
    await using server = await started();
    const token = await signIn(server.url, "ann");
    const manifest = { name: "big", version: "1.0.0" };
    const tarball = pack(manifest, { x: randomBytes(90 * 2 ** 20) }, 0);
    await publish(server.url, token, manifest, tarball);
    const got = await request(`${server.url}/big/-/big-1.0.0.tgz`);
    expect(sha512(got.body)).toBe(sha512(tarball));
    const status = await readFile(`/proc/${server.pid}/status`, "utf8");
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    // the body alone is 120 MiB, and reading it whole would hold it twice
    expect(peak).toBeLessThan(260);
  });
});

test("B2 the same on Bun: publish, install path, threats, stop", async () => {
  const { bun } = await clientTools();
  await using server = await started({ runtime: bun[0] ?? "bun" });
  const token = await signIn(server.url, "ann");
  const manifest = { name: "@s/p", version: "1.0.0" };
  for (const [version, size] of [
    ["1.0.0", 100],
    ["1.0.1", 3 * 2 ** 20],
  ] as const) {
    const next = { ...manifest, version };
    const tarball = await publish(server.url, token, next, pack(next, { x: randomBytes(size) }));
    const got = await request(`${server.url}/@s/p/-/p-${version}.tgz`);
    expect(got.body.equals(tarball)).toBe(true);
  }
  const full = await request(`${server.url}/@s%2fp`, { headers: { "accept-encoding": "gzip" } });
  expect(full.headers["content-encoding"]).toBe("gzip");
  const again = await request(`${server.url}/@s%2fp`, {
    headers: { "if-none-match": full.headers.etag ?? "" },
  });
  expect(again.status).toBe(304);
  const head = await request(`${server.url}/@s/p/-/p-1.0.1.tgz`, { method: "HEAD" });
  expect(Number(head.headers["content-length"])).toBeGreaterThan(3 * 2 ** 20);
  const part = await request(`${server.url}/@s/p/-/p-1.0.1.tgz`, {
    headers: { range: "bytes=5-9" },
  });
  expect([part.status, part.body.length]).toEqual([206, 5]);
  expect(
    (await request(`${server.url}/@s%2fp`, { headers: { host: "evil.example" } })).status,
  ).toBe(421);
  expect((await request(`${server.url}/..%2f..%2fetc`)).status).toBe(400);
  const cross = await request(`${server.url}/-/package/@s%2fp/dist-tags/x`, {
    method: "PUT",
    token,
    headers: { origin: "https://evil.example" },
    body: '"1.0.0"',
  });
  expect(cross.status).toBe(403);
  server.child.kill("SIGTERM");
  await server.ended;
  expect(server.child.exitCode).toBe(0);
});

test("B1, B6: a store that cannot keep the dashboard's link for a moment is no reason not to serve", async () => {
  const home = await tempFolder("no-link");
  const at = join(home.path, "away");
  await citadel(home.path, ["driver:new", "away", "-o", at]);
  await mkdir(join(at, "node_modules/@citadel"), { recursive: true });
  await symlink(join(root, "src"), join(at, "node_modules/@citadel/core"));
  const file = join(at, "src/index.js");
  const source = await readFile(file, "utf8");
  const away =
    "async put(key, content, options = {}) {\n      if (key.startsWith('t/links/')) throw new StoreError('UNAVAILABLE', 'away', { key });";
  const without = source.replace("async put(key, content, options = {}) {", away);
  expect(without).not.toBe(source);
  await writeFile(file, without);
  await citadel(home.path, ["plugins:link", "--no-install", at]);
  const env = { CITADEL_STORE: `away:${home.path}/away.log` };
  const server = await serve({ home: home.path, env });
  try {
    expect(server.dashboard).toBe(`${server.url}/_dashboard/`);
    expect((await request(server.dashboard)).status).toBe(200);
  } finally {
    await server.stop();
    await home.remove();
  }
});
