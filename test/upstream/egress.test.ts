import { brotliCompressSync, gzipSync } from "node:zlib";
import { createEgress, type Egress, type EgressOptions } from "@citadel/core/egress";
import { expect, onTestFinished, test } from "vitest";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { certificate } from "../servers/certificate.ts";
import { connectProxy } from "../servers/connect-proxy.ts";
import { liar, type Liar } from "../servers/liar.ts";
import { citadel } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";

async function server(): Promise<Liar> {
  const made = await liar();
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made;
}

function out(options: EgressOptions = {}): Egress {
  const made = createEgress(options);
  onTestFinished(() => made.close());
  return made;
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "none",
    (error: { code?: unknown }) => error.code,
  );

test("attack 10: private addresses are refused however they are written, without a connection", async () => {
  const there = await server();
  const { port } = new URL(there.url);
  const egress = out();
  const hosts = [
    ...["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "%31%32%37.0.0.1"],
    ...["0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"],
    ...["224.0.0.1", "255.255.255.255", "198.18.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00::1]"],
    ...["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
    ...["[2001:db8::1]", "[ff02::1]", "localhost"],
  ];
  for (const host of hosts)
    expect(await codeOf(egress.fetch(`http://${host}:${port}/`)), host).toBe("E_REMOTE_ADDRESS");
  expect(there.count()).toBe(0);
});

test("attack 10: other schemes, passwords in addresses and hosts besides the allowed ones are refused", async () => {
  const egress = out({ only: ["https://registry.example"], allow: ["127.0.0.1"] });
  for (const url of [
    ...["file:///etc/passwd", "ftp://registry.example/", "data:text/plain,x", "gopher://x/"],
    ...["https://u:p@registry.example/", "https://registry.example.evil.example/"],
    ...["http://registry.example/", "https://registry.example:8443/", "http://127.0.0.1/"],
  ])
    expect(await codeOf(egress.fetch(url)), url).toBe("E_REMOTE_ADDRESS");
  const secure = out({ plain: false });
  expect(await codeOf(secure.fetch("http://registry.example/"))).toBe("E_REMOTE_ADDRESS");
});

test("attack 10: an allowed origin is that port alone, and a redirect from it to another one is refused", async () => {
  const [there, inside] = [await server(), await server()];
  there.on("/away", (_request, response) =>
    response.writeHead(302, { location: `${inside.url}/secret` }).end(),
  );
  there.on("/by-name", (_request, response) =>
    response
      .writeHead(302, { location: `${inside.url.replace("127.0.0.1", "localhost")}/secret` })
      .end(),
  );
  const egress = out({ allow: [there.url] });
  for (const path of ["/away", "/by-name"])
    expect(await codeOf(egress.fetch(there.url + path))).toBe("E_REMOTE_ADDRESS");
  expect(inside.count()).toBe(0);
  expect((await out({ allow: ["127.0.0.1"] }).fetch(`${there.url}/away`)).status).toBe(404);
  expect(inside.count("/secret")).toBe(1);
});

test("attack 9: credentials stay with their origin; a redirect drops them, and those of the caller", async () => {
  const [there, other] = [await server(), await server()];
  there.on("/here", (_request, response) => response.writeHead(302, { location: "/end" }).end());
  there.on("/away", (_request, response) =>
    response.writeHead(307, { location: `${other.url}/end` }).end(),
  );
  const credentials = { origin: there.url, authorization: "Bearer secret" };
  const egress = out({ allow: ["127.0.0.1"], credentials });
  await egress.fetch(`${there.url}/here`).then((reply) => reply.bytes());
  await egress.fetch(`${other.url}/direct`).then((reply) => reply.bytes());
  const mine = { headers: { authorization: "Bearer mine", cookie: "a=b", "x-kept": "1" } };
  await egress.fetch(`${there.url}/away`, mine).then((reply) => reply.bytes());
  expect(there.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/here", "Bearer secret"],
    ["/end", "Bearer secret"],
    ["/away", "Bearer secret"],
  ]);
  expect(other.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/direct", undefined],
    ["/end", undefined],
  ]);
  expect(other.requests[1]?.headers).toMatchObject({ "x-kept": "1" });
  expect(other.requests[1]?.headers).not.toHaveProperty("cookie");
});

test("B9: redirects end after a few; none is followed where none may be, nor by a POST", async () => {
  const there = await server();
  there.on("*", (request, response) =>
    response.writeHead(302, { location: `${request.url ?? ""}x` }).end(),
  );
  const allow = [there.url];
  expect(await codeOf(out({ allow }).fetch(`${there.url}/`))).toBe("E_REMOTE_ANSWER");
  expect(there.count()).toBe(6);
  expect(await codeOf(out({ allow, redirects: 0 }).fetch(`${there.url}/`))).toBe("E_REMOTE_ANSWER");
  const posted = await out({ allow }).fetch(`${there.url}/p`, { method: "POST", body: "x" });
  posted.cancel();
  expect([posted.status, there.count("/p"), there.count("/px")]).toEqual([302, 1, 0]);
});

test("B9: each phase has its deadline, and the caller can end a request", async () => {
  const there = await server();
  there.on("/silent", () => {});
  there.on("/stops", (_request, response) => response.writeHead(200).write("{"));
  there.on("/drips", (_request, response) => {
    const timer = setInterval(() => response.write("x"), 20);
    response.on("close", () => clearInterval(timer));
  });
  const allow = [there.url];
  const read = async (path: string, timeouts: EgressOptions["timeouts"]) =>
    (await out({ allow, timeouts: timeouts ?? {} }).fetch(there.url + path)).bytes();
  expect(await codeOf(read("/silent", { first: 50 }))).toBe("E_REMOTE_TIMEOUT");
  expect(await codeOf(read("/stops", { idle: 50 }))).toBe("E_REMOTE_TIMEOUT");
  expect(await codeOf(read("/drips", { whole: 200 }))).toBe("E_REMOTE_TIMEOUT");
  const signal = AbortSignal.timeout(50);
  expect(await codeOf(out({ allow }).fetch(`${there.url}/silent`, { signal }))).toBe("E_CANCELLED");
});

test("attack 25: a body is limited after decompression, and a damaged or cut one fails", async () => {
  const there = await server();
  const bomb = gzipSync(Buffer.alloc(4 * 2 ** 20));
  const coded = (encoding: string, bytes: Buffer) =>
    there.on(`/${encoding}`, (_request, response) =>
      response.writeHead(200, { "content-encoding": encoding }).end(bytes),
    );
  coded("gzip", bomb);
  coded("br", brotliCompressSync("text"));
  coded("snappy", Buffer.from("x"));
  there.on("/damaged", (_request, response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all"),
  );
  there.on("/short", (_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write("only this");
    setTimeout(() => response.destroy(), 20);
  });
  const egress = out({ allow: [there.url] });
  const read = async (path: string) =>
    (await egress.fetch(there.url + path, { limit: 2 ** 20 })).bytes();
  expect(await codeOf(read("/gzip"))).toBe("E_REMOTE_ANSWER");
  expect(String(await read("/br"))).toBe("text");
  expect(await codeOf(read("/snappy"))).toBe("E_REMOTE_ANSWER");
  expect(await codeOf(read("/damaged"))).toBe("E_REMOTE_ANSWER");
  expect(await codeOf(read("/short"))).toBe("E_REMOTE_UNAVAILABLE");
});

test("B9: nobody there, and no such name, are the same to the caller", async () => {
  const there = await server();
  await there[Symbol.asyncDispose]();
  expect(await codeOf(out({ allow: [there.url] }).fetch(there.url))).toBe("E_REMOTE_UNAVAILABLE");
  const nowhere = "http://no-such-host.invalid/";
  expect(await codeOf(out().fetch(nowhere))).toBe("E_REMOTE_UNAVAILABLE");
});

async function proxied(options: EgressOptions & { env: Record<string, string> }) {
  const there = await server();
  there.on("*", (_request, response) => response.end("here"));
  const proxy = await connectProxy((target) =>
    target.startsWith("closed") ? undefined : Number(new URL(there.url).port),
  );
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const address = proxy.url.replace("//", "//me:p%40ss@");
  const env = Object.fromEntries(
    Object.entries(options.env).map(([key, value]) => [key, value.replace("PROXY", address)]),
  );
  return { there, proxy, targets: () => proxy.asked.map(({ target }) => target), egress: out({ ...options, env }) }; // prettier-ignore
}

test("B9: what the environment says of proxies counts: by scheme, with NO_PROXY, and never for this machine", async () => {
  const allow = ["registry.corp.example", "other.example", "closed.example"];
  const env = { http_proxy: "PROXY", NO_PROXY: ".spared.example, other.example:8080" };
  const { there, proxy, targets, egress } = await proxied({ allow: [...allow, "127.0.0.1"], env });
  const reply = await egress.fetch("http://registry.corp.example/a");
  expect((await reply.bytes()).toString()).toBe("here");
  expect(proxy.asked).toEqual([
    {
      target: "registry.corp.example:80",
      as: `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
    },
  ]);
  expect(there.requests.at(-1)?.headers).toMatchObject({ host: "registry.corp.example" });
  expect(there.requests.at(-1)?.headers).not.toHaveProperty("proxy-authorization");
  await (await egress.fetch("http://other.example:81/")).bytes();
  expect(targets()).toEqual(["registry.corp.example:80", "other.example:81"]);
  // spared ones are asked for directly, where there is nobody
  for (const url of ["http://other.example:8080/", "http://a.spared.example/"])
    expect(await codeOf(egress.fetch(url)), url).toMatch(
      /^E_REMOTE_(?:UNAVAILABLE|ADDRESS|TIMEOUT)$/,
    );
  expect((await egress.fetch(there.url)).status).toBe(200);
  expect(targets()).toHaveLength(2);
  const refused = egress.fetch("http://closed.example/");
  await expect(refused).rejects.toMatchObject({
    code: "E_REMOTE_UNAVAILABLE",
    message: `closed.example cannot be reached: the proxy ${new URL(proxy.url).host} refuses it with status 403`,
  });
});

test("attack 10: through a proxy too a connection goes to an address that was checked, and to no private one", async () => {
  const { targets, egress, there } = await proxied({ env: { HTTP_PROXY: "PROXY" } });
  // of the public internet, and of nobody
  await (await egress.fetch("http://[2f00::1]:8080/")).bytes();
  expect(targets()).toEqual(["[2f00::1]:8080"]);
  for (const host of ["127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost", hostname()])
    expect(await codeOf(egress.fetch(`http://${host}:8080/`)), host).toMatch(/^E_REMOTE_(?:ADDRESS|UNAVAILABLE)$/); // prettier-ignore
  expect(targets()).toHaveLength(1);
  expect(there.count()).toBe(1);
});

test("B9: TLS goes through the proxy to the other end, whose certificate is checked against its name", async () => {
  const name = "registry.corp.example";
  const [temp, files] = [await tempFolder("tunnel"), await certificate([name])];
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
  const registry = createServer({ cert, key }, (_request, response) =>
    response.end(JSON.stringify({ objects: [], total: 0 })),
  ).listen(0, "127.0.0.1");
  await once(registry, "listening");
  const { port } = registry.address() as AddressInfo;
  await using proxy = await connectProxy(() => port);
  const search = (host: string) =>
    citadel(temp.path, ["registry:search", "x", "--registry", `https://${host}/`, "--json"], {
      env: { NODE_EXTRA_CA_CERTS: files.cert, HTTPS_PROXY: proxy.url },
    });
  try {
    expect(JSON.parse((await search(name)).stdout)).toEqual({ items: [], total: 0 });
    const other = JSON.parse((await search("other.corp.example")).stdout);
    expect(other.error.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(proxy.asked.map(({ target }) => target)).toEqual([`${name}:443`, "other.corp.example:443"]); // prettier-ignore
    const wrong = await citadel(
      temp.path,
      ["registry:search", "x", "--registry", `https://${name}/`],
      {
        env: { HTTPS_PROXY: "socks5://me:secret@127.0.0.1:1" },
      },
    );
    expect([wrong.code, wrong.output]).toEqual([2, expect.stringContaining("HTTPS_PROXY is no http or https address")]); // prettier-ignore
    expect(wrong.output).not.toContain("secret");
  } finally {
    registry.closeAllConnections();
    registry.close();
    await Promise.all([temp.remove(), files.remove()]);
  }
}, 30_000);
