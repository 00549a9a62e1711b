import { once } from "node:events";
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises"; // prettier-ignore
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { citadelEnv, root, serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { onTerminal, shell } from "../cli/cli.ts";
import { startRedis } from "../servers/redis.ts";
import { smallDisk } from "../servers/small-disk.ts";
import { run, type Ran } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

// Each test brings about what doctor finds, for real. Most run without npm on the PATH, which saves a second each.

interface Item {
  check: string;
  level: string;
  what: string;
  why?: string;
  fix?: string[];
  fixable: boolean;
}
interface Report {
  code: number | null;
  items: Item[];
  fixed: string[];
  healthy: boolean;
  /** the findings that are not good, by their check */
  bad: string[];
  text: string;
}

const empty = { PATH: "/nowhere" };
const superuser = process.getuid?.() === 0;

async function place(): Promise<string> {
  const folder = await tempFolder("doctor");
  onTestFinished(() => folder.remove());
  await writeFile(join(folder.path, "a.js"), "export default 1;\n");
  return folder.path;
}

function report(ran: Ran): Report {
  const json = JSON.parse(ran.stdout) as Pick<Report, "items" | "fixed" | "healthy">;
  const bad = json.items.filter(({ level }) => level === "warning" || level === "error");
  for (const { why, fix } of bad) {
    expect(why).toMatch(/\w/);
    expect(fix?.length).toBeGreaterThan(0);
  }
  return { ...json, code: ran.code, bad: bad.map(({ check }) => check), text: ran.output };
}

async function doctor(
  home: string,
  env: NodeJS.ProcessEnv = {},
  ...args: string[]
): Promise<Report> {
  const program = [process.execPath, join(root, "bin/citadel.js"), "doctor", "--json", ...args];
  // whatever this machine allows: a core dump would be a finding
  const ran = await run("/bin/sh", ["-c", 'ulimit -c 0; exec "$0" "$@"', ...program], {
    cwd: home,
    env: citadelEnv(home, { ...empty, CITADEL_PORT: "0", ...env }),
  });
  return report(ran);
}

async function publishLocal(home: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const ran = await citadel(home, ["local:publish", "a", "1.0.0", "demo", "-f", join(home, "a.js")], { env }); // prettier-ignore
  expect(ran.code, ran.output).toBe(0);
}

/** A module that puts the clock of a process off. */
async function clock(home: string, ms: number): Promise<NodeJS.ProcessEnv> {
  const file = join(home, "clock.mjs");
  await writeFile(file, `const now = Date.now; Date.now = () => now() + ${ms};\n`);
  return { NODE_OPTIONS: `--import=${pathToFileURL(file).href}` };
}

test("G4: a registry in order exits 0, also one that is not there yet, and --json has every check", async () => {
  const home = await place();
  expect(await doctor(home)).toMatchObject({ code: 0, healthy: true, bad: [] });
  await publishLocal(home);
  await citadel(home, ["local:stats"]); // makes the cache
  const found = await doctor(home, {}, "--deep");
  expect(found).toMatchObject({ code: 0, healthy: true, bad: [] });
  expect(new Set(found.items.map(({ check }) => check))).toEqual(
    new Set(["settings", "node", "npm", "plugins", "folders", "leftovers", "disk", "secrets", "port", "documents", "blobs", "cache", "server key", "clocks", "integrity"]), // prettier-ignore
  );
  expect(found.items.find(({ check }) => check === "integrity")?.what).toContain("1 signatures");
  expect(found.items.find(({ check }) => check === "documents")?.what).toMatch(/answers in .* cas full, durable power/); // prettier-ignore
});

test("G4: wrong settings: an unknown name, a variable with a typing error, a value that is not allowed", async () => {
  const home = await place();
  await writeFile(join(home, "citadel.json5"), "{ sever: { port: 1 } }");
  const found = await doctor(home, { CITADEL_SERVER_PROT: "81" });
  expect(found).toMatchObject({ code: 3, bad: ["settings", "settings"] });
  expect(found.text).toMatch(/citadel\.json5:1: unknown setting sever/);
  expect(found.text).toContain("CITADEL_SERVER_PORT does");
  const broken = await doctor(home, { CITADEL_SERVER_WORKERS: "many" });
  expect(broken.code).toBe(2);
  expect(broken.items[0]).toMatchObject({ check: "settings", level: "error", what: expect.stringContaining("CITADEL_SERVER_WORKERS") }); // prettier-ignore
  // the rest is looked at all the same
  expect(broken.items.map(({ check }) => check)).toContain("disk");
});

test("G4: a file of settings that others can change, and one with a secret that others can read; --fix narrows them", async () => {
  const home = await place();
  const file = join(home, "citadel.json5");
  await writeFile(file, '{ redis: { url: "redis://u:hunter2@127.0.0.1:1" } }');
  await chmod(file, 0o644);
  const readable = await doctor(home);
  expect(readable.items).toContainEqual(expect.objectContaining({ check: "settings", what: expect.stringContaining("holds a secret"), fixable: true })); // prettier-ignore
  expect(readable.text).not.toContain("hunter2");
  await writeFile(file, "{}");
  await chmod(file, 0o666);
  expect(await doctor(home)).toMatchObject({ code: 3, bad: ["settings"] });
  const fixed = await doctor(home, {}, "--fix");
  expect(fixed).toMatchObject({ code: 0, fixed: [expect.stringContaining(file)] });
  expect((await stat(file)).mode & 0o777).toBe(0o644);
});

test("G4: folders that are open, links, or of another user; --fix narrows those of this user", async () => {
  const home = await place();
  await publishLocal(home);
  const data = join(home, "data");
  await chmod(data, 0o777);
  await chmod(join(data, "server.key"), 0o644);
  const open = await doctor(home);
  expect(open).toMatchObject({ code: 3, bad: ["folders", "folders"] });
  expect(open.text).toContain(`chmod 700 ${data}`);
  expect(await doctor(home, {}, "--fix")).toMatchObject({ code: 0, fixed: [expect.any(String), expect.any(String)] }); // prettier-ignore
  expect([(await stat(data)).mode & 0o777, (await stat(join(data, "server.key"))).mode & 0o777]).toEqual([0o700, 0o600]); // prettier-ignore
  expect((await doctor(home)).bad).toEqual([]);

  await rename(data, join(home, "elsewhere"));
  await symlink(join(home, "elsewhere"), data);
  const linked = await doctor(home);
  expect(linked).toMatchObject({ code: 3, bad: ["folders"] });
  expect(linked.text).toContain("is a link to");
});

test.skipIf(!superuser)(
  "G4: a folder of another user, and a file of settings that cannot be read",
  async () => {
    const home = await place();
    await publishLocal(home);
    await chown(join(home, "data"), 12_345, 12_345);
    const found = await doctor(home);
    expect(found.items).toContainEqual(expect.objectContaining({ check: "folders", level: "error", what: expect.stringContaining("belongs to the user 12345") })); // prettier-ignore
    expect(found.code).toBe(3);

    const other = await place();
    await writeFile(join(other, "citadel.json5"), "{}", { mode: 0o600 });
    await chmod(other, 0o777);
    const args = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, join(root, "bin/citadel.js"), "doctor", "--json"]; // prettier-ignore
    const env = citadelEnv(join(other, "home"), { CITADEL_PORT: "0" });
    const ran = await run("setpriv", args, { cwd: other, env });
    expect(report(ran).text).toContain("is passed over: it cannot be read");
  },
);

test.skipIf(!superuser)("G4: a disk that is full", async () => {
  const home = await place();
  const disk = smallDisk();
  if (!disk) return;
  onTestFinished(() => disk.remove());
  const found = await doctor(home, { CITADEL_DATA_DIR: disk.path });
  expect(found).toMatchObject({ code: 7, bad: ["disk"] });
  expect(found.text).toMatch(/\d+ [kM]B free at/);
});

test("G4: leftovers of killed processes go with --fix; those of running ones stay", async () => {
  const home = await place();
  const tmp = join(home, "data/tmp");
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  await chmod(join(home, "data"), 0o700);
  const dead = await run(process.execPath, ["-p", "process.pid"]);
  const hours = new Date(Date.now() - 7_200_000);
  for (const pid of [dead.stdout.trim(), String(process.pid)]) {
    await writeFile(join(tmp, `spool-${pid}-x`), "half");
    await utimes(join(tmp, `spool-${pid}-x`), hours, hours);
  }
  expect(await doctor(home)).toMatchObject({ code: 3, bad: ["leftovers"] });
  expect(await doctor(home, {}, "--fix")).toMatchObject({ code: 0 });
  expect(await readdir(tmp)).toEqual([`spool-${process.pid}-x`]);
});

test("G4: stores that do not answer, other registries too; everything else is looked at", async () => {
  const home = await place();
  const down = await doctor(home, { REDIS_URL: "redis://u:hunter2@127.0.0.1:1", CITADEL_CACHE: "memory:" }); // prettier-ignore
  expect(down).toMatchObject({ code: 7, bad: ["redis"] });
  expect(down.text).not.toContain("hunter2");
  expect(down.items.map(({ check }) => check)).toContain("integrity");
  const gone = await doctor(home, { CITADEL_STORE: "redis://127.0.0.1:1" });
  expect(gone.code).toBe(7);
  expect(gone.bad).toContain("documents");
  const upstream = await doctor(home, { CITADEL_UPSTREAM: "http://127.0.0.1:1/" });
  expect(upstream).toMatchObject({ code: 7, bad: ["upstream"] });
  const nowhere = await doctor(home, { CITADEL_STORE: "gopher://x" });
  expect(nowhere.code).toBe(2);
});

test("G4: what a store cannot keep: durability, several workers", async () => {
  const home = await place();
  expect(await doctor(home, {}, "--store", "memory:")).toMatchObject({
    code: 3,
    bad: ["documents"],
  });
  const workers = await doctor(home, { CITADEL_SERVER_WORKERS: "2" }, "--store", "memory:");
  expect(workers).toMatchObject({ code: 2, bad: ["documents", "documents"] });
});

test("G4: Redis whose clock is off, that is not durable, and whose signing key only this machine has", async (context) => {
  const redis = await startRedis();
  if (!redis) return context.skip("no redis-server here");
  onTestFinished(() => redis.stop());
  const home = await place();
  const env = { CITADEL_STORE: redis.store() };
  await publishLocal(home, env);
  const found = await doctor(home, { ...env, ...(await clock(home, -120_000)) });
  expect(found.code).toBe(3);
  expect(found.bad).toEqual(expect.arrayContaining(["clocks", "server key"]));
  expect(found.text).toMatch(/is 2 min ahead of this machine's/);
  // a key of another server opens nothing
  const other = await doctor(home, { ...env, CITADEL_SERVER_KEY: Buffer.alloc(32, 7).toString("base64") }); // prettier-ignore
  expect(other).toMatchObject({ code: 2, bad: expect.arrayContaining(["server key"]) });
});

test("G4: a history from the future", async () => {
  const home = await place();
  await publishLocal(home, await clock(home, 3_600_000));
  const found = await doctor(home);
  expect(found).toMatchObject({ code: 3, bad: ["clocks"] });
  expect(found.text).toMatch(/is (59|60) minutes in the future/);
});

test("G4: damage exits with 6 and names the object", async () => {
  const home = await place();
  const env = { CITADEL_STORE: `file:${join(home, "store")}`, CITADEL_STORE_COMPRESSION: "none" };
  await publishLocal(home, env);
  const files = await readdir(join(home, "store"), { recursive: true, withFileTypes: true });
  const manifest = files.find((one) => one.isFile() && one.parentPath.includes("/m/sha256")) as (typeof files)[0]; // prettier-ignore
  const path = join(manifest.parentPath, manifest.name);
  await writeFile(path, (await readFile(path, "latin1")).replace('"version":"1.0.0"', '"version":"1.0.1"'), "latin1"); // prettier-ignore
  const found = await doctor(home, env);
  expect(found).toMatchObject({ code: 6, bad: ["integrity"] });
  expect(found.text).toContain("m/sha256/");
});

test("G4: a port that another program has, and one where a registry answers", async () => {
  const home = await place();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const found = await doctor(home, { CITADEL_PORT: String(port), CITADEL_HOST: "127.0.0.1" });
  expect(found).toMatchObject({ code: 3, bad: ["port"] });
  expect(found.text).toContain(`process ${process.pid}`);

  const server = await serve({ home });
  onTestFinished(() => server.stop());
  const mine = await doctor(home, { CITADEL_PORT: new URL(server.url).port, CITADEL_HOST: "127.0.0.1" }); // prettier-ignore
  expect(mine.bad).toEqual([]);
  expect(mine.text).toContain("a registry answers at");
});

test("G4: what carries secrets out: core dumps, a debugger, reports, certificates that nobody checks", async () => {
  const home = await place();
  await publishLocal(home);
  const args = ["doctor", "--json"];
  const dumped = report(await shell('ulimit -c 1024; exec "$0" "$@"', home, args, { CITADEL_PORT: "0" })); // prettier-ignore
  expect(dumped.bad).toEqual(["secrets"]);
  expect(dumped.text).toContain("ulimit -c 0");
  const env = {
    NODE_OPTIONS: "--inspect=127.0.0.1:0 --report-on-signal --max-old-space-size=512",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    S3_SECRET_ACCESS_KEY: "hunter2-hunter2",
    CITADEL_TOKEN: "npm_hunter2hunter2",
    CITADEL_IDENTITY: "AGE-SECRET-KEY-hunter2",
  };
  const found = await doctor(home, env);
  expect(found).toMatchObject({ code: 3, bad: Array(4).fill("secrets") });
  const told = JSON.stringify(found.items);
  expect(told).toContain("--max-old-space-size");
  expect(told).not.toContain("512");
  expect(told).toContain("set in the environment: CITADEL_TOKEN, S3_SECRET_ACCESS_KEY");
  expect(found.text).not.toContain("hunter2");
});

test("G4: plugins that are gone, of another version, or not used; an old npm", async () => {
  const home = await place();
  const make = async (name: string, manifest: object, more: Record<string, string> = {}) => {
    const folder = join(home, name);
    await mkdir(folder);
    const files = { "package.json": JSON.stringify({ name, version: "2.0.0", type: "module", exports: { ".": "./index.js" }, ...manifest }), "index.js": "export {};\n", ...more }; // prettier-ignore
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    const ran = await citadel(home, ["plugins:link", "--no-install", folder]);
    expect(ran.code, ran.output).toBe(0);
    return folder;
  };
  await make("again", { oclif: {}, citadel: { drivers: { redis: "./index.js" } } });
  await make("stale", { oclif: {} }, { "oclif.manifest.json": JSON.stringify({ version: "1.0.0", commands: {} }) }); // prettier-ignore
  const lost = await make("lost", { oclif: {} });
  const core = join(home, "again/node_modules/@citadel/core");
  await mkdir(core, { recursive: true });
  await writeFile(join(core, "package.json"), '{"name":"@citadel/core","version":"0.0.9"}');
  await rm(lost, { recursive: true });
  await mkdir(join(home, "bin"));
  await writeFile(join(home, "bin/npm"), "#!/bin/sh\necho 6.14.18\n", { mode: 0o755 });
  const found = await doctor(home, { PATH: `${join(home, "bin")}:${process.env["PATH"]}` });
  expect(found.code).toBe(3);
  for (const text of [
    "the driver of again for redis: is not used",
    "again has @citadel/core 0.0.9 of its own",
    "stale: its oclif.manifest.json is of version 1.0.0",
    "the folder of the linked plugin lost is gone",
    "npm 6.14.18 is old",
  ])
    expect(found.text).toContain(text);
});

test("G4: on a terminal each finding says what, why and what to do, in 80 columns", async () => {
  const home = await place();
  const { stdout } = await onTerminal(home, ["doctor", "--no-color", "--store", "memory:"], { CITADEL_PORT: "0", CI: "1", ...empty, PATH: process.env["PATH"] ?? "" }); // prettier-ignore
  expect(stdout).toMatch(/^▲ documents +memory: is not durable/m);
  expect(stdout).toMatch(/^ {2}why +everything in it is gone/m);
  expect(stdout).toMatch(/^ {2}do +choose another store/m);
  for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});

test("G4, D2: a vault without a recovery kit is a warning, until there is one; nothing opens the vault for that", async () => {
  const home = await place();
  const passphrase = join(home, "passphrase");
  await writeFile(passphrase, "correct horse battery\n", { mode: 0o600 });
  const secrets = async (...args: string[]) => {
    const ran = await citadel(home, [...args, "--passphrase-file", passphrase]);
    expect(ran.code, ran.output).toBe(0);
  };
  await secrets("secrets:init");
  const found = await doctor(home);
  expect(found).toMatchObject({ code: 3, bad: ["recovery"] });
  expect(found.text).toContain("citadel secrets:member:recovery <file>");
  await secrets("secrets:member:recovery", "--paper");
  const better = await doctor(home);
  expect(better).toMatchObject({ code: 0, bad: [] });
  expect(better.text).toContain("there is a recovery kit for the vault");
});
