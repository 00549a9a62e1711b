// A1 A2 B1 B2 B3 H7 H8: the main job through the real commands of every client, each against a registry of its own.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { citadel, serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import {
  inUrl,
  pack,
  packument,
  publish,
  put,
  sha512,
  signIn,
  tarballOf,
  type Packument,
  type PublishDocument,
} from "../support/packages.ts";
import { ok, refused } from "../support/ok.ts";
import { startStores, storeNames, type StoreName, type StoreVariables } from "../support/stores.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { clients, seat, type Client, type ClientId } from "./client.ts";

const ids = Object.keys(clients) as ClientId[];
const patience = 120_000;
let tools: ClientTools;

/** The store under the registries: the default one, or one of `storeNames` as `npm run test:stores` says. */
const chosen = process.env["CITADEL_TEST_STORE"] as StoreName | undefined;
const { stores, stop } = await startStores(chosen ? [chosen] : []);
const variables: StoreVariables = chosen
  ? (stores[chosen] ?? assert.fail(`no ${chosen} here; there are ${storeNames.join(", ")}`))
  : () => ({});

beforeAll(async () => {
  tools = await clientTools();
}, 400_000);
afterAll(() => stop());

const taken = /cannot publish over/i;
const stranger = /403|forbidden|not allowed|permission|owner|belongs to/i;

async function packageFolder(
  folder: string,
  name: string,
  version: string,
  more = "",
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const manifest = {
    name,
    version,
    description: `wordsfor ${name}`,
    license: "MIT",
    main: "index.js",
  };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "index.js"), `module.exports = "${name}@${version}";\n`);
  await writeFile(join(folder, "README.md"), `# ${name}\n`);
  if (more) await writeFile(join(folder, "more.txt"), more);
  return folder;
}

/** Every file below a folder. */
const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe.each(ids)("B2 %s", (id) => {
  let temp: Temp;
  let server: Server;
  let ann: Awaited<ReturnType<typeof seat>>;
  let bob: Awaited<ReturnType<typeof seat>>;
  let annToken: string; // the same user over plain HTTP, to prepare and to look
  const has = clients[id]({
    home: "",
    url: "http://127.0.0.1",
    user: { name: "", password: "" },
  } as never);
  const plain = `plain-${id}`;
  const scoped = `@ann/scoped-${id}`;
  const read = async (name: string, form: "full" | "short" = "full"): Promise<Packument> => {
    const found = await packument(server.url, name, { form, token: annToken });
    if (!found) throw new Error(`${name} is not there`);
    return found;
  };

  /** A case of the matrix, left out where the client lacks one of the commands. */
  const check = (what: string, needs: readonly (keyof Client)[], work: () => Promise<void>) => {
    if (needs.some((command) => has[command] === undefined)) return;
    test(what, work, patience);
  };

  const folder = (name: string) => join(temp.path, name.replace("/", "+"));
  const publishAs = async (
    who: typeof ann,
    name: string,
    version: string,
    options: { tag?: string; more?: string } = {},
  ) => {
    const to = folder(`${who.user.name}-${name}-${version}`);
    return who.client.publish!(await packageFolder(to, name, version, options.more), options.tag);
  };
  /** ann at another machine: nothing in any cache. */
  const newcomer = async (why: string) => {
    const found = await seat(tools, id, { folder: folder(why), url: server.url }, ann.user);
    await found.client.configure(annToken);
    return found;
  };
  /** Publishes with the client itself, or by HTTP for one that only installs. */
  const bring = async (name: string, version: string, tag?: string) => {
    if (has.publish) ok(await publishAs(ann, name, version, tag === undefined ? {} : { tag }));
    else {
      const manifest = { name, version, main: "index.js" };
      await publish(server.url, annToken, manifest, pack(manifest), tag);
    }
  };
  const deprecateByHttp = async (name: string, version: string, message: string) => {
    const document = structuredClone(await read(name)) as unknown as PublishDocument;
    document.versions[version]!["deprecated"] = message;
    const answer = await put(server.url, annToken, document);
    expect(answer.status, answer.text()).toBeLessThan(300);
  };

  beforeAll(async () => {
    temp = await tempFolder(`client-${id}`);
    server = await serve({ home: join(temp.path, "registry"), env: variables(temp.path) });
    const where = { folder: temp.path, url: server.url };
    ann = await seat(tools, id, where, { name: "ann", password: "correct horse 1" });
    bob = await seat(tools, id, where, { name: "bob", password: "battery staple 2" });
    for (const who of [ann, bob]) {
      const token = has.signUp
        ? undefined
        : await signIn(server.url, who.user.name, who.user.password);
      await who.client.configure(token);
    }
  }, patience);
  afterAll(async () => {
    await server?.stop();
    await temp?.remove();
  });

  check("signs up", ["signUp"], async () => {
    ok(await ann.client.signUp!());
    ok(await bob.client.signUp!());
  });
  test("the account works over HTTP", async () => {
    annToken = await signIn(server.url, ann.user.name, ann.user.password);
    await expect(signIn(server.url, ann.user.name, "wrong")).rejects.toThrow("401");
  });
  check("knows who it is", ["whoami"], async () => {
    expect(ok(await ann.client.whoami!()).output).toContain("ann");
  });
  check("pings", ["ping"], async () => {
    ok(await ann.client.ping!());
  });

  check("publishes unscoped and scoped", ["publish"], async () => {
    ok(await publishAs(ann, plain, "1.0.0"));
    ok(await publishAs(ann, scoped, "1.0.0"));
    for (const name of [plain, scoped]) {
      const document = await read(name);
      expect(document["dist-tags"]).toEqual({ latest: "1.0.0" });
      const bytes = await tarballOf(server.url, document, "1.0.0", annToken);
      expect(document.versions["1.0.0"]?.dist.integrity).toBe(sha512(bytes));
      expect(document.versions["1.0.0"]?.["readme"]).toBeUndefined();
      expect(document["readme"]).toBe(`# ${name}\n`);
      expect((await read(name, "short")).versions["1.0.0"]?.dist).toEqual(
        document.versions["1.0.0"]?.dist,
      );
    }
  });
  check("installs both, integrity in the lockfile", ["add"], async () => {
    if (!has.publish) for (const name of [plain, scoped]) await bring(name, "1.0.0");
    const project = folder("project");
    ok(await ann.client.add(project, [plain, scoped]));
    const lock = await readFile(join(project, ann.client.lockfile), "utf8");
    for (const name of [plain, scoped]) {
      const installed = await readFile(join(project, "node_modules", name, "index.js"), "utf8");
      expect(installed).toBe(`module.exports = "${name}@1.0.0";\n`);
      expect(lock).toContain(name);
      const { integrity } = (await read(name)).versions["1.0.0"]!.dist;
      if (ann.client.locksIntegrity) expect(lock).toContain(integrity);
    }
  });
  check("installs from the lockfile with empty caches", ["frozen"], async () => {
    const { client } = await newcomer("frozen");
    const project = folder("project-again");
    await mkdir(project);
    for (const file of ["package.json", "deno.json", "pnpm-workspace.yaml", ann.client.lockfile])
      await readFile(join(folder("project"), file)).then(
        (content) => writeFile(join(project, file), content),
        () => {},
      );
    ok(await client.frozen(project));
    for (const name of [plain, scoped])
      expect(await readFile(join(project, "node_modules", name, "index.js"), "utf8")).toContain(
        name,
      );
  });
  check("views", ["view"], async () => {
    expect(ok(await ann.client.view!(scoped)).output).toContain("1.0.0");
  });
  check("is refused to publish a version again", ["publish"], async () => {
    const before = await read(plain);
    // other bytes: an identical repeat is what a client sends whose answer got lost
    for (const name of [plain, scoped])
      refused(await publishAs(ann, name, "1.0.0", { more: "other bytes" }), taken);
    expect(await read(plain)).toEqual(before);
  });

  check("publishes under a tag and installs by it", ["add"], async () => {
    await bring(plain, "1.1.0", "next");
    expect((await read(plain))["dist-tags"]).toEqual({ latest: "1.0.0", next: "1.1.0" });
    const project = folder("by-tag");
    ok(await ann.client.add(project, [`${plain}@next`]));
    expect(await readFile(join(project, "node_modules", plain, "index.js"), "utf8")).toContain(
      "1.1.0",
    );
  });
  check("adds, lists and removes tags", ["tag"], async () => {
    for (const name of [plain, scoped]) {
      ok(await ann.client.tag!.add(`${name}@1.0.0`, "beta"));
      expect((await read(name))["dist-tags"]).toMatchObject({ beta: "1.0.0" });
      expect(ok(await ann.client.tag!.ls(name)).output).toMatch(/beta: 1\.0\.0|beta.*1\.0\.0/);
      ok(await ann.client.tag!.rm(name, "beta"));
      expect((await read(name))["dist-tags"]).not.toHaveProperty("beta");
    }
  });
  check("moves latest", ["tag"], async () => {
    ok(await ann.client.tag!.add(`${plain}@1.1.0`, "latest"));
    expect((await read(plain))["dist-tags"]).toMatchObject({ latest: "1.1.0" });
    ok(await ann.client.tag!.add(`${plain}@1.0.0`, "latest"));
    expect((await read(plain))["dist-tags"]).toMatchObject({ latest: "1.0.0" });
  });
  check("is refused a tag for a missing version", ["tag"], async () => {
    const ran = await ann.client.tag!.add(`${plain}@9.9.9`, "beta");
    expect(ran.code, ran.output).not.toBe(0);
    expect((await read(plain))["dist-tags"]).not.toHaveProperty("beta");
  });

  check("deprecates", ["deprecate"], async () => {
    ok(await ann.client.deprecate!(`${plain}@1.1.0`, "gone bad"));
    const document = await read(plain);
    expect(document.versions["1.1.0"]?.deprecated).toBe("gone bad");
    expect(document.versions["1.0.0"]).not.toHaveProperty("deprecated");
  });
  check("shows a deprecation on install", ["warnsOfDeprecation"], async () => {
    if (!has.deprecate) await deprecateByHttp(plain, "1.1.0", "gone bad");
    const { client } = await newcomer("deprecation");
    const ran = ok(await client.add(folder("deprecated"), [`${plain}@1.1.0`]));
    expect(ran.output).toMatch(ann.client.warnsOfDeprecation!);
  });
  check("shows a deprecation on view", ["viewsDeprecation"], async () => {
    if (!has.deprecate) await deprecateByHttp(plain, "1.1.0", "gone bad");
    expect(ok(await ann.client.view!(`${plain}@1.1.0`)).output).toContain("gone bad");
  });
  check("takes a deprecation back", ["undeprecate"], async () => {
    ok(await ann.client.undeprecate!(`${plain}@1.1.0`));
    expect((await read(plain)).versions["1.1.0"]).not.toHaveProperty("deprecated");
  });
  check("searches", ["search"], async () => {
    await until(async () => (await ann.client.search!("wordsfor")).output.includes(plain));
    expect(ok(await ann.client.search!("wordsfor")).output).toContain(scoped);
  });

  check("refuses a stranger: publish", ["publish"], async () => {
    const before = await read(plain);
    refused(await publishAs(bob, plain, "2.0.0"), stranger);
    refused(await publishAs(bob, scoped, "2.0.0"), stranger);
    refused(await publishAs(bob, `@ann/new-${id}`, "1.0.0"), stranger);
    expect(await read(plain)).toEqual(before);
    expect(await packument(server.url, `@ann/new-${id}`, { token: annToken })).toBeUndefined();
  });
  check("refuses a stranger: tag", ["tag"], async () => {
    const before = await read(plain);
    refused(await bob.client.tag!.add(`${plain}@1.1.0`, "latest"), stranger);
    refused(await bob.client.tag!.rm(plain, "next"), stranger);
    expect(await read(plain)).toEqual(before);
  });
  check("refuses a stranger: deprecate", ["deprecate"], async () => {
    const before = await read(plain);
    refused(await bob.client.deprecate!(`${plain}@1.0.0`, "mine"), stranger);
    expect(await read(plain)).toEqual(before);
  });
  check("refuses a stranger: unpublish", ["unpublish", "unpublishAll"], async () => {
    const before = await read(plain);
    refused(await bob.client.unpublish!(`${plain}@1.1.0`), stranger);
    refused(await bob.client.unpublishAll!(plain), stranger);
    expect(await read(plain)).toEqual(before);
  });

  check("unpublishes a version, its number stays taken", ["unpublish"], async () => {
    const { tarball } = (await read(plain)).versions["1.1.0"]!.dist;
    ok(await ann.client.unpublish!(`${plain}@1.1.0`));
    const document = await read(plain);
    expect(Object.keys(document.versions)).toEqual(["1.0.0"]);
    expect(document["dist-tags"]).toEqual({ latest: "1.0.0" });
    const gone = await request(server.url + new URL(tarball).pathname, { token: annToken });
    expect(gone.status).toBe(404);
    refused(await publishAs(ann, plain, "1.1.0"), taken);
    ok(await publishAs(ann, plain, "1.2.0"));
  });
  check("unpublishes a package, its numbers stay taken", ["unpublishAll"], async () => {
    ok(await ann.client.unpublishAll!(scoped));
    const { client } = await newcomer("gone");
    expect((await client.add(folder("project-gone"), [scoped])).code).not.toBe(0);
    refused(await publishAs(ann, scoped, "1.0.0", { more: "other bytes" }), taken);
    ok(await publishAs(ann, scoped, "1.0.1"));
    expect(Object.keys((await read(scoped)).versions)).toEqual(["1.0.1"]);
  });

  check("logs out, its token is dead", ["logout", "savedToken"], async () => {
    const token = await ann.client.savedToken!();
    expect(token).toBeTypeOf("string");
    const whoami = () => request(`${server.url}/-/whoami`, { token });
    expect((await whoami()).json()).toEqual({ username: "ann" });
    ok(await ann.client.logout!());
    if (id === "yarn4") {
      // it only forgets the token; the registry is not told
      expect(await ann.client.savedToken!()).toBeUndefined();
      return;
    }
    const after = await whoami();
    expect(after.status, after.text()).toBe(401);
    expect(after.headers["www-authenticate"]).toBeTypeOf("string");
  });
  check("is refused to publish when logged out", ["logout", "savedToken"], async () => {
    refused(await publishAs(ann, plain, "3.0.0"), /log.?in|401|ENEEDAUTH|authenticat|auth/i);
    expect((await read(plain)).versions).not.toHaveProperty("3.0.0");
  });
  check("logs in again", ["login", "whoami"], async () => {
    ok(await ann.client.login!());
    expect(ok(await ann.client.whoami!()).output).toContain("ann");
  });
  test("the registry never complained", () => {
    expect(server.alive()).toBe(true);
    expect(server.log()).not.toMatch(/E_FAILED|unexpected|UnhandledPromise|TypeError|\n\s+at /);
  });
});

describe("both doors", () => {
  let temp: Temp;
  let server: Server;
  let token: string;
  let env: NodeJS.ProcessEnv;
  const home = () => join(temp.path, "registry");
  const hello = `// ${"é".repeat(3)}\nexport const hello = "world";\n`;

  beforeAll(async () => {
    temp = await tempFolder("doors");
    env = variables(temp.path);
    server = await serve({ home: home(), env });
    token = await signIn(server.url, "ann");
  }, patience);
  afterAll(async () => {
    await server?.stop();
    await temp?.remove();
  });

  test("A1: local:publish while the server runs, then every client installs it", async () => {
    await writeFile(join(temp.path, "hello.js"), hello);
    const args = ["local:publish", "hello", "1.0.0", "demo", "-f", "./hello.js"];
    ok(await citadel(home(), args, { cwd: temp.path, env }));
    const again = await citadel(home(), args, { cwd: temp.path, env });
    expect(again.code, again.output).toBe(5);
    for (const id of ids) {
      const one = await seat(
        tools,
        id,
        { folder: temp.path, url: server.url },
        { name: "ann", password: "" },
      );
      await one.client.configure();
      const project = join(temp.path, `project-${id}`);
      ok(await one.client.add(project, ["@demo/hello"]));
      const files = filesBelow(join(project, "node_modules/@demo/hello/"));
      const contents = await Promise.all(files.map((file) => readFile(file, "utf8")));
      expect(contents, id).toContain(hello);
    }
  }, 240_000);

  test(
    "A2: npm publish of a tarball, then local:resolve -o, byte for byte",
    async () => {
      const npm = await seat(
        tools,
        "npm12",
        { folder: temp.path, url: server.url },
        { name: "pub", password: "" },
      );
      await npm.client.configure(token);
      const from = await packageFolder(join(temp.path, "from"), "@ann/there", "1.2.3");
      ok(await npm.run(["pack", "--pack-destination", temp.path], { cwd: from }));
      const packed = join(temp.path, "ann-there-1.2.3.tgz");
      ok(await npm.run(["publish", packed]));
      for (const wanted of ["1.2.3", "^1.0.0", "latest"]) {
        const out = join(temp.path, `there-${wanted.length}.tgz`);
        ok(await citadel(home(), ["local:resolve", "there", wanted, "ann", "-o", out], { env }));
        expect((await readFile(out)).equals(await readFile(packed))).toBe(true);
      }
    },
    patience,
  );

  test(
    "A2: a single file comes back as it was given, also through the registry's door",
    async () => {
      const out = join(temp.path, "back.js");
      ok(await citadel(home(), ["local:resolve", "hello", "1.0.0", "demo", "-o", out], { env }));
      expect(await readFile(out, "utf8")).toBe(hello);
      const answer = await request(`${server.url}/${inUrl("@demo/hello")}`);
      expect(answer.status).toBe(200);
    },
    patience,
  );
});
