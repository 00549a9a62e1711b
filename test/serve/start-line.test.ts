import { createInterface } from "node:readline";
import { createServer } from "node:http";
import { join } from "node:path";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { afterAll, describe, expect, test } from "vitest";
import { citadel, citadelEnv, root } from "../support/citadel.ts";
import { pack, publishDocument, put, sha512, signIn } from "../support/packages.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("start-line");
afterAll(() => folder.remove());
let homes = 0;

/** `citadel serve` with exactly these arguments. */
async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const home = join(folder.path, `home${homes++}`);
  const command = [join(root, "bin/citadel.js"), "serve", "--json", ...args];
  const child = spawn(process.execPath, command, {
    ...{ cwd: folder.path, env: citadelEnv(home, env), stdio: ["ignore", "pipe", "inherit"] },
  });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout! })) {
    const said = JSON.parse(line) as { url: string; registry: string; notes?: string[] };
    return {
      ...{ ...said, url: said.url.replace(/\/$/, ""), home },
      async [Symbol.asyncDispose]() {
        child.kill("SIGTERM");
        await ended;
      },
    };
  }
  throw new Error("it did not start");
}

const yaml = `
storage: ./storage
auth:
  htpasswd: { file: ./htpasswd, max_users: -1 }
  ldap: { url: 'ldap://x' }
uplinks:
  public: { url: 'http://127.0.0.1:9/' }
packages:
  'secret-*': { access: bob, publish: bob }
  '@acme/*': { access: $authenticated, publish: alice bob }
  '**': { access: $all, publish: $authenticated, proxy: public }
middlewares: { audit: { enabled: true } }
web: { title: Packages }
max_body_size: 20kb
listen: 127.0.0.1:0
`;
await mkdir(join(folder.path, "storage/thing"), { recursive: true });
await writeFile(join(folder.path, "storage/thing/package.json"), "{}");
await writeFile(join(folder.path, "config.yaml"), yaml);

describe("H5: citadel serve with a start line of Verdaccio", () => {
  test("-c: listens, limits and rules are those of the YAML; its storage is left alone", async () => {
    const env = { VERDACCIO_PUBLIC_URL: "http://127.0.0.1/npm" };
    await using server = await start(["-c", "config.yaml", "-l", "127.0.0.1:0"], env);
    expect(server.registry).toBe("http://127.0.0.1/npm/");
    expect(server.notes).toContain("nothing here reads middlewares, auth.ldap");
    expect(server.notes?.join("\n")).toMatch(/citadel registry:import verdaccio config\.yaml/);
    expect(server.notes?.join("\n")).toContain("access rules made for secret-*, @acme/*, *");
    expect(await readdir(join(folder.path, "storage"))).toEqual(["thing"]);

    // max_users: -1
    await expect(signIn(server.url, "mallory")).rejects.toThrow(/40[13]/);
    const manifest = { name: "secret-x", version: "1.0.0" };
    const anonymous = publishDocument(server.url, manifest, pack(manifest));
    expect((await put(server.url, undefined, anonymous)).status).toBe(401);
  });

  test("its rules decide who reads and who publishes", async () => {
    const open = join(folder.path, "open.yaml");
    const changed = yaml.replace("max_users: -1", "max_users: 10").replace(", proxy: public", "");
    await writeFile(open, changed);
    await using server = await start(["-c", open]);
    const [alice, bob, carol] = await Promise.all(
      ["alice", "bob", "carol"].map((name) => signIn(server.url, name)),
    );
    const publish = (name: string, token: string | undefined, size = 0) => {
      const manifest = { name, version: "1.0.0" };
      const noise = Buffer.from(Array.from({ length: size }, () => Math.random() * 256));
      const tarball = pack(manifest, { noise });
      return put(server.url, token, publishDocument(server.url, manifest, tarball));
    };
    const read = async (name: string, token?: string) =>
      (await request(`${server.url}/${name.replace("/", "%2f")}`, { token })).status;

    expect((await publish("secret-a", carol)).status).toBe(403);
    expect((await publish("secret-a", bob)).status).toBe(201);
    expect(await read("secret-a", bob)).toBe(200);
    expect(await read("secret-a", carol)).toBe(404);
    expect([401, 404]).toContain(await read("secret-a"));
    expect((await publish("@acme/a", carol)).status).toBe(403);
    expect((await publish("@acme/a", alice)).status).toBe(201);
    expect(await read("@acme/a", carol)).toBe(200);
    expect([401, 404]).toContain(await read("@acme/a"));
    expect((await publish("plain", carol)).status).toBe(201);
    expect(await read("plain")).toBe(200);
    expect((await publish("large", carol, 40_000)).status).toBe(413);
  });

  test("its uplinks are upstreams for the names of their entries, and for no others", async () => {
    const asked: string[] = [];
    const upstream = createServer((incoming, outgoing) => {
      asked.push(incoming.url ?? "");
      const dist = { integrity: sha512(pack({ name: "up", version: "1.0.0" })) };
      const versions = { "1.0.0": { name: "up", version: "1.0.0", dist } };
      const document = { name: "up", "dist-tags": { latest: "1.0.0" }, versions };
      if (incoming.url === "/up") outgoing.end(JSON.stringify(document));
      else outgoing.writeHead(404).end("{}");
    }).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    try {
      const { port } = upstream.address() as { port: number };
      const file = join(folder.path, "up.yaml");
      await writeFile(
        file,
        yaml.replace("127.0.0.1:9/", `127.0.0.1:${port}/`).replace("'secret-*'", "'secret-*-x'"),
      );
      await using server = await start(["-c", file]);
      const read = async (name: string) => (await request(`${server.url}/${name}`)).status;
      expect(await read("up")).toBe(200);
      expect(await read("none")).toBe(404);
      for (const name of ["@acme%2fx", "secret-a-x", "secret-b"])
        expect(await read(name)).toBeOneOf([401, 404]);
      expect(asked).toContain("/up");
      expect(asked).toContain("/none");
      expect(asked.join("\n")).not.toMatch(/acme|secret/);
    } finally {
      upstream.closeAllConnections();
      upstream.close();
    }
  });

  test.each([
    ["a port", "0"],
    ["a host with its port", "localhost:0"],
    ["an address of version 6", "[::1]:0"],
    ["an address in full", "http://127.0.0.1:0/"],
  ])("-l: %s", async (_, place) => {
    await using server = await start(["-l", place]);
    expect((await request(`${server.url}/-/ping`)).status).toBe(200);
  });

  test("-c with settings of Citadel; what the command line says counts more", async () => {
    const file = join(folder.path, "own.json5");
    await writeFile(file, "{ server: { port: 1, signup: 'closed' } }");
    await using server = await start(["--config", file, "--port", "0"]);
    await expect(signIn(server.url, "alice")).rejects.toThrow(/40[13]/);
  });

  test.each([
    ["https", ["-l", "https://localhost:1"], "E_CONFIG"],
    ["a Unix socket", ["-l", "unix:/tmp/x"], "E_CONFIG"],
    ["no port", ["-l", "localhost:99999"], "E_CONFIG"],
    ["both ways", ["-l", "1", "--port", "2"], "E_USAGE"],
    ["no file", ["-c", "nowhere.yaml"], "E_USAGE"],
    ["no file of settings", ["-c", "nowhere.json5"], "E_USAGE"],
  ])("%s is refused", async (_, args, code) => {
    const ran = await citadel(join(folder.path, "none"), ["serve", "--json", ...args], {
      cwd: folder.path,
    });
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code } });
  });
});
