import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { citadelEnv, root } from "../support/citadel.ts";
import { run, type Ran } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const script = join(import.meta.dirname, "fixtures/probe.js");

async function home(): Promise<string> {
  const folder = await tempFolder("probe");
  onTestFinished(() => folder.remove());
  return folder.path;
}

async function probe(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return run(process.execPath, [script, ...args], { env: citadelEnv(await home(), env) });
}

/** The command on a terminal; `answers` are typed as the questions appear. */
async function onTerminal(
  args: readonly string[],
  answers: readonly (readonly [RegExp, string])[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const line = ["stty cols 80 rows 24;", process.execPath, script, ...args].join(" ");
  const more = { TERM: "xterm-256color", LANG: "C.UTF-8", ...env };
  return run("script", ["-qec", line, "/dev/null"], {
    env: citadelEnv(await home(), more),
    answers,
  });
}

const errorOf = (ran: Ran): { code: string; message: string; hint: string[]; exit: number } =>
  (JSON.parse(ran.stdout) as { error: never }).error;

test("35, 39: code and page, grouped causes, what to do, and the message last", async () => {
  const { code, stderr } = await probe(["--do", "fail"]);
  expect(code).toBe(7);
  expect(stderr.trimEnd().split("\n")).toEqual([
    "E_STORE_UNAVAILABLE, docs/errors.md#e_store_unavailable",
    "because: two tries",
    "because: no route (2 times)",
    "-> check the store's address: citadel config --get store.documents",
    "x the store is away",
  ]);
});

test("36: a defect writes a report with versions, without secrets, and prints no stack", async () => {
  const at = await home();
  const secret = "hunter2hunter2";
  const env = citadelEnv(at, {
    S3_SECRET_ACCESS_KEY: secret,
    REDIS_URL: `redis://u:${secret}@h`,
    OTHER_TOKEN: "x",
  });
  const ran = await run(process.execPath, [script, "--do", "defect", "--json"], { env });
  expect(ran.code).toBe(1);
  expect(errorOf(ran)).toMatchObject({ code: "E_FAILED", message: "an unexpected error", exit: 1 });
  expect(ran.output).not.toMatch(/flux|hunter2|ctdl_|\n\s+at /);

  const folder = join(at, "cache/reports");
  const [name = ""] = await readdir(folder);
  expect(errorOf(ran).hint.join()).toContain(name);
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  const report = await readFile(join(folder, name), "utf8");
  expect(report).not.toMatch(/hunter2|ctdl_abc|OTHER_TOKEN/);
  expect(JSON.parse(report)).toMatchObject({
    command: "probe",
    versions: { node: process.version, "@citadel/plugin-system": expect.any(String) },
    environment: { REDIS_URL: "redis://u:***@h", S3_SECRET_ACCESS_KEY: "***" },
    error: expect.arrayContaining(["TypeError: the flux is undefined", "caused by"]),
  });
});

test("36, 48: a defect with nowhere to write is still told in order", async () => {
  const ran = await probe(["--do", "defect"], {
    CITADEL_CACHE_DIR: "/dev/null/x",
    TMPDIR: "/dev/null",
  });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/because: the flux is undefined/);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("38, 41: %s ends in order with %i", async (signal, code) => {
  const env = citadelEnv(await home());
  const child = spawn(process.execPath, [script, "--do", "wait"], { env, cwd: root });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  await once(child.stdout, "data");
  child.kill(signal);
  child.kill(signal); // a wrapper and the terminal may both deliver one key press
  expect(await once(child, "close")).toEqual([code, null]);
  expect(Buffer.concat(said).toString()).toBe(`stopping by ${signal}, aborted: true\n`);
});

test("41: a second Ctrl-C does not wait for cleaning up and says so", async () => {
  const env = citadelEnv(await home());
  const child = spawn(process.execPath, [script, "--do", "hang"], { env, cwd: root });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  await once(child.stdout, "data");
  child.kill("SIGINT");
  await setTimeout(400);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([130, null]);
  expect(Buffer.concat(said).toString()).toBe("stopped without cleaning up\n");
});

test("2, 41: with --json a stopped command still prints one document", async () => {
  const env = citadelEnv(await home());
  const child = spawn(process.execPath, [script, "--do", "wait", "--json"], { env, cwd: root });
  const said: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  await setTimeout(1500);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([130, null]);
  expect(JSON.parse(Buffer.concat(said).toString())).toMatchObject({
    error: { code: "E_CANCELLED", exit: 130 },
  });
});

test("32: where nobody can be asked, the command fails at once and names the flag", async () => {
  for (const [what, flag] of [
    ["ask", "pass --yes"],
    ["name", "pass --confirm=lodash"],
  ] as const) {
    const ran = await probe(["--do", what, "--json"]);
    expect(ran.code).toBe(2);
    expect(errorOf(ran)).toMatchObject({ code: "E_USAGE", hint: [flag] });
  }
});

test("32: --no-input does not ask on a terminal either", async () => {
  const ran = await onTerminal(["--do", "ask", "--no-input"]);
  expect(ran.code).toBe(2);
  expect(ran.output).toContain("pass --yes");
});

test("34: a question defaults to no", async () => {
  const ran = await onTerminal(["--do", "ask"], [[/Delete it\?/, "\r"]]);
  expect(ran.code).toBe(10);
  expect(ran.output).toContain("nothing was changed");
});

test("33: Ctrl-C at a question leaves with 130", async () => {
  const ran = await onTerminal(["--do", "ask"], [[/Delete it\?/, "\u0003"]]);
  expect(ran.code).toBe(130);
});

test("30: a name must be typed to the letter", async () => {
  expect((await probe(["--do", "name", "--confirm", "lodahs"])).code).toBe(2);
  expect((await probe(["--do", "name", "--confirm", "lodash"])).code).toBe(0);
});

test("1, 9: data goes to stdout, the rest to stderr; --quiet leaves data and warnings", async () => {
  const ran = await probe(["--do", "speak"], { LANG: "C.UTF-8" });
  expect([ran.stdout, ran.stderr]).toEqual(["data\n", "note\n✔ done\n▲ careful\n"]);
  const quiet = await probe(["--do", "speak", "-q"]);
  expect([quiet.stdout, quiet.stderr]).toEqual(["data\n", "! careful\n"]);
});

test("14: progress in a pipe is one line per phase", async () => {
  const { stderr } = await probe(["--do", "progress"]);
  expect(stderr).toBe("reading\nwriting\n");
});

test("14, 15: progress on a terminal moves and leaves nothing behind", async () => {
  const { stdout } = await onTerminal(["--do", "progress"]);
  expect(stdout).toMatch(/reading [█░]+ 50 B of 100 B/);
  expect(stdout.endsWith("\r\u001b[K")).toBe(true);
  const ci = await onTerminal(["--do", "progress"], [], { CI: "1" });
  expect(ci.stdout).toBe("reading\r\nwriting\r\n");
});

test("12: colour on a terminal, none by NO_COLOR, --no-color, TERM=dumb", async () => {
  // oxlint-disable-next-line no-control-regex -- an escape sequence begins with a control character
  const colour = /\u001b\[3\dm/;
  const args = ["--do", "speak"];
  expect((await onTerminal(args)).stdout).toMatch(colour);
  expect((await onTerminal(args, [], { NO_COLOR: "1" })).stdout).not.toMatch(colour);
  expect((await onTerminal([...args, "--no-color"])).stdout).not.toMatch(colour);
  expect((await onTerminal(args, [], { TERM: "dumb" })).stdout).not.toMatch(colour);
  expect((await probe(args, { FORCE_COLOR: "1" })).stderr).toMatch(colour);
});

test("31: a flag wins over the environment", async () => {
  const env = { CITADEL_PORT: "1" };
  expect(JSON.parse((await probe(["--do", "port", "--json"], env)).stdout)).toMatchObject({
    port: 1,
    origin: { name: "CITADEL_PORT" },
  });
  const flag = await probe(["--do", "port", "--port", "2", "--json"], env);
  expect(JSON.parse(flag.stdout)).toMatchObject({ port: 2, origin: { name: "--port" } });
});

test("21: a wrong value of a flag names the allowed ones", async () => {
  const ran = await probe(["--do", "dance", "--json"]);
  expect(ran.code).toBe(2);
  expect(errorOf(ran).message).toContain("to be one of: defect");
});
