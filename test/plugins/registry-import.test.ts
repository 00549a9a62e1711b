import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { citadelEnv, root } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { pack, sha1, sha512 } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("registry-import");
afterAll(() => folder.remove());

interface Report {
  readonly packages: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, number>>;
  readonly users?: Readonly<Record<string, number>>;
  readonly problems: readonly { subject: string; version?: string; code: string }[];
}
const problemsOf = (stdout: string) =>
  (JSON.parse(stdout) as Report).problems.map(
    ({ subject, version, code }) =>
      `${subject}${version === undefined ? "" : `@${version}`} ${code}`,
  );

const dist = (tarball: Buffer, address = "http://elsewhere.invalid/x.tgz") => ({
  ...{ integrity: sha512(tarball), shasum: sha1(tarball), tarball: address },
});

/** A package as Verdaccio stores it, published there. */
async function store(
  storage: string,
  name: string,
  versions: Record<string, { tarball: Buffer; manifest?: object; attachment?: object | null }>,
  more: object = {},
) {
  const home = join(storage, name);
  await mkdir(home, { recursive: true });
  const base = name.split("/").at(-1) ?? "";
  const entries = Object.entries(versions);
  const document = {
    name,
    versions: Object.fromEntries(
      entries.map(([version, { tarball, manifest }]) => [
        version,
        { name, version, dist: dist(tarball), ...manifest },
      ]),
    ),
    "dist-tags": { latest: entries.at(-1)?.[0] },
    time: {},
    _uplinks: {},
    _distfiles: {},
    _attachments: Object.fromEntries(
      entries.flatMap(([version, { tarball, attachment }]) =>
        attachment === null
          ? []
          : [[`${base}-${version}.tgz`, attachment ?? { shasum: sha1(tarball), version }]],
      ),
    ),
    ...more,
  };
  await writeFile(join(home, "package.json"), JSON.stringify(document));
  for (const [version, { tarball }] of entries)
    await writeFile(join(home, `${base}-${version}.tgz`), tarball);
}

describe("H5: a Verdaccio storage that is not all well", async () => {
  const storage = join(folder.path, "storage");
  const good = pack({ name: "good", version: "1.0.0" });
  const at = (name: string, version = "1.0.0") => pack({ name, version });
  await store(storage, "good", { "1.0.0": { tarball: good } });
  await store(storage, "@s/good", {
    "1.0.0": { tarball: at("@s/good") },
    "1.0.1": { tarball: at("@s/good", "1.0.1"), manifest: { dist: dist(good) } },
  });
  await store(
    storage,
    "seen",
    { "1.0.0": { tarball: at("seen"), attachment: { shasum: sha1(at("seen")) } } },
    { _distfiles: { "seen-1.0.0.tgz": { url: "http://x.invalid/", sha: "0" } } },
  );
  await store(storage, "mixed", {
    "1.0.0": { tarball: at("mixed"), attachment: null },
    "1.0.1": { tarball: at("mixed", "1.0.1") },
  });
  await store(storage, "no-tarball", { "1.0.0": { tarball: at("no-tarball") } });
  await writeFile(join(storage, "no-tarball/no-tarball-1.0.0.tgz"), "cut off");
  await store(storage, "confused", {
    "1.0.0": { tarball: at("confused"), manifest: { scripts: { postinstall: "steal" } } },
  });
  await store(storage, "no-hash", {
    "1.0.0": { tarball: at("no-hash"), manifest: { dist: {} }, attachment: { version: "1.0.0" } },
  });
  await store(storage, "linked", { "1.0.0": { tarball: at("linked") } });
  await writeFile(join(folder.path, "outside.tgz"), at("linked", "1.0.1"));
  await store(storage, "linked-too", { "1.0.0": { tarball: at("linked-too") } });
  await symlink(join(folder.path, "outside.tgz"), join(storage, "linked-too/linked-too-2.0.0.tgz"));
  await store(storage, "other-name", { "1.0.0": { tarball: good } }, { name: "good" });
  await mkdir(join(storage, "damaged"));
  await writeFile(join(storage, "damaged/package.json"), '{"name":"damaged",');
  await mkdir(join(storage, ".git"));
  await writeFile(join(storage, ".git/package.json"), "{}");
  await writeFile(
    join(storage, ".verdaccio-db.json"),
    JSON.stringify({ list: ["good", "lost", "../../etc"], secret: "s" }),
  );
  const linked = JSON.parse(await readFile(join(storage, "linked-too/package.json"), "utf8"));
  linked.versions["2.0.0"] = {
    ...{ name: "linked-too", version: "2.0.0", dist: dist(at("linked", "1.0.1")) },
  };
  linked._attachments["linked-too-2.0.0.tgz"] = { version: "2.0.0" };
  await writeFile(join(storage, "linked-too/package.json"), JSON.stringify(linked));
  await writeFile(
    join(storage, "htpasswd"),
    [
      "# comment",
      "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:autocreated",
      "plain:{PLAIN}secret",
      "Upper:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
      "nothing",
      "",
    ].join("\n"),
  );

  const args = ["registry:import", "verdaccio", storage, "--json"];
  const expected = {
    packages: { added: 5, changed: 0, unchanged: 0, cached: 1, failed: 5 },
    versions: { added: 5, cached: 2, unchanged: 0, failed: 5 },
    users: { added: 1, unchanged: 0, failed: 3 },
  };

  test("every problem is named, and everything else comes; a dry run says the same", async () => {
    const home = join(folder.path, "broken");
    const dry = await citadel(home, [...args, "--dry-run"]);
    expect(dry.code).toBe(3);
    expect(JSON.parse(dry.stdout)).toMatchObject({ ...expected, dryRun: true });
    const empty = JSON.parse((await citadel(home, ["registry:info", "--json"])).stdout);
    expect(empty).toMatchObject({ packages: 0, users: 0 });

    const ran = await citadel(home, args);
    expect(ran.code).toBe(3);
    expect(JSON.parse(ran.stdout)).toMatchObject(expected);
    expect(problemsOf(ran.stdout)).toEqual(problemsOf(dry.stdout));
    expect(problemsOf(ran.stdout)).toEqual([
      "lost E_PACKAGE_NOT_FOUND",
      "../../etc E_PACKAGE_NOT_FOUND",
      "user plain E_INVALID_DOCUMENT",
      "user Upper E_INVALID_NAME",
      "user nothing E_INVALID_DOCUMENT",
      "@s/good@1.0.1 E_INTEGRITY",
      "confused@1.0.0 E_MANIFEST_MISMATCH",
      "damaged E_INVALID_DOCUMENT",
      "linked-too@2.0.0 E_INTEGRITY",
      "no-hash@1.0.0 E_INTEGRITY",
      "no-tarball@1.0.0 E_INTEGRITY",
      "other-name E_INVALID_DOCUMENT",
    ]);
    const again = await citadel(home, args);
    expect(JSON.parse(again.stdout)).toMatchObject({
      versions: { added: 0, unchanged: 5 },
      users: { added: 0, unchanged: 1 },
    });
    expect((await citadel(home, ["verify"])).code).toBe(0);
  });

  test("owners are users that are here, those of --owner, or the administrator", async () => {
    const home = join(folder.path, "owners");
    const own = join(folder.path, "owned");
    const maintainers = [{ name: "ada", email: "" }, { name: "stranger" }];
    const tarball = pack({ name: "known", version: "1.0.0" });
    await store(own, "known", { "1.0.0": { tarball } }, { maintainers });
    const other = pack({ name: "unknown", version: "1.0.0" });
    await store(own, "unknown", { "1.0.0": { tarball: other } }, { maintainers: ["stranger"] });
    const files = [...args.slice(0, 2), own, "--htpasswd", join(storage, "htpasswd"), "--json"];
    const refused = await citadel(home, [...files, "--owner", "nobody"]);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "E_USER_NOT_FOUND" } });
    await citadel(home, files);
    const ownersOf = async (name: string) => {
      const ran = await citadel(home, ["local:export", join(home, `${name}.json`)]);
      expect(ran.code).toBe(0);
      const text = await readFile(join(home, `${name}.json`), "utf8");
      const all = (JSON.parse(text) as { packages: { name: string; owners: string[] }[] }).packages;
      return all.find((one) => one.name === name)?.owners;
    };
    expect(await ownersOf("known")).toEqual(["ada"]);
    expect(await ownersOf("unknown")).toEqual(["local"]);
  });

  test("killed half-way, it goes on when run again", async () => {
    const home = join(folder.path, "killed");
    const many = join(folder.path, "many");
    for (let i = 0; i < 120; i++) {
      const name = `@many/p${i}`;
      const tarball = pack({ name, version: "1.0.0" });
      await store(many, name, { "1.0.0": { tarball } });
    }
    const again = [...args.slice(0, 2), many, "--json"];
    const child = spawn(process.execPath, [join(root, "bin/citadel.js"), ...again], {
      ...{ env: citadelEnv(home), stdio: "ignore" },
    });
    const ended = once(child, "exit");
    // as soon as the first packages are there
    for (;;) {
      const ran = await citadel(home, ["registry:info", "--json"]);
      if (ran.code === 0 && (JSON.parse(ran.stdout) as { packages: number }).packages > 0) break;
      if (child.exitCode !== null) break;
    }
    child.kill("SIGKILL");
    await ended;
    const second = JSON.parse((await citadel(home, again)).stdout) as Report;
    expect(second.problems).toEqual([]);
    expect((second.versions["added"] ?? 0) + (second.versions["unchanged"] ?? 0)).toBe(120);
    expect(second.versions["unchanged"]).toBeGreaterThan(0);
    const third = JSON.parse((await citadel(home, again)).stdout) as Report;
    expect(third.versions).toMatchObject({ added: 0, unchanged: 120 });
    expect((await citadel(home, ["verify"])).code).toBe(0);
  });

  test("what is here with other content is a conflict and stays", async () => {
    const home = join(folder.path, "conflict");
    const file = join(folder.path, "good.js");
    await writeFile(file, "ours");
    await citadel(home, ["local:publish", "good", "1.0.0", "-", "-f", file]);
    const ran = await citadel(home, args);
    expect(problemsOf(ran.stdout)).toContain("good@1.0.0 E_VERSION_EXISTS");
    const shown = await citadel(home, ["local:resolve", "good", "1.0.0", "-", "--json"]);
    expect(JSON.parse(shown.stdout).integrity).not.toBe(sha512(good));
  });

  test.each([
    ["a folder that is not there", ["nowhere"], "E_USAGE"],
    ["a file that is no YAML", ["bad.yaml"], "E_CONFIG"],
    ["a configuration that makes no sense", ["odd.yaml"], "E_CONFIG"],
    ["an htpasswd file that is not there", [storage, "--htpasswd", "nowhere"], "E_USAGE"],
  ])("%s", async (_, rest, code) => {
    await writeFile(join(folder.path, "bad.yaml"), "storage: [");
    await writeFile(join(folder.path, "odd.yaml"), "storage: 5\n");
    const ran = await citadel(join(folder.path, "none"), [...args.slice(0, 2), ...rest, "--json"], {
      cwd: folder.path,
    });
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code } });
  });
});

describe("H5: from a registry by its address", () => {
  type Handler = (request: IncomingMessage, response: ServerResponse) => void;

  async function registry(handler: Handler) {
    const asked: { path: string; authorization: string | undefined }[] = [];
    const server = createServer((request, response) => {
      asked.push({ path: request.url ?? "", authorization: request.headers.authorization });
      handler(request, response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    return {
      url: `http://127.0.0.1:${port}`,
      asked,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }
  const json = (response: ServerResponse, value: unknown) =>
    response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  const document = (name: string, tarball: Buffer, address: string, more: object = {}) => ({
    name,
    "dist-tags": { latest: "1.0.0" },
    time: { "1.0.0": "2020-01-02T03:04:05.000Z" },
    versions: { "1.0.0": { name, version: "1.0.0", dist: { ...dist(tarball, address), ...more } } },
  });
  let homes = 0;
  const importFrom = (url: string, rest: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    citadel(join(folder.path, `remote${homes++}`), ["registry:import", url, ...rest, "--json"], {
      env,
    });

  test("attacks 8, 9, 13: tarballs come from this registry alone, with its token, and are what was named", async () => {
    const elsewhere = await registry((_, response) => response.end("never"));
    await using _ = elsewhere;
    const tarball = pack({ name: "a", version: "1.0.0" });
    const lie = pack({ name: "lie", version: "1.0.0" });
    const bare = pack({ name: "bare", version: "1.0.0" });
    await using here = await registry((request, response) => {
      const { url = "" } = request;
      if (url === "/r/a")
        return void json(response, document("a", tarball, `${elsewhere.url}/a.tgz`));
      if (url === "/r/a/-/a-1.0.0.tgz") return void response.end(tarball);
      if (url === "/r/lie") return void json(response, document("lie", lie, "http://x.invalid/"));
      if (url === "/r/lie/-/lie-1.0.0.tgz") return void response.end(tarball);
      if (url === "/r/gone") return void json(response, document("gone", lie, "x"));
      if (url === "/r/gone/-/gone-1.0.0.tgz")
        return void response.writeHead(302, { location: `${elsewhere.url}/gone.tgz` }).end();
      if (url === "/r/bare")
        return void json(response, document("bare", bare, "x", { integrity: "", shasum: "" }));
      response.writeHead(404).end("{}");
    });
    const names = ["a", "lie", "gone", "bare", "nothing"].flatMap((name) => ["--package", name]);
    const ran = await importFrom(`${here.url}/r`, names, { CITADEL_IMPORT_TOKEN: "hunter2" });
    expect(problemsOf(ran.stdout)).toEqual([
      "bare@1.0.0 E_INTEGRITY",
      "gone@1.0.0 E_REMOTE_ADDRESS",
      "lie@1.0.0 E_INTEGRITY",
      "nothing E_PACKAGE_NOT_FOUND",
    ]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ versions: { added: 1, failed: 3 } });
    expect(ran.output).not.toContain("hunter2");
    expect(elsewhere.asked).toEqual([]);
    expect(here.asked.map(({ path }) => path)).not.toContain("/r/bare/-/bare-1.0.0.tgz");
    expect(new Set(here.asked.map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer hunter2"]),
    );
  });

  test("what the registry lists, with a pause when it asks for one; a dry run fetches no tarball", async () => {
    const names = Array.from({ length: 600 }, (_, i) => `@s/p${i}`);
    const packed = new Map(names.map((name) => [name, pack({ name, version: "1.0.0" })]));
    let busy = 2;
    await using here = await registry((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
      if (busy-- > 0) return void response.writeHead(503, { "retry-after": "0" }).end();
      if (pathname === "/-/v1/search") {
        const from = Number(searchParams.get("from"));
        const found = names.slice(from, from + Number(searchParams.get("size")));
        return void json(response, { objects: found.map((name) => ({ package: { name } })) });
      }
      const [, name = ""] = /^\/(@s(?:%2f|\/)p\d+)/.exec(pathname) ?? [];
      const tarball = packed.get(name.replace("%2f", "/"));
      if (!tarball) return void response.writeHead(404).end("{}");
      if (pathname.endsWith(".tgz")) return void response.end(tarball);
      json(response, document(name.replace("%2f", "/"), tarball, "x"));
    });
    const dry = await importFrom(here.url, ["--all", "-n"]);
    expect(JSON.parse(dry.stdout)).toMatchObject({ packages: { added: 600 }, dryRun: true });
    expect(here.asked.some(({ path }) => path.endsWith(".tgz"))).toBe(false);
    const one = await importFrom(here.url, ["--package", "@s/p7"]);
    expect(JSON.parse(one.stdout)).toMatchObject({ packages: { added: 1 }, problems: [] });
  });

  test.each([
    ["nothing is named", ["http://127.0.0.1:1/"], "E_USAGE"],
    ["no address", ["verdacio", "--all"], "E_USAGE"],
    ["a password in the address", ["http://u:p@127.0.0.1:1/", "--all"], "E_USAGE"],
    ["nobody there", ["http://127.0.0.1:1/", "--package", "x"], "E_REMOTE_UNAVAILABLE"],
    ["no token", ["http://127.0.0.1:1/", "--all", "--token-file", "nowhere"], "E_USAGE"],
    ["no duration", ["http://127.0.0.1:1/", "--all", "--timeout", "soon"], "E_USAGE"],
    ["no origin", ["http://127.0.0.1:1/", "--all", "--tarball-host", "x"], "E_USAGE"],
  ])("%s", async (_, [url = "", ...rest], code) => {
    expect(JSON.parse((await importFrom(url, rest)).stdout)).toMatchObject({ error: { code } });
  });

  test("a registry that wants a token", async () => {
    await using here = await registry((_, response) => response.writeHead(401).end("{}"));
    const ran = await importFrom(here.url, ["--all"]);
    expect(ran.code).toBe(8);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_REMOTE_REFUSED" } });
  });
});
