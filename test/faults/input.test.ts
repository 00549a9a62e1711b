// H1 H7 F4 A2 A9: bad input from outside. Each gets a JSON error with the right status, nothing is written, the process lives.
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request, type Answer } from "../support/http.ts";
import {
  pack,
  packument,
  publish,
  publishDocument,
  put,
  sha512,
  signIn,
  tarOf,
  type PublishDocument,
  type TarEntry,
} from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { sound, stored } from "./publishes.ts";

const { citadel } = oneProcess();

let temp: Temp;
let home: string;
let server: Server;
let token: string;
let before: string[];
const good = { name: "good", version: "1.0.0" };
const scoped = { name: "@ann/scoped", version: "1.0.0" };

beforeAll(async () => {
  temp = await tempFolder("input");
  home = join(temp.path, "registry");
  server = await serve({ home });
  token = await signIn(server.url, "ann");
  await publish(server.url, token, good);
  await publish(server.url, token, scoped);
});
beforeEach(async () => {
  before = await stored(home);
});
afterEach(async () => {
  expect(server.alive(), server.log()).toBe(true);
  expect((await request(`${server.url}/-/ping`)).status).toBe(200);
  expect(server.log()).not.toMatch(/unexpected|TypeError|\n\s+at /);
});
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

/** A refusal in the registry's form: the status, JSON, one line of text in `error`, nothing of the machine in it. */
function refusal(answer: Answer, status: number | readonly number[], what = ""): void {
  expect([status].flat(), `${what}: ${answer.status} ${answer.text().slice(0, 300)}`).toContain(
    answer.status,
  );
  expect(answer.headers["content-type"], what).toMatch(/^application\/json/);
  const { error } = answer.json() as { error?: unknown };
  expect(error, what).toBeTypeOf("string");
  expect(error, what).not.toMatch(/[\r\n]|node_modules|\.ts:|\.js:/);
  expect(error, what).not.toContain(temp.path);
}
const nothingWritten = async () => expect(await stored(home)).toEqual(before);

const climbing = [
  "../../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e/%2e%2e/etc/passwd",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "%252e%252e%252fetc%252fpasswd",
  "..\\..\\etc\\passwd",
  "..%5c..%5cetc%5cpasswd",
  "good%00.js",
  "good%00",
  "%2fetc%2fpasswd",
  ".",
  "..",
  "%2e",
  "good%zz",
  "%",
  "%c0%ae%c0%ae%c0%afetc",
  "@ann%2f..%2f..%2fgood",
  "@..%2fgood",
  "@ann/..",
];

describe("H1 names and paths that climb", () => {
  test.each(climbing)("GET %s in every place", async (path) => {
    for (const url of [
      `/${path}`,
      `/good/-/${path}`,
      `/good/-/${path}.tgz`,
      `/${path}/-/passwd-1.0.0.tgz`,
      `/good/${path}`,
      `/-/package/${path}/dist-tags`,
      `/-/user/org.couchdb.user:${path}`,
      `/-/npm/v1/${path}`,
    ]) {
      const answer = await request(server.url + url, { token });
      // npm's own name for the parent of a package is the package, when a client has tidied the path up
      if (answer.status !== 200) refusal(answer, [400, 404, 405], url);
      expect(answer.text(), url).not.toContain("root:");
      if (answer.status === 200) expect(["good", "registry"], url).toContain(nameIn(answer));
    }
  });

  test.each(climbing)("PUT and DELETE %s in every place", async (path) => {
    const document = JSON.stringify(
      publishDocument(server.url, { ...good, name: path }, pack(good)),
    );
    const user = JSON.stringify({ name: path, password: "correct horse 1", type: "user" });
    for (const [method, url, body] of [
      ["PUT", `/${path}`, document],
      ["PUT", `/${path}/-rev/1`, document],
      ["PUT", `/-/package/${path}/dist-tags/next`, '"1.0.0"'],
      ["PUT", "/-/package/good/dist-tags/next", JSON.stringify(path)],
      ["PUT", `/-/user/org.couchdb.user:${path}`, user],
      ["DELETE", `/${path}/-rev/1`, ""],
      ["DELETE", `/good/-/${path}/-rev/1`, ""],
      ["DELETE", `/-/package/good/dist-tags/${path}`, ""],
    ] as const) {
      const headers = { "content-type": "application/json" };
      const answer = await request(server.url + url, { method, token, headers, body });
      refusal(answer, [400, 403, 404, 405, 409], `${method} ${url}`);
    }
    await nothingWritten();
  });
});

test("H1 a tag that looks like a path is a word in the document, and no path", async () => {
  for (const tag of ["feature%2fone", "..%2f..%2fx", "%252e%252e%252fx"]) {
    const url = `${server.url}/-/package/good/dist-tags/${tag}`;
    const headers = { "content-type": "application/json" };
    const answer = await request(url, { method: "PUT", token, headers, body: '"1.0.0"' });
    if (answer.status >= 300) refusal(answer, 400, tag);
    else expect((await request(url, { method: "DELETE", token })).status, tag).toBeLessThan(300);
  }
  const added = (await stored(home)).filter((key) => !before.includes(key));
  for (const key of added) expect(key).toMatch(/^h\/package\/good\//);
  expect((await packument(server.url, "good"))?.["dist-tags"]).toEqual({ latest: "1.0.0" });
});

function nameIn(answer: Answer): unknown {
  const { name, db_name } = answer.json() as { name?: unknown; db_name?: unknown };
  return name ?? db_name;
}

test("B2 all spellings of a scoped name are the same package", async () => {
  const plain = await request(`${server.url}/@ann/scoped`);
  expect(plain.status).toBe(200);
  for (const path of ["/@ann%2fscoped", "/@ann%2Fscoped", "/%40ann/scoped", "/%40ann%2fscoped"])
    expect((await request(server.url + path)).text(), path).toBe(plain.text());
  const file = await request(`${server.url}/@ann/scoped/-/scoped-1.0.0.tgz`);
  expect(file.status).toBe(200);
  for (const path of [
    "/@ann%2fscoped/-/scoped-1.0.0.tgz",
    "/%40ann%2Fscoped/-/scoped-1.0.0.tgz",
    "/@ann/scoped/-/@ann/scoped-1.0.0.tgz",
  ])
    expect((await request(server.url + path)).body.equals(file.body), path).toBe(true);
  for (const path of ["/@ann%2fscoped/latest", "/@ann/scoped/1.0.0"])
    expect((await request(server.url + path)).json(), path).toMatchObject({ version: "1.0.0" });
});

describe("H7 documents that lie", () => {
  const manifest = { name: "liar", version: "1.0.0" };
  const tarball = pack(manifest);
  const file = "liar-1.0.0.tgz";
  const honest = () => publishDocument(server.url, manifest, tarball);
  const cases: [string, (document: PublishDocument) => unknown, number[]][] = [
    [
      "base64 with foreign characters",
      (d) => (d._attachments[file]!.data = "%%%" + d._attachments[file]!.data),
      [400],
    ],
    [
      "base64 cut short",
      (d) => (d._attachments[file]!.data = d._attachments[file]!.data.slice(0, -9)),
      [400],
    ],
    ["no base64 at all", (d) => (d._attachments[file]!.data = ""), [400]],
    ["data is no string", (d) => (d._attachments[file]!.data = 7 as never), [400]],
    ["a wrong length", (d) => (d._attachments[file]!.length += 1), [400]],
    ["a wrong integrity", (d) => (dist(d)["integrity"] = sha512(Buffer.from("other"))), [400]],
    ["a wrong shasum", (d) => (dist(d)["shasum"] = "0".repeat(40)), [400]],
    ["no attachment", (d) => (d._attachments = {}), [400, 404]],
    ["two tarballs", (d) => (d._attachments["liar-2.0.0.tgz"] = d._attachments[file]!), [400]],
    ["another name in _id", (d) => (d._id = "good"), [400]],
    ["another name in the document", (d) => void ((d.name = "other"), (d._id = "other")), [400]],
    ["another name in the manifest", (d) => (version(d)["name"] = "good"), [400]],
    ["another version in the manifest", (d) => (version(d)["version"] = "1.0.1"), [400]],
    ["two versions", (d) => (d.versions["1.0.1"] = { ...version(d), version: "1.0.1" }), [400]],
    ["no version", (d) => (d.versions = {}), [400]],
    ["a tag to another version", (d) => (d["dist-tags"] = { latest: "2.0.0" }), [400]],
    ["a tag that is a range", (d) => (d["dist-tags"] = { "^1.0.0": "1.0.0" }), [400]],
    ["a version that is none", (d) => rename(d, "one"), [400]],
    ["a version with a path", (d) => rename(d, "1.0.0/../../x"), [400]],
    ["versions is a list", (d) => (d.versions = [] as never), [400]],
    [
      "dependencies that the tarball has not",
      (d) => (version(d)["dependencies"] = { evil: "1" }),
      [400],
    ],
    ["scripts that the tarball has not", (d) => (version(d)["scripts"] = { install: "x" }), [400]],
    ["a bin that the tarball has not", (d) => (version(d)["bin"] = { ls: "x.js" }), [400]],
  ];
  const version = (d: PublishDocument) => d.versions["1.0.0"]!;
  const dist = (d: PublishDocument) => version(d)["dist"] as Record<string, unknown>;
  const rename = (d: PublishDocument, to: string) => {
    d.versions = { [to]: { ...version(d), version: to } };
    d["dist-tags"] = { latest: to };
  };

  test.each(cases)("%s", async (what, lie, status) => {
    const document = honest();
    lie(document);
    const answer = await request(`${server.url}/liar`, {
      method: "PUT",
      token,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(document),
    });
    refusal(answer, status, what);
    expect(await packument(server.url, "liar")).toBeUndefined();
    await nothingWritten();
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "7",
    '{"versions":7}',
    '{"versions":null}',
    "\u0000",
  ])("the body %j", async (body) => {
    const headers = { "content-type": "application/json" };
    for (const path of ["/liar", "/good", "/good/-rev/1"])
      refusal(
        await request(server.url + path, { method: "PUT", token, headers, body }),
        [400, 404, 409, 422],
        path,
      );
    await nothingWritten();
  });
});

describe("H7, attack 6: tarballs that nobody should unpack", () => {
  const manifest = { name: "trap", version: "1.0.0" };
  const json: TarEntry = { path: "package/package.json", content: JSON.stringify(manifest) };
  const attempt = (tarball: Buffer) =>
    put(server.url, token, publishDocument(server.url, manifest, tarball));
  const archive = (...entries: TarEntry[]) => gzipSync(tarOf([json, ...entries]));
  const whole = pack(manifest, { "filler.bin": randomBytes(5000) });
  const flipped = Buffer.from(whole);
  flipped[flipped.length >> 1]! ^= 0xff;

  const cases: [string, () => Buffer][] = [
    ["not gzip", () => Buffer.from("this is not a tarball")],
    ["empty", () => Buffer.alloc(0)],
    ["gzip cut off", () => whole.subarray(0, whole.length - 40)],
    ["gzip with a flipped bit", () => flipped],
    [
      "gzip of something else",
      () => gzipSync("not a tar archive at all, but long enough to be read"),
    ],
    [
      "an archive without package.json",
      () => gzipSync(tarOf([{ path: "package/a.js", content: "1" }])),
    ],
    ["package.json is no JSON", () => gzipSync(tarOf([{ ...json, content: "{" }]))],
    [
      "two of package.json",
      () => archive({ ...json, content: '{"name":"other","version":"1.0.0"}' }),
    ],
    ["another name inside", () => pack({ ...manifest, name: "other" })],
    ["another version inside", () => pack({ ...manifest, version: "2.0.0" })],
    [
      "a symbolic link out",
      () => archive({ path: "package/a", type: "SymbolicLink", linkpath: "../../etc/passwd" }),
    ],
    [
      "a symbolic link to an absolute path",
      () => archive({ path: "package/a", type: "SymbolicLink", linkpath: "/etc/passwd" }),
    ],
    [
      "a hard link out",
      () => archive({ path: "package/a", type: "Link", linkpath: "../../etc/passwd" }),
    ],
    [
      "a file through a link",
      () =>
        archive(
          { path: "package/a", type: "SymbolicLink", linkpath: "b" },
          { path: "package/a/x", content: "x" },
        ),
    ],
    [
      "package.json is a link",
      () =>
        gzipSync(tarOf([{ path: "package/package.json", type: "SymbolicLink", linkpath: "b" }])),
    ],
    ["an absolute path", () => archive({ path: "/etc/cron.d/x", content: "x" })],
    ["a Windows path", () => archive({ path: "C:\\x", content: "x" })],
    ["a path that climbs", () => archive({ path: "package/../../x", content: "x" })],
    [
      "a path that climbs by backslash",
      () => archive({ path: "package\\..\\..\\x", content: "x" }),
    ],
    ["a device", () => archive({ path: "package/tty", type: "CharacterDevice" })],
  ];
  test.each(cases)("%s", async (what, make) => {
    refusal(await attempt(make()), 400, what);
    expect(await packument(server.url, "trap")).toBeUndefined();
    await nothingWritten();
  });

  test("a gzip bomb of 8 GiB ends early, in little memory", async () => {
    const zeros = gzipSync(Buffer.alloc(2 ** 26), { level: 9 }); // gzip members add up
    const bomb = Buffer.concat([
      gzipSync(tarOf([json]).subarray(0, 1024), { level: 9 }),
      gzipSync(Buffer.concat([headerOf("package/zeros", 2 ** 33 - 1)]), { level: 9 }),
      ...Array.from({ length: 128 }, () => zeros),
    ]);
    const answer = await attempt(bomb);
    refusal(answer, [400, 413], "bomb");
    await nothingWritten();
    expect(await residentMegabytes(server.pid)).toBeLessThan(600);
  }, 120_000);

  test("F4 a tarball of 101 MB is a 413 that names the limit", async () => {
    const tarball = pack(manifest, { "filler.bin": randomBytes(101_000_000) }, 0);
    const answer = await attempt(tarball);
    refusal(answer, 413, "101 MB");
    expect(answer.text()).toMatch(/100|104,?857,?600/);
    await nothingWritten();
  }, 60_000);
});

function headerOf(path: string, size: number): Buffer {
  const whole = tarOf([{ path }]).subarray(0, 512);
  whole.write(`${size.toString(8).padStart(11, "0")} `, 124);
  whole.write("        ", 148);
  let sum = 0;
  for (const byte of whole) sum += byte;
  whole.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return whole;
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "VmRSS: 0 kB");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

describe("H1 uploads that stop", () => {
  const body = () => {
    const manifest = { name: "half", version: "1.0.0" };
    const tarball = pack(manifest, { "filler.bin": randomBytes(400_000) }, 0);
    return JSON.stringify(publishDocument(server.url, manifest, tarball));
  };
  const head = (length: number | "chunked") =>
    `PUT /half HTTP/1.1\r\nhost: ${new URL(server.url).host}\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\n${length === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`}\r\n\r\n`;
  const sendAndDrop = (bytes: string) =>
    new Promise<void>((resolve, reject) => {
      const { port, hostname } = new URL(server.url);
      const socket = connect(Number(port), hostname, () =>
        socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 50)),
      );
      socket.on("error", reject);
      socket.on("close", () => resolve());
    });

  test.each([0.01, 0.5, 0.99])("after %f of the body", async (part) => {
    const whole = body();
    await sendAndDrop(head(whole.length) + whole.slice(0, whole.length * part));
    const size = whole.length.toString(16);
    await sendAndDrop(`${head("chunked")}${size}\r\n${whole.slice(0, whole.length * part)}`);
    expect(await packument(server.url, "half")).toBeUndefined();
    await nothingWritten();
  });
});

describe("H1 what is not there", () => {
  test("unknown packages, versions, tags and files are 404", async () => {
    for (const path of [
      "/missing",
      "/@ann%2fmissing",
      "/good/9.9.9",
      "/good/missing",
      "/good/-/good-9.9.9.tgz",
      "/good/-/scoped-1.0.0.tgz",
      "/@ann/scoped/-/good-1.0.0.tgz",
      "/-/package/missing/dist-tags",
      "/-/user/org.couchdb.user:missing",
      "/-/nothing",
    ])
      refusal(await request(server.url + path, { token }), 404, path);
    const body = '"9.9.9"';
    const headers = { "content-type": "application/json" };
    const tag = `${server.url}/-/package/good/dist-tags/next`;
    refusal(await request(tag, { method: "PUT", token, headers, body }), 404);
    for (const args of [
      ["missing", "1.0.0", "demo"],
      ["scoped", "9.9.9", "ann"],
      ["scoped", "next", "ann"],
    ]) {
      const ran = await citadel(home, ["local:resolve", ...args, "--json"]);
      expect(ran.code, ran.output).toBe(4);
      expect(JSON.parse(ran.stdout)).toMatchObject({ error: { exit: 4, status: 404 } });
    }
    await nothingWritten();
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "__defineGetter__"])(
    "H1 %s is an ordinary name everywhere, and nobody has it",
    async (name) => {
      for (const path of [
        `/${name}`,
        `/good/${name}`,
        `/good/-/${name}`,
        `/-/package/${name}/dist-tags`,
        `/-/user/org.couchdb.user:${name}`,
        `/-/${name}`,
        `/@ann%2f${name}`,
      ])
        refusal(await request(server.url + path, { token }), [400, 404], path);
      refusal(await request(`${server.url}/-/whoami`, { token: name }), 401);
      const headers = { "content-type": "application/json" };
      const wrong = await request(`${server.url}/-/user/org.couchdb.user:${name}/-rev/1`, {
        method: "PUT",
        headers: { ...headers, authorization: `Basic ${btoa(`${name}:x`)}` },
        body: JSON.stringify({ name, password: "x" }),
      });
      refusal(wrong, [400, 401, 403, 404]);
      const document = publishDocument(server.url, good, pack(good));
      const poisoned = JSON.stringify(document).replace(
        '"dist-tags":{',
        `"dist-tags":{"${name}":"9.9.9",`,
      );
      refusal(
        await request(`${server.url}/good`, { method: "PUT", token, headers, body: poisoned }),
        [400, 409],
      );
      await nothingWritten();
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    },
  );
});

test("A1 bad arguments of local:publish: exit 2, a JSON error, nothing written", async () => {
  await writeFile(join(temp.path, "x.js"), "1");
  for (const [name, version, scope] of [
    ["../x", "1.0.0", "demo"],
    ["x", "one", "demo"],
    ["x", "1.0.0", "../demo"],
    ["x", "1.0.0/../..", "demo"],
    ["node_modules", "1.0.0", ".."],
    ["UPPER", "1.0.0", "demo"],
  ] as const) {
    const args = ["local:publish", name, version, scope, "-f", "x.js", "--json"];
    const ran = await citadel(home, args, { cwd: temp.path });
    expect(ran.code, `${args.join(" ")}\n${ran.output}`).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { exit: 2, status: 400 } });
  }
  await nothingWritten();
}, 60_000);

test("H1 after all of that the store is sound, and what was there is what it was", async () => {
  expect((await packument(server.url, "good"))?.["dist-tags"]).toEqual({ latest: "1.0.0" });
  await sound(home);
});

describe("A9 a damaged blob on the disk", () => {
  let own: Temp;
  let damaged: Server;
  beforeAll(async () => {
    own = await tempFolder("damage");
    damaged = await serve({ home: own.path });
    const ann = await signIn(damaged.url, "ann");
    const manifest = { name: "@ann/large", version: "1.0.0" };
    await publish(damaged.url, ann, manifest, pack(manifest, { "a.bin": randomBytes(300_000) }));
    await publish(damaged.url, ann, { name: "@ann/well", version: "1.0.0" });
    await damaged.stop();
    const files = join(own.path, "data/blobs/keys/b");
    const found = (await readdir(files, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(found).toHaveLength(1);
    const file = join(found[0]!.parentPath, found[0]!.name);
    const bytes = await readFile(file);
    bytes[bytes.length - 1000]! ^= 1;
    await writeFile(file, bytes);
    damaged = await serve({ home: own.path });
  });
  afterAll(async () => {
    await damaged?.stop();
    await own?.remove();
  });

  test("is never served whole: an error, or a connection that ends early", async () => {
    const answer = await request(`${damaged.url}/@ann/large/-/large-1.0.0.tgz`).catch(
      () => undefined,
    );
    expect(answer?.status).not.toBe(200);
    expect(damaged.alive()).toBe(true);
    const well = await request(`${damaged.url}/@ann/well/-/well-1.0.0.tgz`);
    expect(well.status).toBe(200);
  });
  test("A2 local:resolve says which object, exit 6, and writes nothing", async () => {
    const out = join(own.path, "out.tgz");
    const args = ["local:resolve", "large", "1.0.0", "ann", "-o", out, "--json"];
    const ran = await citadel(own.path, args);
    expect(ran.code, ran.output).toBe(6);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      error: { code: "E_INTEGRITY", message: expect.stringMatching(/b\/sha512\/|large/) },
    });
    await expect(stat(out)).rejects.toThrow("ENOENT");
  });
  test("H1 verify finds it, exit 6", async () => {
    const ran = await citadel(own.path, ["verify", "--json"]);
    expect(ran.code, ran.output).toBe(6);
    const { items } = JSON.parse(ran.stdout) as { items: { key: string }[] };
    expect(items.map(({ key }) => key)).toEqual([expect.stringMatching(/^b\/sha512\//)]);
  });
});
