import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { Place } from "../serve/place.ts";
import { pack, sha1, sha512 } from "../support/packages.ts";
import { until } from "../support/until.ts";
import { age, behind, server, serveDocument, stock } from "./behind.ts";

const path = "/one/-/one-1.0.0.tgz";
const minute = 60_000;

const temporary = (here: Place): Promise<string[]> =>
  readdir(join(here.folder, "data/tmp")).catch(() => []);

/** A package whose only tarball is so large that it is sent on while it comes in. */
async function large() {
  const there = await server();
  const { document } = stock(there, "one", { versions: { "1.0.0": {} } });
  const bytes = pack(
    { name: "one", version: "1.0.0" },
    { "noise.bin": randomBytes(6 * 2 ** 20) },
    0,
  );
  const dist = { tarball: there.url + path, integrity: sha512(bytes), shasum: sha1(bytes) };
  document.versions["1.0.0"].dist = dist;
  serveDocument(there, "one", document);
  there.on(path, (_request, response) =>
    response.writeHead(200, { "content-length": bytes.length }).end(bytes),
  );
  return { there, document, bytes };
}

test("B9: a tarball is fetched once, checked, and then comes from here: HEAD, ranges, conditions", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const bytes = tarballs.get("1.0.0") ?? Buffer.alloc(0);
  const here = await behind(there);
  const head = await here.ask(path, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.length)]);
  const got = await here.ask(path);
  expect(bytes.equals(got.bytes)).toBe(true);
  expect(got.headers.get("etag")).toBe(`"${sha512(bytes)}"`);
  const part = await here.ask(path, { headers: { range: "bytes=10-19" } });
  expect(part.status).toBe(206);
  expect(bytes.subarray(10, 20).equals(part.bytes)).toBe(true);
  const same = await here.ask(path, { headers: { "if-none-match": `"${sha512(bytes)}"` } });
  expect(same.status).toBe(304);
  expect(there.count(path)).toBe(1);
});

test("B9: a large tarball streams to many clients from one request, and its temporary file goes", async () => {
  const { there, bytes } = await large();
  const here = await behind(there, {}, { "blobs.memory": "1MB" });
  const part = here.ask(path, { headers: { range: "bytes=-5" } });
  const all = await Promise.all(Array.from({ length: 8 }, () => here.ask(path)));
  for (const got of all) expect(bytes.equals(got.bytes)).toBe(true);
  expect(bytes.subarray(-5).equals((await part).bytes)).toBe(true);
  expect(there.count(path)).toBe(1);
  await until(async () => (await temporary(here)).length === 0);
  const cached = await here.ask(path, { headers: { range: "bytes=3-6" } });
  expect(bytes.subarray(3, 7).equals(cached.bytes)).toBe(true);
  expect(bytes.equals((await here.ask(path)).bytes)).toBe(true);
  expect(there.count(path)).toBe(1);
});

test("attack 13: a small tarball that is not what the packument promises is 502 and never kept", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const right = tarballs.get("1.0.0") ?? Buffer.alloc(0);
  const here = await behind(there);
  for (const wrong of [
    pack({ name: "one", version: "6.6.6" }),
    right.subarray(0, -1),
    Buffer.alloc(0),
  ]) {
    there.on(path, (_request, response) => response.end(wrong));
    const got = await here.ask(path);
    expect([got.status, got.json().code]).toEqual([502, "E_REMOTE_ANSWER"]);
  }
  there.on(path, (_request, response) => response.end(right));
  expect(right.equals((await here.ask(path)).bytes)).toBe(true);
});

test.each(["tampered", "cut", "longer", "hanging"] as const)(
  "attack 13, 17: a large tarball that is %s never ends well for a client, and is not kept",
  async (how) => {
    const { there, bytes } = await large();
    const here = await behind(there, {}, { "blobs.memory": "1MB" });
    const wrong = Buffer.from(bytes);
    wrong[bytes.length - 1] = (wrong[bytes.length - 1] ?? 0) ^ 1;
    there.on(path, (_request, response) => {
      response.writeHead(200, how === "longer" ? {} : { "content-length": bytes.length });
      if (how === "tampered") response.end(wrong);
      else if (how === "longer") response.end(Buffer.concat([bytes, Buffer.from("x")]));
      else {
        response.write(bytes.subarray(0, 4 * 2 ** 20));
        if (how === "cut") setTimeout(() => response.destroy(), 50);
      }
    });
    const result = await here.ask(path).then(
      (got) => (got.status === 200 ? "whole" : got.json().code),
      () => "cut off",
    );
    expect(["cut off", "E_REMOTE_ANSWER"]).toContain(result);
    there.on(path, (_request, response) =>
      response.writeHead(200, { "content-length": bytes.length }).end(bytes),
    );
    await until(async () => (await temporary(here)).length === 0);
    expect(bytes.equals((await here.ask(path)).bytes)).toBe(true);
  },
);

test("attack 13: without any hash nothing is fetched; SHA-1 alone is enough, and is checked", async () => {
  const there = await server();
  const { document, tarballs } = stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  delete document.versions["1.0.0"].dist.integrity;
  delete document.versions["1.0.0"].dist.shasum;
  delete document.versions["2.0.0"].dist.integrity;
  serveDocument(there, "one", document);
  const here = await behind(there);
  const none = await here.ask(path);
  expect([none.status, none.json().code]).toEqual([502, "E_REMOTE_ANSWER"]);
  expect(there.count(path)).toBe(0);
  const old = await here.ask("/one/-/one-2.0.0.tgz");
  expect(tarballs.get("2.0.0")?.equals(old.bytes)).toBe(true);
  const other = await behind(there);
  there.on("/one/-/one-2.0.0.tgz", (_request, response) => response.end(tarballs.get("1.0.0")));
  expect((await other.ask("/one/-/one-2.0.0.tgz")).status).toBe(502);
});

test("attack 14: a cached copy is not served once the packument promises other content", async () => {
  const there = await server();
  const { document } = stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  await here.ask(path);
  const fresh = pack({ name: "one", version: "1.0.0", description: "again" });
  const { dist } = document.versions["1.0.0"];
  document.versions["1.0.0"].dist = { ...dist, integrity: sha512(fresh), shasum: sha1(fresh) };
  serveDocument(there, "one", document);
  there.on(path, (_request, response) => response.end(fresh));
  await age(60 * minute, async () => {
    expect(fresh.equals((await here.ask(path)).bytes)).toBe(true);
  });
});

test("attack 14: a copy that was damaged in the cache is not served, and fetched anew", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there, {}, { "blobs.memory": 0 });
  await here.ask(path);
  const { driver } = here.citadel.store;
  const { entries } = await driver.list({ prefix: "c/upstream/" });
  const key = entries.find((entry) => entry.key.includes("/t/"))?.key ?? "";
  await driver.put(key, Buffer.from("damaged"));
  expect(tarballs.get("1.0.0")?.equals((await here.ask(path)).bytes)).toBe(true);
  expect(there.count(path)).toBe(2);
});

test("attack 8, 12: a tarball on another host is not fetched unless the setting names it; addresses are ours", async () => {
  const [there, other] = [await server(), await server()];
  const { document, tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const elsewhere = other.url.replace("127.0.0.1", "localhost");
  other.on("/files/x.tgz", (_request, response) => response.end(tarballs.get("1.0.0")));
  document.versions["1.0.0"].dist.tarball = `${elsewhere}/files/x.tgz`;
  serveDocument(there, "one", document);
  const here = await behind(there);
  const shown = (await here.ask("/one")).json().versions["1.0.0"].dist.tarball;
  expect(shown).toBe(`http://localhost:4873${path}`);
  const refused = await here.ask(path);
  expect([refused.status, refused.json().code]).toEqual([502, "E_REMOTE_ADDRESS"]);
  expect(other.count()).toBe(0);

  const open = await behind(there, { hosts: ["localhost"], token: "secret" });
  expect(tarballs.get("1.0.0")?.equals((await open.ask(path)).bytes)).toBe(true);
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
  for (const odd of ["file:///etc/passwd", "http://[::1]/x.tgz", "not an address"]) {
    document.versions["1.0.0"].dist.tarball = odd;
    serveDocument(there, "one", document);
    const strict = await behind(there);
    expect((await strict.ask(path)).json().code, odd).toBe("E_REMOTE_ADDRESS");
  }
});

test("attack 12: odd file names are not looked for, and an unknown version asks for the packument once more", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  for (const file of ["two-1.0.0.tgz", "one-1.0.0.zip", "one-.tgz", "one-%2e%2e.tgz", "x"])
    expect((await here.ask(`/one/-/${file}`)).status, file).toBeGreaterThanOrEqual(400);
  expect((await here.ask(path)).status).toBe(200);
  stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  there.forget();
  await age(minute, async () => {
    expect((await here.ask("/one/-/one-2.0.0.tgz")).status).toBe(200);
    for (let n = 0; n < 5; n++) expect((await here.ask("/one/-/one-9.0.0.tgz")).status).toBe(404);
    expect(there.count("/one")).toBe(1);
  });
});

test("B9: a warm cache serves while upstream is gone, and what is not in it is 503", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  const here = await behind(there);
  await here.ask("/one");
  await here.ask(path);
  await there[Symbol.asyncDispose]();
  await age(24 * 60 * minute, async () => {
    expect((await here.ask("/one")).status).toBe(200);
    expect(tarballs.get("1.0.0")?.equals((await here.ask(path)).bytes)).toBe(true);
    const missing = await here.ask("/one/-/one-2.0.0.tgz");
    expect([missing.status, missing.json().code]).toEqual([503, "E_REMOTE_UNAVAILABLE"]);
  });
});

test("B9: the cache stays within its budget, the least renewed goes first, and nothing published goes", async () => {
  const there = await server();
  const names = Array.from({ length: 12 }, (_, n) => `p${n}`);
  for (const name of names) {
    const { document } = stock(there, name, { versions: { "1.0.0": {} } });
    const bytes = pack({ name, version: "1.0.0" }, { "noise.bin": randomBytes(50_000) }, 0);
    const { dist } = document.versions["1.0.0"];
    document.versions["1.0.0"].dist = { ...dist, integrity: sha512(bytes), shasum: sha1(bytes) };
    serveDocument(there, name, document);
    there.on(`/${name}/-/${name}-1.0.0.tgz`, (_request, response) => response.end(bytes));
  }
  const here = await behind(there, {}, { "upstream.cache": "300kB", "upstream.private": ["mine"] });
  const token = await here.signIn("ann");
  await here.publish(token, { name: "mine", version: "1.0.0" });
  for (const name of names) {
    expect((await here.ask(`/${name}/-/${name}-1.0.0.tgz`)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2)); // so that it can be told which came first
  }
  await here.citadel.upstream?.evict();
  const { driver } = here.citadel.store;
  const { entries } = await driver.list({ prefix: "c/upstream/" });
  expect(entries.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(300_000);
  const kept = entries.filter(({ key }) => key.includes("/t/")).map(({ key }) => key.split("/")[4]);
  expect(kept).toContain("p11");
  expect(kept).not.toContain("p0");
  expect((await here.ask("/mine/-/mine-1.0.0.tgz")).status).toBe(200);
  await here.citadel.collect({ grace: 0 });
  expect((await driver.list({ prefix: "c/upstream/" })).entries).toHaveLength(entries.length);
});
