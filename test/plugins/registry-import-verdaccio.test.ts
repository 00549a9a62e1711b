import { createHmac } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { citadelEnv, root, serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { inUrl, publish, signIn } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { startVerdaccio } from "../support/verdaccio.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("verdaccio");
afterAll(() => folder.remove());
const { npm11 } = await clientTools();

/** npm with a home of its own and a token for one registry. */
async function npmAt(url: string, token: string, name: string) {
  const home = join(folder.path, name);
  await mkdir(home, { recursive: true });
  const lines = [`registry=${url}/`, `${url.replace(/^http:/, "")}/:_authToken=${token}`];
  await writeFile(join(home, ".npmrc"), `${lines.join("\n")}\naudit=false\nfund=false\n`);
  return (args: readonly string[], cwd = home) => {
    const [file = "", ...first] = npm11;
    return mustRun(file, [...first, ...args], {
      cwd,
      env: { PATH: process.env["PATH"], HOME: home },
    });
  };
}

const documentOf = async (url: string, name: string) =>
  (await request(`${url}/${inUrl(name)}`)).json() as {
    "dist-tags": Record<string, string>;
    time: Record<string, string>;
    readme: string;
    maintainers: { name: string }[];
    users?: Record<string, boolean>;
    versions: Record<string, { deprecated?: string; dist: { integrity: string; tarball: string } }>;
  };

/** A JWT as Verdaccio signs them, or with no signature at all. */
function jwt(payload: object, secret: string, alg = "HS256"): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg, typ: "JWT" })}.${part(payload)}`;
  if (alg === "none") return `${signed}.`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** The commands of docs/moving-in.md that belong to a step, as they stand there. */
async function documented(home: string, folderOfVerdaccio: string) {
  const page = await readFile(join(root, "docs/moving-in.md"), "utf8");
  const [, script = ""] = /## From Verdaccio.*?```sh\n(.*?)```/s.exec(page) ?? [];
  const env = citadelEnv(home, { NODE: process.execPath, BIN: join(root, "bin/citadel.js") });
  const shell = `set -e\ncitadel() { "$NODE" "$BIN" "$@"; }\n${script}`;
  return run("sh", ["-c", shell], { cwd: folderOfVerdaccio, env });
}

test(
  "H5: a real Verdaccio moves in: packages, tags, deprecations, dates and accounts",
  { timeout: 120_000 },
  async () => {
    const there = join(folder.path, "there");
    await mkdir(there);
    const verdaccio = await startVerdaccio(
      there,
      "packages:\n  '**': { access: $all, publish: $authenticated, unpublish: $authenticated }\n",
    );
    try {
      const alice = await signIn(verdaccio.url, "alice", "alice's password");
      const bob = await signIn(verdaccio.url, "bob", "bob's password");
      const npm = await npmAt(verdaccio.url, alice, "alice-there");
      const work = join(folder.path, "work");
      await mkdir(work);
      const write = (version: string) =>
        writeFile(
          join(work, "package.json"),
          JSON.stringify({ name: "@acme/tool", version, main: "index.js" }),
        );
      await writeFile(join(work, "index.js"), "module.exports = 'tool'\n");
      await writeFile(join(work, "README.md"), "# The tool\n");
      for (const [version, tag] of [
        ["1.0.0", "latest"],
        ["1.1.0", "latest"],
        ["2.0.0-beta.1", "next"],
      ] as const) {
        await write(version);
        await npm(["publish", "--tag", tag], work);
      }
      await npm(["deprecate", "@acme/tool@1.0.0", "use 1.1.0"]);
      await npm(["star", "@acme/tool"]);
      await publish(verdaccio.url, alice, { name: "plain", version: "0.1.0" });

      const home = join(folder.path, "home");
      const moved = await documented(home, there);
      expect(moved, moved.output).toMatchObject({ code: 0 });
      expect(moved.stderr).toMatch(/would add 4 versions of 2 packages.*2 accounts/);
      expect(moved.stderr).toMatch(/added 4 versions of 2 packages.*2 accounts/);

      // what is published there meanwhile comes with the next run, and its tag with it
      await write("1.2.0");
      await npm(["publish"], work);
      const again = await citadel(home, [
        "registry:import",
        "verdaccio",
        verdaccio.config,
        "--json",
      ]);
      expect(JSON.parse(again.stdout)).toMatchObject({
        packages: { added: 0, changed: 1, unchanged: 1 },
        versions: { added: 1, unchanged: 4 },
        users: { added: 0, unchanged: 2 },
        problems: [],
      });
      const nothing = await citadel(home, ["registry", "import", "verdaccio", there, "--json"]);
      expect(JSON.parse(nothing.stdout)).toMatchObject({ versions: { added: 0, unchanged: 5 } });
      expect((await citadel(home, ["verify"])).code).toBe(0);

      // tokens go on working; one that is not of this Verdaccio, or has expired, does not
      const { secret } = JSON.parse(
        await readFile(join(there, "storage/.verdaccio-db.json"), "utf8"),
      ) as { secret: string };
      const later = Math.floor(Date.now() / 1000) + 3600;
      const signed = jwt({ name: "bob", exp: later }, secret);
      const lines = [
        "registry=http://localhost/",
        `//localhost/:_authToken=${alice}`,
        ...[
          bob,
          signed,
          jwt({ name: "bob", exp: 1 }, secret),
          jwt({ name: "bob" }, "x".repeat(32)),
        ],
        ...[jwt({ name: "bob" }, secret, "none"), `${bob.slice(0, -8)}AAAAAAA=`, "not-a-token"],
      ];
      const file = join(folder.path, "tokens");
      await writeFile(file, lines.join("\n"));
      const withTokens = ["registry:import", "verdaccio", there, "--tokens", file, "--json"];
      const taken = await citadel(home, withTokens);
      expect(taken.code).toBe(3);
      const report = JSON.parse(taken.stdout) as { problems: { code: string }[] };
      expect(report).toMatchObject({ tokens: { added: 3, unchanged: 0, failed: 5 } });
      expect(report.problems.map(({ code }) => code)).toEqual([
        ...["E_TOKEN_EXPIRED", "E_AUTH_INVALID", "E_AUTH_INVALID"],
        ...["E_AUTH_INVALID", "E_AUTH_INVALID"],
      ]);
      for (const one of [alice, bob, secret]) expect(taken.output).not.toContain(one);
      expect(JSON.parse((await citadel(home, withTokens)).stdout)).toMatchObject({
        tokens: { added: 0, unchanged: 3 },
      });

      const server = await serve({ home });
      try {
        const whoami = async (token: string) =>
          (await request(`${server.url}/-/whoami`, { token })).text();
        expect(await whoami(alice)).toContain('"alice"');
        expect(await whoami(signed)).toContain('"bob"');
        const list = await citadel(home, ["registry:token:list", "--user", "alice", "--json"]);
        const [{ key }] = (JSON.parse(list.stdout) as { items: [{ key: string }] }).items;
        expect((await citadel(home, ["registry:token:revoke", key])).code).toBe(0);
        expect(await whoami(alice)).not.toContain('"alice"');
        expect((await citadel(home, withTokens)).stdout).toContain('"unchanged": 3');
        expect(await whoami(alice)).not.toContain('"alice"');
        const [before, after] = [
          await documentOf(verdaccio.url, "@acme/tool"),
          await documentOf(server.url, "@acme/tool"),
        ];
        expect(after["dist-tags"]).toEqual({ latest: "1.2.0", next: "2.0.0-beta.1" });
        expect(after["dist-tags"]).toEqual(before["dist-tags"]);
        expect(after.versions["1.0.0"]?.deprecated).toBe("use 1.1.0");
        expect(after.readme).toContain("# The tool");
        expect(after.users).toEqual({ alice: true });
        for (const [version, { dist }] of Object.entries(before.versions)) {
          expect(after.time[version]).toBe(before.time[version]);
          expect(after.versions[version]?.dist.integrity).toBe(dist.integrity);
          const [old, moved] = await Promise.all(
            [dist.tarball, after.versions[version]?.dist.tarball ?? ""].map((one) => request(one)),
          );
          expect(moved?.body.equals(old?.body ?? Buffer.alloc(0)), version).toBe(true);
        }

        // both log in with their old passwords, twice: the second time against the new hash
        for (const [name, password] of [
          ["alice", "alice's password"],
          ["bob", "bob's password"],
        ] as const)
          for (const _ of [1, 2]) expect(await signIn(server.url, name, password)).toMatch(/^\w/);
        const token = await signIn(server.url, "bob", "bob's password");
        await expect(signIn(server.url, "bob", "alice's password")).rejects.toThrow(/401/);
        const project = join(folder.path, "project");
        await mkdir(project);
        await writeFile(join(project, "package.json"), "{}");
        const here = await npmAt(server.url, token, "bob-here");
        const installed = await here(["install", "@acme/tool@1.0.0", "plain"], project);
        expect(installed.output).toContain("use 1.1.0");
        const ran = await run(process.execPath, ["-p", "require('@acme/tool')"], { cwd: project });
        expect(ran.stdout).toBe("tool\n");
      } finally {
        await server.stop();
      }

      // the same packages over HTTP
      const other = join(folder.path, "other");
      const copied = await citadel(other, ["registry:import", verdaccio.url, "--all", "--json"]);
      expect(JSON.parse(copied.stdout)).toMatchObject({
        packages: { added: 2 },
        versions: { added: 5 },
        problems: [],
      });
      const scope = ["registry:import", verdaccio.url, "--scope", "acme", "--json"];
      expect(JSON.parse((await citadel(other, scope)).stdout)).toMatchObject({
        packages: { added: 0, unchanged: 1 },
        versions: { added: 0, unchanged: 4 },
      });
      const list = (at: string) =>
        citadel(at, ["local:resolve", "tool", "latest", "acme", "--json"]);
      const [one, two] = await Promise.all([list(home), list(other)]);
      const integrity = (text: string) => (JSON.parse(text) as { integrity: string }).integrity;
      expect(integrity(two.stdout)).toBe(integrity(one.stdout));
    } finally {
      await verdaccio.stop();
    }
  },
);
