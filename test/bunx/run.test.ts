import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine } from "@citadel/core/access";
import { startReader } from "@citadel/core/reader";
import { BunXIntegration } from "@citadel/plugin-bunx";
import { expect, onTestFinished, test } from "vitest";
import { liar } from "../servers/liar.ts";
import { citadelEnv, root } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { age, stock } from "../upstream/behind.ts";
import { tempFolder } from "../support/temp.ts";
import { offer, shop, type Shop } from "./shop.ts";

const node = "#!/usr/bin/env node\n";
/** Prints what it was given, as JSON. */
const shows = `const { argv, env, versions } = process;
const stdin = require("node:fs").readFileSync(0, "utf8");
console.log(JSON.stringify({ args: argv.slice(2), env, stdin, bun: versions.bun !== undefined }));
`;
/** Waits for a signal. */
const waits = `${node}process.on("SIGTERM", () => process.exit(7)).on("SIGINT", () => process.exit(8));
console.log("ready");
setInterval(() => {}, 1000);
`;

test("E2: a program gets its arguments, input and a clean environment, and its exit code passes", async () => {
  const here = await shop();
  await here.publish(
    { name: "@acme/show", version: "1.0.0", bin: { show: "a.js" } },
    { "a.js": node + shows },
  );
  const secrets = {
    CITADEL_TOKEN: "s3cret-1",
    CITADEL_SERVER_KEY: Buffer.alloc(32, 9).toString("base64"),
    NPM_TOKEN: "s3cret-2",
    AWS_SECRET_ACCESS_KEY: "s3cret-3",
    npm_config__authToken: "s3cret-4",
    NODE_OPTIONS: "--no-deprecation",
    HTTPS_PROXY: "http://me:s3cret-5@127.0.0.1:1",
    GREETING: "hello",
  };
  const args = ["--help", "-q", "--json", "--yes", "--", "a b", "$(id)", "*", ""];
  const ran = await here.bunx(["run", "@acme/show", ...args], {
    env: { ...secrets, LC_ALL: "C.UTF-8" },
    input: "typed",
  });
  expect(ran.code, ran.output).toBe(0);
  const got = JSON.parse(ran.stdout);
  expect(got).toMatchObject({ args, stdin: "typed", bun: false });
  expect(got.env).toMatchObject({ LC_ALL: "C.UTF-8", HOME: join(here.home, "empty") });
  expect(JSON.stringify(got.env)).not.toContain("s3cret");
  expect(
    Object.keys(got.env).filter((name) => name in secrets || name.startsWith("CITADEL")),
  ).toEqual([]);

  const more = ["--env", "GREETING", "--env", "CITADEL_TOKEN"];
  const let_ = await here.bunx(["run", ...more, "--json", "@acme/show@^1", "x"], { env: secrets });
  const { stdout, stderr } = let_;
  expect(JSON.parse(stdout)).toMatchObject({
    name: "@acme/show",
    program: "show",
    runtime: "node",
    exitCode: 0,
  });
  expect(JSON.parse(stderr)).toMatchObject({ args: ["x"], env: { GREETING: "hello" } });
  expect(stderr).not.toContain("CITADEL_TOKEN");
});

test("E2: exit codes pass, also of what a signal ended; signals reach the program", async () => {
  const here = await shop();
  await here.publish(
    { name: "@acme/end", version: "1.0.0", bin: { end: "a.js" } },
    {
      "a.js": `${node}const [how] = process.argv.slice(2);\nif (how === "kill") process.kill(process.pid, "SIGKILL");\nelse process.exit(Number(how));\n`,
    },
  );
  expect((await here.bunx(["run", "@acme/end", "3"])).code).toBe(3);
  expect((await here.bunx(["run", "@acme/end", "255"])).code).toBe(255);
  expect((await here.bunx(["run", "@acme/end", "kill"])).code).toBe(137);

  await here.publish(
    { name: "@acme/wait", version: "1.0.0", bin: { wait: "a.js" } },
    { "a.js": waits },
  );
  for (const [signal, code] of [
    ["SIGTERM", 7],
    ["SIGINT", 8],
  ] as const) {
    const child = waiting(here);
    await once(child.stdout, "data");
    child.kill(signal);
    const [ended] = await once(child, "exit");
    expect(ended).toBe(code);
  }
});

/** A run of `@acme/wait` in the background. */
function waiting({ home, project }: Shop) {
  const child = spawn(process.execPath, [join(root, "bin/citadel.js"), "bunx:run", "@acme/wait"], {
    cwd: project,
    env: citadelEnv(home),
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("E2: two that want the same at once share one entry; cleaning spares what runs and sweeps what crashed", async () => {
  const here = await shop();
  const { cache, bunx } = here;
  await here.publish(
    { name: "@acme/wait", version: "1.0.0", bin: { wait: "a.js" } },
    { "a.js": waits },
  );
  await here.publish(
    { name: "@acme/show", version: "1.0.0", bin: { show: "a.js" } },
    { "a.js": node + shows },
  );
  const children = [waiting(here), waiting(here)];
  await Promise.all(children.map(({ stdout }) => once(stdout, "data")));
  expect((await bunx(["run", "@acme/show"])).code).toBe(0);
  const entries = await readdir(join(cache, "entries"));
  expect(entries.map((id) => id.replace(/-[^-]+$/, "")).sort()).toEqual([
    "@acme+show@1.0.0",
    "@acme+wait@1.0.0",
  ]);
  expect(await readdir(join(cache, "drafts"))).toEqual([]);

  const listed = JSON.parse((await bunx(["cache", "--json"])).stdout);
  expect(listed.items.map(({ name }: { name: string }) => name)).toEqual([
    "@acme/show",
    "@acme/wait",
  ]);
  expect(listed.items[0].size).toBeGreaterThan(100);

  // a crash left a half-made entry behind
  await mkdir(join(cache, "drafts/999999999-abc/node_modules"), { recursive: true });
  const old = new Date(Date.now() - 10 * 86_400_000);
  for (const id of entries) await utimes(join(cache, "entries", id, "entry.json"), old, old);
  const kept = JSON.parse((await bunx(["clean", "11", "--json"])).stdout);
  expect(kept).toMatchObject({ items: [], kept: 2, orphans: 1 });
  const plan = JSON.parse((await bunx(["clean", "9", "-n", "--json"])).stdout);
  expect(plan).toMatchObject({
    items: [{ name: "@acme/show" }],
    inUse: [{ name: "@acme/wait" }],
    dryRun: true,
  });
  expect(await readdir(join(cache, "entries"))).toHaveLength(2);
  const done = JSON.parse((await bunx(["clean", "9", "--json"])).stdout);
  expect(done).toMatchObject({ items: [{ name: "@acme/show" }], inUse: [{ name: "@acme/wait" }] });
  expect(await readdir(join(cache, "entries"))).toEqual([expect.stringContaining("wait")]);

  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map((child) => once(child, "exit")));
  const rest = JSON.parse((await bunx(["clean", "--max-size", "1", "--json"])).stdout);
  expect(rest).toMatchObject({ items: [{ name: "@acme/wait" }], inUse: [], kept: 0 });
});

test("E2: bun runs what does not ask for node, where there is one, without the settings of the folder", async () => {
  const here = await shop();
  const { bunx, project } = here;
  const {
    bun: [bun = ""],
  } = await clientTools();
  const bin = (name: string, text: string) =>
    here.publish(
      { name: `@acme/${name}`, version: "1.0.0", bin: { [name]: "a.js" } },
      { "a.js": text },
    );
  await bin("plain", shows);
  await bin("node", node + shows);
  await bin("bun", `#!/usr/bin/env -S bun\n${shows}`);
  await writeFile(join(project, ".env"), "FROM_FOLDER=yes\n");
  await writeFile(join(project, "bunfig.toml"), 'preload = ["./evil.js"]\n');
  await writeFile(join(project, "evil.js"), 'console.log("evil");\n');
  const onBun = async (path: string, ...args: string[]) => {
    const ran = await bunx(["run", ...args], { env: { PATH: path } });
    expect(ran.code, ran.output).toBe(0);
    expect(ran.stdout).not.toContain("FROM_FOLDER");
    return JSON.parse(ran.stdout).bun;
  };
  const programs = join(here.home, "programs");
  await mkdir(programs);
  await symlink(bun, join(programs, "bun"));
  const system = "/usr/bin:/bin";
  const both = `${programs}:${system}`;
  expect(await onBun(both, "@acme/plain")).toBe(true);
  expect(await onBun(both, "@acme/node")).toBe(false);
  expect(await onBun(both, "--bun", "@acme/node")).toBe(true);
  expect(await onBun(both, "@acme/bun")).toBe(true);
  expect(await onBun(system, "@acme/plain")).toBe(false);
  // a folder that depends on where one stands is not looked into
  expect(await onBun(`:.:${system}`, "@acme/plain")).toBe(false);
  const missing = await bunx(["run", "@acme/bun"], { env: { PATH: system } });
  expect(missing.code, missing.output).toBe(4);
  expect(missing.stderr).toContain("E_RUNTIME_NOT_FOUND");
});

test("E2: the policy of the registry decides what is resolved, and says what there is instead", async () => {
  const there = await liar();
  onTestFinished(() => there[Symbol.asyncDispose]());
  const here = await shop();
  stock(there, "fmt", {
    versions: { "1.0.0": { bin: "a.js" }, "1.1.0": { bin: "a.js" } },
    time: { "1.0.0": "2020-01-01T00:00:00.000Z", "1.1.0": new Date().toISOString() },
  });
  const env = { CITADEL_UPSTREAM: `${there.url}/` };
  const { policies } = here.here.citadel;
  await (
    await policies()
  ).apply(commandLine, { type: "rule", rule: { kind: "age", pattern: "*", age: 86_400_000 } });
  const resolved = await here.bunx(["resolve", "fmt", "--json"], { env });
  expect(JSON.parse(resolved.stdout)).toMatchObject({
    version: "1.0.0",
    upstream: "upstream",
    cached: false,
  });
  const refused = await here.bunx(["run", "--yes", "fmt@1.1.0"], { env });
  expect(refused.code, refused.output).toBe(9);
  expect(refused.stderr).toMatch(
    /E_POLICY[\s\S]*newest version that is served: 1\.0\.0[\s\S]*fmt@1\.1\.0/,
  );
  const none = await here.bunx(["resolve", "fmt", "^3"], { env });
  expect(none.code, none.output).toBe(4);
});

test("E2: a name that is also a program of a package published here is refused; what is outside asks", async () => {
  const there = await liar();
  onTestFinished(() => there[Symbol.asyncDispose]());
  const here = await shop();
  offer(
    there,
    { name: "fmt", version: "1.0.0", bin: "a.js" },
    { "a.js": `${node}console.log("theirs");\n` },
  );
  offer(
    there,
    { name: "tolls", version: "1.0.0", bin: "a.js" },
    { "a.js": `${node}console.log("tolls");\n` },
  );
  await here.publish(
    { name: "@acme/tools", version: "1.0.0", bin: { fmt: "a.js", lint: "a.js" } },
    { "a.js": `${node}console.log("ours");\n` },
  );
  const env = { CITADEL_UPSTREAM: `${there.url}/` };
  const confused = await here.bunx(["run", "--yes", "fmt"], { env });
  expect(confused.code, confused.output).toBe(9);
  expect(confused.stderr).toMatch(/E_NAME_CONFUSION[\s\S]*--bin fmt @acme\/tools/);
  expect(await here.bunx(["run", "--bin", "fmt", "@acme/tools"], { env })).toMatchObject({
    code: 0,
    stdout: "ours\n",
  });
  const meant = await here.bunx(["run", "fmt"], { env: { ...env, CITADEL_BUNX_ALLOW: "fmt" } });
  expect(meant, meant.output).toMatchObject({ code: 0, stdout: "theirs\n" });

  const unasked = await here.bunx(["run", "tolls"], { env });
  expect(unasked.code, unasked.output).toBe(9);
  expect(unasked.stderr).toMatch(
    /tolls is another package than @acme\/tools[\s\S]*E_RUN_UNCONFIRMED/,
  );
  expect((await here.bunx(["run", "-y", "tolls"], { env })).stdout).toBe("tolls\n");
  expect((await here.bunx(["run", "tolls"], { env })).stdout).toBe("tolls\n");
});

test("E2: an answer is believed for ten minutes, latest by that word asks, and without a registry the last answer counts", async () => {
  const there = await liar();
  const temp = await tempFolder("resolve");
  onTestFinished(() => temp.remove());
  const place = { registry: there.url, folder: temp.path };
  const { resolveVersion, execute } = BunXIntegration;
  const versionOf = async (range?: string) => {
    const { version, from, before } = await resolveVersion("fmt", range, place);
    return [version, from, before];
  };
  const manifest = { name: "fmt", bin: "a.js" };
  offer(there, { ...manifest, version: "1.0.0" }, { "a.js": "#!/bin/sh\nexit 3\n" });
  const said: string[] = [];
  const ran = await execute("fmt", [], {
    ...{ ...place, approve: async (question) => void said.push(question) },
  });
  expect(ran).toMatchObject({ name: "fmt", version: "1.0.0", exitCode: 3, runtime: "system" });
  expect(said).toEqual([expect.stringContaining("fmt@1.0.0")]);
  await expect(resolveVersion("fmt", "2", place)).rejects.toMatchObject({
    code: "E_VERSION_NOT_FOUND",
  });

  offer(there, { ...manifest, version: "1.1.0" }, { "a.js": "#!/bin/sh\nexit 4\n" });
  there.forget();
  expect(await versionOf()).toEqual(["1.0.0", "memory", undefined]);
  expect(there.requests).toEqual([]);
  expect(await versionOf("latest")).toEqual(["1.1.0", "registry", "1.0.0"]);
  expect(await versionOf()).toEqual(["1.1.0", "memory", undefined]);
  expect(await versionOf("^1.1")).toEqual(["1.1.0", "registry", undefined]);
  await age(600_001, async () => expect((await versionOf("^1.1"))[1]).toBe("registry"));

  await there[Symbol.asyncDispose]();
  // 1.1.0 is what was said last, and what is here is 1.0.0
  await age(600_001, async () => expect(await versionOf()).toEqual(["1.0.0", "cache", undefined]));
  await expect(resolveVersion("fmt", "^1.1", { ...place, offline: true })).rejects.toMatchObject({
    code: "E_NOT_CACHED",
  });
  await expect(resolveVersion("other", undefined, place)).rejects.toMatchObject({
    code: "E_REMOTE_UNAVAILABLE",
  });
});

test("E2: the registry of a command answers that command alone, and only reads", async () => {
  const { here, publish } = await shop();
  await publish({ name: "@acme/private", version: "1.0.0", bin: "a.js" }, { "a.js": node + shows });
  await here.citadel.registry.setVisibility("@acme/private", "restricted", commandLine);
  const serve = join(root, "plugins/serve");
  const pjson = JSON.parse(await readFile(join(serve, "package.json"), "utf8"));
  const plugins = [{ root: serve, pjson }] as unknown;
  const reader = await startReader({ getPluginsList: () => plugins as never }, here.citadel);
  const path = `${reader.url}@acme%2fprivate`;
  try {
    for (const token of [undefined, "", "x".repeat(reader.token.length)])
      expect((await request(path, { token })).status).toBe(403);
    const found = await request(path, { token: reader.token });
    expect(found.status).toBe(200);
    expect(found.headers["cache-control"]).toBe("no-store");
    for (const method of ["PUT", "DELETE", "POST"])
      expect((await request(path, { token: reader.token, method, body: "{}" })).status).toBe(403);
    expect((await request(`${reader.url}-/npm/v1/user`, { token: "wrong" })).status).toBe(403);
  } finally {
    await reader.close();
  }
  await expect(request(path)).rejects.toThrow(/ECONNREFUSED/);
});
