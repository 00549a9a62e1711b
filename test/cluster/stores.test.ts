// H4: the whole registry on any one store, by real npm: the same work over each, one table. `npm run test:stores` runs the
// client tests of the foundation, with every client, over each.
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { seat, type Client } from "../clients/client.ts";
import { startS3 } from "../servers/s3.ts";
import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools } from "../support/clients.ts";
import { packument, sha512, tarballOf } from "../support/packages.ts";
import { ok } from "../support/ok.ts";
import { startStores, storeNames } from "../support/stores.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { matrix } from "./matrix.ts";

const { citadel } = oneProcess();

const { stores, stop } = await startStores(storeNames);
const results = matrix(Object.keys(stores));

beforeAll(() => clientTools(), 400_000);
afterAll(async () => {
  console.log(`\n${results.table()}\n`);
  await stop();
});

describe.each(Object.entries(stores))("H4 %s", (store, variables) => {
  let temp: Temp;
  let env: NodeJS.ProcessEnv;
  let server: Server;
  let npm: Client;
  const home = () => join(temp.path, "home");
  const start = async () => (server = await serve({ home: home(), env }));

  beforeAll(async () => {
    if (!variables) return;
    temp = await tempFolder("stores");
    env = variables(temp.path);
    await start();
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await temp?.remove();
  });

  const check = (what: string, work: () => Promise<void>) =>
    test.skipIf(!variables)(
      what,
      async () => {
        results.note(store, what, "FAILED");
        await work();
        results.note(store, what, "ok");
      },
      120_000,
    );
  const read = async (name: string) => {
    const document = await packument(server.url, name);
    if (!document) throw new Error(`${name} is not there`);
    return document;
  };
  const publish = async (name: string, version: string, size = 0) => {
    const folder = join(temp.path, `${name.replace("/", "+")}-${version}`);
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ name, version, description: "everywhere", main: "index.js" }),
    );
    await writeFile(join(folder, "index.js"), `module.exports = "${name}@${version}";\n`);
    if (size > 0) await writeFile(join(folder, "big.bin"), randomBytes(size));
    return npm.publish!(folder);
  };

  check("npm login", async () => {
    const user = { name: "ann", password: "correct horse 1" };
    const where = { folder: temp.path, url: server.url };
    npm = (await seat(await clientTools(), "npm11", where, user)).client;
    await npm.configure();
    ok(await npm.signUp!());
  });
  check("npm publish, small and large", async () => {
    ok(await publish("plain", "1.0.0"));
    ok(await publish("@ann/large", "1.0.0", 200_000));
    for (const name of ["plain", "@ann/large"]) {
      const document = await read(name);
      const bytes = await tarballOf(server.url, document, "1.0.0");
      expect(document.versions["1.0.0"]?.dist.integrity).toBe(sha512(bytes));
    }
  });
  check("npm install", async () => {
    ok(await npm.add(join(temp.path, "project"), ["plain", "@ann/large"]));
  });
  check("npm dist-tag", async () => {
    ok(await publish("plain", "1.1.0"));
    ok(await npm.tag!.add("plain@1.0.0", "latest"));
    expect((await read("plain"))["dist-tags"]).toEqual({ latest: "1.0.0" });
  });
  check("npm deprecate", async () => {
    ok(await npm.deprecate!("plain@1.1.0", "gone bad"));
    expect((await read("plain")).versions["1.1.0"]?.deprecated).toBe("gone bad");
  });
  check("npm search", () =>
    until(async () => (await npm.search!("everywhere")).output.includes("@ann/large"), 10),
  );
  check("npm unpublish", async () => {
    ok(await npm.unpublish!("plain@1.1.0"));
    expect(Object.keys((await read("plain")).versions)).toEqual(["1.0.0"]);
    expect((await publish("plain", "1.1.0")).output).toMatch(/cannot publish over/i);
  });
  check("the same after a restart", async () => {
    const before = await read("plain");
    await server.stop();
    await start();
    const after = await read("plain");
    expect(Object.keys(after.versions)).toEqual(Object.keys(before.versions));
    expect(after._rev).toBe(before._rev);
  });
  check("citadel local:resolve", async () => {
    const out = join(temp.path, "out.tgz");
    ok(await citadel(home(), ["local:resolve", "large", "^1.0.0", "ann", "-o", out], { env }));
  });
  check("citadel verify", async () => {
    ok(await citadel(home(), ["verify"], { env }));
  });
});

describe("H4 a bucket whose server ignores conditions", () => {
  let temp: Temp;
  let weak: Awaited<ReturnType<typeof startS3>>;
  beforeAll(async () => {
    temp = await tempFolder("weak");
    weak = await startS3({ conditions: "ignored" });
  });
  afterAll(async () => {
    await weak?.stop();
    await temp?.remove();
  });
  const listed = (env: NodeJS.ProcessEnv) =>
    citadel(join(temp.path, "home"), ["local:list-packages", "--json"], { env });

  test("is refused for documents, with the ways out", async () => {
    const ran = await listed({ CITADEL_STORE: weak.bucket() });
    expect(ran.code, ran.output).toBe(2);
    const { error } = JSON.parse(ran.stdout) as {
      error: { code: string; message: string; hint: string[] };
    };
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toContain("compare-and-set");
    expect(error.message).not.toContain(weak.secret);
    expect(error.hint.join("\n")).toMatch(/CITADEL_STORE_DOCUMENTS=[^]*single-writer/);
  });
  test("holds tarballs beside documents that are elsewhere", async () => {
    ok(await listed({ CITADEL_STORE_BLOBS: weak.bucket() }));
  });
  test("holds everything for one process, and not for several workers", async () => {
    const env = { CITADEL_STORE: `${weak.bucket()}&concurrency=single-writer` };
    ok(await listed(env));
    const args = ["serve", "--workers", "2", "--port", "0"];
    const ran = await citadel(join(temp.path, "home"), args, { env });
    expect(ran.code, ran.output).toBe(2);
    expect(ran.output).toMatch(/one process at a time/);
  });
});
