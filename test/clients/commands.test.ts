// B2 H7 H8: the commands of every client that the other files do not drive, each client as a user of its own at one registry.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import {
  inUrl,
  pack,
  packument,
  publish,
  sha512,
  signIn,
  type Manifest,
} from "../support/packages.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { clients, seat, type ClientId } from "./client.ts";
import {
  aliasing,
  caching,
  creating,
  deprecating,
  pageOf,
  pages,
  publishing,
  readings,
  undeprecating,
  unpublishing,
  updating,
  type Words,
} from "./words.ts";

const ids = Object.keys(clients) as ClientId[];
const patience = 120_000;
const password = "correct horse 1";
let tools: ClientTools;
let temp: Temp;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("client-commands");
  server = await serve({ home: join(temp.path, "registry") });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

function ok(ran: Ran): string {
  expect(ran.code, `${ran.command}\n${ran.output}`).toBe(0);
  return ran.output;
}

/** A package whose program says who it is. */
function tool(name: string, version: string): readonly [Manifest, Buffer] {
  const manifest = {
    name,
    version,
    keywords: ["hammer"],
    license: "MIT",
    bin: { [name]: "bin.js" },
    repository: { type: "git", url: `https://repo.example/${name}` },
    bugs: { url: `https://bugs.example/${name}` },
    homepage: `https://docs.example/${name}`,
  };
  const program = `#!/usr/bin/env node\nconsole.log("${name} ${version} works " + process.argv.at(-1));\n`;
  return [manifest, pack(manifest, { "bin.js": program })];
}

async function manifestIn(folder: string, manifest: object): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  return folder;
}

describe.each(ids)("B2 %s", (id) => {
  const name = `tool-${id}`;
  const own = (what: string) => `${what}-${id}`;
  let token: string;
  let here: Awaited<ReturnType<typeof seat>>;
  let project: string;

  /** A case of the table, left out where the client lacks the command. */
  const check = (
    what: string,
    words: Words,
    work: (command: readonly string[]) => Promise<void>,
  ) => {
    const command = words[id];
    if (!command) return;
    test(what, () => work(command), patience);
  };
  /** yarn 1 asks for the version and the password, yarn 4 wants its own lockfile first */
  const write = async (command: readonly string[], cwd: string): Promise<Ran> => {
    if (id === "yarn4") ok(await here.run(["install"], { cwd }));
    return id === "yarn1"
      ? here.onTerminal(command, {
          cwd,
          answers: [
            ...(command[0] === "publish" ? ([[/new version\W+$/i, ""]] as const) : []),
            [/password\W+$/i, password],
          ],
        })
      : here.run(command, { cwd });
  };
  const folderOf = async (manifest: Manifest, more: object = {}) => {
    const folder = join(here.home, manifest.name.replace("/", "+"));
    await manifestIn(folder, { license: "MIT", ...manifest, ...more });
    if (id === "yarn4") await writeFile(join(folder, "yarn.lock"), "");
    return folder;
  };

  beforeAll(async () => {
    token = await signIn(server.url, id, password);
    const where = { folder: temp.path, url: server.url };
    const env = { PNPM_CONFIG_MINIMUM_RELEASE_AGE: "0" };
    here = await seat(tools, id, where, { name: id, password }, env);
    await here.client.configure(token);
    if (id.startsWith("yarn")) ok(await here.client.login!());
    await publish(server.url, token, ...tool(name, "1.0.0"));
    await publish(server.url, token, ...tool(`create-from-${name}`, "1.0.0"));
    project = join(here.home, "project");
    ok(await here.client.add(project, [`${name}@^1.0.0`]));
    await publish(server.url, token, ...tool(name, "1.1.0"));
  }, patience);

  for (const [what, { words, says, mayFail }] of Object.entries(readings))
    check(what, words(name), async (command) => {
      const ran = await here.run(command, { cwd: project });
      if (!mayFail) ok(ran);
      expect(ran.output).toMatch(says(name));
    });

  check("repo, bugs, docs", pageOf("repo", name), async () => {
    const opener = join(here.home, "opener");
    const opened = join(here.home, "opened");
    await mkdir(opener);
    await writeFile(join(opener, "xdg-open"), `#!/bin/sh\necho "$1" >> "${opened}"\n`);
    await chmod(join(opener, "xdg-open"), 0o755);
    const env = { PATH: `${opener}:${process.env["PATH"]}` };
    for (const page of pages) {
      const address = `https://${page}.example/${name}`;
      const said = ok(await here.run(pageOf(page, name)[id] ?? [], { env }));
      if (!said.includes(address))
        await until(async () => (await readFile(opened, "utf8").catch(() => "")).includes(address));
    }
  });

  check("create", creating(name), async (command) => {
    // yarn 4 makes none inside of another project
    const folder = join(id === "yarn4" ? temp.path : here.home, "created");
    await mkdir(folder);
    expect(ok(await here.run(command, { cwd: folder }))).toContain(
      `create-from-${name} 1.0.0 works hard`,
    );
  });

  check("fill the cache", caching(name), async (command) => {
    ok(await here.run(command, { cwd: here.home }));
    if (!id.startsWith("npm")) return;
    const cached = ok(await here.run(["cache", "ls", `${name}@1.0.0`]));
    expect(cached).toContain(`${server.url}/${name}/-/${name}-1.0.0.tgz`);
  });

  check("update", updating(name), async (command) => {
    ok(await here.run(command, { cwd: project }));
    const installed = await readFile(join(project, "node_modules", name, "index.js"), "utf8");
    expect(installed).toContain(`${name}@1.1.0`);
  });

  check("install under an alias", aliasing(name), async (command) => {
    ok(await here.run(command, { cwd: project }));
    const installed = await readFile(join(project, "node_modules/alias/index.js"), "utf8");
    expect(installed).toContain(`${name}@1.0.0`);
  });

  check("publish a tarball", publishing.tarball, async (command) => {
    const [manifest, bytes] = tool(own("packed"), "1.0.0");
    const folder = await manifestIn(join(here.home, "packed"), manifest); // yarn 1 and bun want one around
    await writeFile(join(folder, "packed.tgz"), bytes);
    ok(await write(command, folder));
    const stored = await packument(server.url, manifest.name);
    expect(stored?.versions["1.0.0"]?.dist.integrity).toBe(sha512(bytes));
    expect(stored?.["dist-tags"]).toEqual({ latest: "1.0.0" });
  });

  check("publish a workspace", publishing.workspace, async (command) => {
    const root = { name: own("root"), version: "1.0.0", private: true };
    const folder = await folderOf(root, { workspaces: ["packages/*"] });
    await writeFile(join(folder, "pnpm-workspace.yaml"), 'packages: ["packages/*"]\n');
    for (const one of ["part-a", "part-b"])
      await manifestIn(join(folder, "packages", one), { name: own(one), version: "1.0.0" });
    if (id === "bun") ok(await here.run(["install"], { cwd: folder }));
    ok(await write(command, folder));
    for (const one of ["part-a", "part-b"])
      expect((await packument(server.url, own(one)))?.versions).toHaveProperty(["1.0.0"]);
    expect(await packument(server.url, root.name)).toBeUndefined();
  });

  check("publish --dry-run stores nothing", publishing.dry, async (command) => {
    const folder = await folderOf({ name: own("dry"), version: "1.0.0" });
    ok(await write(command, folder));
    expect(await packument(server.url, own("dry"))).toBeUndefined();
  });

  check("publish again, tolerated", publishing.tolerant, async (command) => {
    const folder = await folderOf({ name: own("again"), version: "1.0.0" });
    ok(await write(command, folder));
    const before = await packument(server.url, own("again"));
    await writeFile(join(folder, "more.txt"), "other bytes");
    ok(await write(command, folder));
    expect(await packument(server.url, own("again"))).toEqual(before);
  });

  check(
    "publish --access restricted: nobody else finds it",
    publishing.restricted,
    async (command) => {
      const hidden = `@${id}/hidden`;
      ok(await write(command, await folderOf({ name: hidden, version: "1.0.0" })));
      expect((await request(`${server.url}/${inUrl(hidden)}`)).status).toBe(404);
      expect((await request(`${server.url}/${inUrl(hidden)}`, { token })).status).toBe(200);
    },
  );

  check(
    "unpublish a range",
    { pnpm: ["unpublish", `${own("ranged")}@<1.1.0`] },
    async (command) => {
      for (const version of ["1.0.0", "1.0.1", "1.1.0"])
        await publish(server.url, token, { name: own("ranged"), version });
      ok(await here.run(command));
      const left = await packument(server.url, own("ranged"));
      expect(Object.keys(left?.versions ?? {})).toEqual(["1.1.0"]);
    },
  );

  check(
    "unpublish the last version, by force",
    unpublishing(`${own("last")}@1.0.0`),
    async (command) => {
      await publish(server.url, token, { name: own("last"), version: "1.0.0" });
      ok(await here.run([...command, "--force"]));
      expect(await packument(server.url, own("last"))).toBeUndefined();
    },
  );

  check("deprecate a range, and undeprecate", deprecating("", ""), async () => {
    const deprecated = async () =>
      Object.entries((await packument(server.url, name))?.versions ?? {})
        .filter(([, manifest]) => manifest.deprecated)
        .map(([version]) => version);
    ok(await here.run(deprecating(`${name}@<1.1.0`, "too old")[id] ?? []));
    expect(await deprecated()).toEqual(["1.0.0"]);
    ok(await here.run(undeprecating(`${name}@<1.1.0`)[id] ?? []));
    expect(await deprecated()).toEqual([]);
  });

  // what it would write drops the other owners
  check(
    "owner add is refused where it would lose the others",
    { yarn1: ["owner", "add"] },
    async (command) => {
      await signIn(server.url, "other");
      const ran = await write([...command, "other", name], project);
      expect(ran.code, ran.output).not.toBe(0);
      expect(ran.output).toContain("its revision was not given");
      expect(ok(await here.run(["owner", "list", name]))).toContain(`${id} <`);
    },
  );
});
