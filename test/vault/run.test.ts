import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkVariable, scrubbed, variableOf } from "@citadel/core/run";
import { readReference, referenceTo } from "@citadel/core/vault";
import { describe, expect, onTestFinished, test } from "vitest";
import { bin, onTerminal } from "../cli/cli.ts";
import { codeOf } from "../core/registry-harness.ts";
import { citadelEnv, serve } from "../support/citadel.ts";
import { until } from "../support/until.ts";
import { seat } from "./seat.ts";

const url = "postgres://ann:p4ss/w+rd@host/db";
const left = async () =>
  (await readdir("/dev/shm").catch((): string[] => [])).filter((name) =>
    name.startsWith("citadel-run-"),
  );

test("D5: a command gets values, its output hides them, and its exit code is passed on", async () => {
  const { run, json, fill } = await seat();
  await fill({ "default/db/url": url, "default/pin": "1234", "staging/key": "staging-value" });
  const child = `console.log(process.env.DB_URL, process.env.KEY, Buffer.from(process.env.DB_URL).toString("base64"));
    console.error(process.env.DB_URL);
    console.log(Object.keys(process.env).filter((name) => /citadel|npm|registry/i.test(name)).join());
    process.exit(7)`;
  const env = {
    ...{ CITADEL_SERVER_KEY: "k", NPM_TOKEN: "t", NODE_AUTH_TOKEN: "t", REGISTRY_DB_URL: "" },
    ...{ "npm_config_//host/:_authToken": "t", npm_config_registry: "http://r.example/" },
  };
  const ran = await run(["secrets:run", "--", process.execPath, "-e", child], { env });
  expect(ran.code).toBe(7);
  expect(ran.stdout.split("\n")).toEqual([
    expect.stringMatching(/^\[REDACTED:db\/url\] undefined \[REDACTED:db\/url\][\w=]{0,3}$/),
    ...["npm_config_registry", ""],
  ]);
  const [first, warning, said] = ran.stderr.split("\n");
  expect(first).toBe("2 values in the environment; values are hidden in the output");
  expect(warning).toContain("pin is too short to be hidden");
  expect(said).toBe("[REDACTED:db/url]");

  const some = ["secrets:run", "-s", "staging", "--only", "KEY", "--", "sh", "-c"];
  const counted = await run([...some, 'echo "${#KEY} ${#DB_URL} $0 $1"', "a b", "*"]);
  expect(counted.stdout).toBe("13 0 a b *\n");
  expect((await run([...some, "kill -9 $$"])).code).toBe(137);
  const object = await run([
    "secrets:run",
    "--json",
    "-s",
    "staging",
    "--",
    "sh",
    "-c",
    "echo $KEY; exit 3",
  ]);
  expect([object.code, JSON.parse(object.stdout), object.stderr]).toEqual([
    ...[3, { code: 3, signal: null, variables: ["KEY"], masked: true }, "[REDACTED:key]\n"],
  ]);
  const { items } = await json(["secrets:audit"]);
  const reads = items.filter(({ kind }: any) => kind === "access");
  expect(reads.map(({ op, name }: any) => `${op} ${name}`)).toEqual([
    ...["run db/url", "run pin", "run key", "run key", "run key"],
  ]);
}, 60_000);

test("D5: what is not on record is not handed out, and nothing is started", async () => {
  const { home, path, run, fill } = await seat();
  await fill({ "default/a": "value-of-a" });
  await run(["secrets:get", "a"]);
  const folder = join(home, "config/vault");
  const [log = ""] = (await readdir(folder)).filter((name) => name.startsWith("access-"));
  await rm(join(folder, log));
  await mkdir(join(folder, log));
  const ran = await run(["secrets:run", "--", "touch", join(path, "started")]);
  expect([ran.code, ran.output.includes("E_ACCESS_LOG")]).toEqual([1, true]);
  expect(await readdir(path)).not.toContain("started");
});

test("D5: values as files in memory, as descriptors and on standard input leave nothing behind", async () => {
  const { run, fill } = await seat();
  const bytes = Buffer.from([0, 1, 255, 254, 0, 13, 10, 200]);
  await fill({ "default/bytes": bytes, "default/text": "some text" });
  const hex =
    "for (const name of ['BYTES', 'TEXT']) process.env[name] && console.log(name, require('fs').readFileSync(process.env[name]).map((byte) => byte ^ 1).toString('hex'))";
  const flipped = (value: Uint8Array) => Buffer.from(value.map((byte) => byte ^ 1)).toString("hex");
  for (const as of ["file", "fd"]) {
    const ran = await run(["secrets:run", "--as", as, "--", process.execPath, "-e", hex]);
    expect(ran.stdout, ran.output).toBe(
      `BYTES ${flipped(bytes)}\nTEXT ${flipped(Buffer.from("some text"))}\n`,
    );
  }
  const look = 'ls -ld "$(dirname "$TEXT")" "$TEXT"; echo "$TEXT"';
  const looked = await run(["secrets:run", "--as", "file", "--", "sh", "-c", look]);
  expect(looked.stdout).toMatch(/^drwx------ [^]*\n-rw------- /);
  if (process.platform === "linux") expect(looked.stdout).toContain("/dev/shm/");
  const stdin = ["secrets:run", "--as", "stdin"];
  expect((await run([...stdin, "--only", "TEXT", "--", "wc", "-c"])).stdout.trim()).toBe("9");
  expect((await run([...stdin, "--", "cat"])).code).toBe(2);
  expect((await run(["secrets:run", "--", "true"])).output).toContain("--as file");
  expect(await left()).toEqual([]);
}, 60_000);

test.skipIf(process.platform !== "linux")(
  "D5: a killed run's files are removed by the next",
  async () => {
    const { home, env, run, fill } = await seat();
    await fill({ "default/text": "some text" });
    const args = ["secrets:run", "--as", "file", "--", "sh", "-c", "echo ready; exec sleep 60"];
    const child = spawn(process.execPath, [bin, ...args], {
      env: citadelEnv(home, env),
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    await once(child.stdout, "data");
    const mine = (await left()).filter((name) => name.includes(`-${child.pid}-`));
    expect(mine.length).toBe(1);
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await once(child, "exit");
    expect(await left()).toEqual(expect.arrayContaining(mine));
    await run(["secrets:run", "--as", "file", "--", "true"]);
    expect((await left()).filter((name) => mine.includes(name))).toEqual([]);
  },
);

test("D5: references in a file and on the command line, with fields and versions", async () => {
  const { path, run, fill } = await seat();
  await fill({
    "staging/api/key": JSON.stringify({ user: "ann", key: "first-key", n: 5 }),
    "default/odd#name@x": "odd-value",
  });
  await fill({ "staging/api/key": JSON.stringify({ user: "bob", key: "second-key" }) });
  const file = join(path, "refs.env");
  await writeFile(
    file,
    'PLAIN="as it is"\nNEW=citadel://staging/api/key#key\nOLD=citadel://staging/api/key#key@1\nN=citadel://staging/api/key#n@1\n',
  );
  const show =
    "for (const name of ['PLAIN', 'NEW', 'OLD', 'N', 'ODD']) console.log([...process.env[name]].join(' '))";
  const odd = referenceTo({ scope: "default", name: "odd#name@x" });
  const ran = await run([
    ...["secrets:run", "--refs", file, "--map", `ODD=${odd}`],
    ...["--", process.execPath, "-e", show],
  ]);
  const spaced = (text: string) => Array.from(text).join(" ");
  expect(ran.stdout.split("\n"), ran.output).toEqual(
    ["as it is", "first-key", "5", "odd-value"]
      .toSpliced(1, 0, "second-key")
      .map(spaced)
      .concat(""),
  );
  for (const [map, code] of [
    ["A=citadel://staging/api/key#other", 2],
    ["A=citadel://staging/none", 4],
    ["A=citadel://staging/api/key@9", 4],
    ["A=citadel://paste-of-a-value", 2],
    ["A", 2],
    ["A-B=api/key", 2],
  ] as const) {
    const failed = await run(["secrets:run", "--map", map, "--", "true"]);
    expect([map, failed.code]).toEqual([map, code]);
    expect(failed.output).not.toContain("paste-of-a-value");
  }
}, 60_000);

test("D5: what a reference means, and that it is read back", async () => {
  expect(readReference("citadel://a/b/c#d@12")).toEqual({
    ...{ which: { scope: "a", name: "b/c" }, field: "d", version: 12 },
  });
  for (const which of [
    { scope: "a", name: "x/y" },
    { scope: "100%", name: "#@%25 ä/?" },
  ])
    expect(readReference(referenceTo(which)).which).toEqual(which);
  for (const text of [
    "citadel://",
    "citadel://a",
    "citadel://a/",
    "citadel:///b",
    "citadel://a/b@0",
    "citadel://a/b@x",
    "citadel://a/%zz",
    "citadel://a/../b",
    "http://a/b",
  ])
    expect(await codeOf((async () => readReference(text))()), text).toMatch(
      /^E_(USAGE|INVALID_SECRET)$/,
    );
});

test("D5: the token of an upstream in the settings is a reference, read at run time and safe to show", async () => {
  const { home, run, fill, env, json } = await seat();
  await fill({ "default/up/token": "token-of-the-upstream" });
  const heard: (string | undefined)[] = [];
  const there = createServer((request, response) => {
    heard.push(request.headers.authorization);
    response.writeHead(404).end("{}");
  });
  there.listen(0, "127.0.0.1");
  await once(there, "listening");
  onTestFinished(() => void there.close());
  const { port } = there.address() as { port: number };
  const settings = (name: string) => ({
    CITADEL_UPSTREAM: JSON.stringify([
      { name: "up", url: `http://127.0.0.1:${port}/`, token: `citadel://default/${name}` },
    ]),
  });
  const server = await serve({ home, env: { ...env, ...settings("up/token") } });
  await fetch(`${server.url}/some-package`);
  await server.stop();
  expect(heard[0]).toBe("Bearer token-of-the-upstream");
  const shown = await run(["config", "--json"], { env: settings("up/token") });
  expect(shown.stdout).not.toContain("token-of-the-upstream");
  const locked = { ...settings("up/token"), CITADEL_PASSPHRASE_FILE: "" };
  for (const [env, code] of [
    [settings("none"), "E_SECRET_NOT_FOUND"],
    [locked, "E_VAULT_LOCKED"],
  ] as const) {
    const asked = await run(["bunx:resolve", "some-package"], { env });
    expect(asked.stderr).toContain(code);
    expect(asked.stderr).toContain("upstream up refers to a secret");
    // nobody else needs it
    expect((await run(["local:list-packages"], { env })).code).toBe(0);
  }
  const { items } = await json(["secrets:audit"]);
  expect(items.filter(({ op }: any) => op === "run").length).toBeGreaterThan(0);
}, 60_000);

const refused = [
  ...[
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "NODE_OPTIONS",
    "NODE_PATH",
  ],
  ...[
    "PATH",
    "Path",
    "path",
    "BASH_ENV",
    "ENV",
    "IFS",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_CONFIG_COUNT",
  ],
  ...[
    "PYTHONSTARTUP",
    "PYTHONPATH",
    "PERL5OPT",
    "PERL5LIB",
    "PERLLIB",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "EDITOR",
    "PAGER",
  ],
  ...[
    "npm_config_script_shell",
    "npm_config_registry",
    "CITADEL_STORE",
    "HOME",
    "SHELL",
    "PROMPT_COMMAND",
    "OPENSSL_CONF",
  ],
];

describe("vault attack 19: a secret under a name that makes programs load something", () => {
  test.each(refused)("%s is refused, unless it is allowed by name", async (name) => {
    expect(await codeOf((async () => checkVariable(name))())).toBe("E_DANGEROUS_VARIABLE");
    expect(checkVariable(name, new Set([name]))).toBe(name);
  });

  test("names of values are not refused, what is no name is", async () => {
    for (const name of [
      "DB_URL",
      "NPM_TOKEN",
      "AWS_SECRET_ACCESS_KEY",
      "NODE_ENV",
      "_X1",
      "LDAP_PASSWORD",
      "GITHUB_TOKEN",
    ])
      expect(checkVariable(name)).toBe(name);
    for (const name of ["", "A=B", "A B", "1A", "A\0", "A\n", "ä", "a".repeat(300)])
      expect(await codeOf((async () => checkVariable(name))())).toBe("E_USAGE");
    expect(["db/password", "9lives", "a-b.c", "DB_URL"].map(variableOf)).toEqual([
      ...["DB_PASSWORD", "_9LIVES", "A_B_C", "DB_URL"],
    ]);
  });

  test("on the command line nothing is started, whether the name comes from a secret, a file or --map", async () => {
    const { path, run, fill } = await seat();
    await fill({ "default/ld/preload": "/tmp/evil.so", "other/x": "/tmp/evil.so" });
    const file = join(path, "refs.env");
    await writeFile(file, "NODE_OPTIONS=--require=/tmp/evil.js\n");
    const started = join(path, "started");
    for (const args of [
      [],
      ["--refs", file],
      ["--map", "Path=x"],
      ["-s", "other", "--map", "GIT_ASKPASS=x"],
    ]) {
      const ran = await run(["secrets:run", ...args, "--", "touch", started]);
      expect([ran.code, ran.output.includes("E_DANGEROUS_VARIABLE")], ran.output).toEqual([
        9,
        true,
      ]);
    }
    expect(await readdir(path)).not.toContain("started");
    const allowed = [
      "--allow-dangerous",
      "LD_PRELOAD",
      "--",
      "sh",
      "-c",
      "echo $((${#LD_PRELOAD}))",
    ];
    expect((await run(["secrets:run", ...allowed])).stdout).toBe("12\n");
  }, 60_000);

  test("what speaks for the user is taken out of an environment", () => {
    const kept = {
      PATH: "/bin",
      NPM_CONFIG_REGISTRY: "r",
      AWS_SECRET_ACCESS_KEY: "a",
      npm_config_cache: "c",
    };
    const taken = Object.fromEntries(
      [
        "CITADEL_HOME",
        "CITADEL_PASSPHRASE_FILE",
        "citadel_x",
        "REGISTRY_DB_URL",
        "NPM_TOKEN",
        "NODE_AUTH_TOKEN",
        "npm_config__auth",
        "npm_config_//h/:_authToken",
        "NPM_CONFIG_//h:80/x/:_password",
        "YARN_NPM_AUTH_TOKEN",
        "npm_config_otp",
      ].map((name) => [name, "x"]),
    );
    expect(scrubbed({ ...kept, ...taken, NOTHING: undefined })).toEqual(kept);
  });
});

test("D5: signals reach the command, which decides how it ends", async () => {
  const { home, env, fill } = await seat();
  await fill({ "default/a": "value-of-a" });
  for (const [signal, script, code] of [
    ["SIGTERM", 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.05; done', 5],
    ["SIGINT", 'trap "exit 6" INT; echo ready; while :; do sleep 0.05; done', 6],
    ["SIGHUP", "echo ready; exec sleep 60", 129],
  ] as const) {
    const child = spawn(process.execPath, [bin, "secrets:run", "--", "sh", "-c", script], {
      env: citadelEnv(home, env),
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([code, null]);
  }
}, 60_000);

test("D5: on a terminal the command has it, unless values are to be hidden", async () => {
  const { home, env, fill } = await seat();
  await fill({ "default/a": "value-of-a" });
  const script = "test -t 1 && echo terminal; echo $A | tr a-z a-z";
  const on = (flags: readonly string[], more = {}) =>
    onTerminal(home, ["secrets:run", ...flags, "--", "sh", "-c", script], { ...env, ...more });
  const open = await on([]);
  expect(open.stdout.split("\n").slice(0, 3)).toEqual([
    ...[
      "1 value in the environment; the terminal is the command's own, so its output is shown as it is (--mask hides values)",
      "terminal",
      "value-of-a",
    ],
  ]);
  for (const hidden of [await on(["--mask"]), await on([], { CI: "1" })])
    expect(hidden.stdout).toBe(
      "1 value in the environment; values are hidden in the output\n[REDACTED:a]\n",
    );
}, 60_000);

test("D5: GitHub's runner is told what to hide, a file is not", async () => {
  const { home, env, run, fill, path } = await seat();
  await fill({ "default/a": "50% of\nline two" });
  const github = { GITHUB_ACTIONS: "true" };
  const { stderr } = await run(["secrets:run", "--", "true"], { env: github });
  expect(stderr).toContain("::add-mask::50%25 of\n::add-mask::line two\n");
  const file = join(path, "log");
  const line = `"$0" "$1" secrets:run -- true 2> "${file}"`;
  const child = spawn("/bin/sh", ["-c", line, process.execPath, bin], {
    env: citadelEnv(home, { ...env, ...github }),
  });
  await once(child, "exit");
  const log = await readFile(file, "utf8");
  expect([log.includes("hidden"), log.includes("line two")]).toEqual([true, false]);
}, 60_000);

test("D5: a reader that goes away ends the command by its own broken pipe", async () => {
  const { home, env, fill } = await seat();
  await fill({ "default/a": "value-of-a" });
  const args = ["secrets:run", "--", "sh", "-c", "echo first; while echo more; do :; done"];
  const child = spawn(process.execPath, [bin, ...args], { env: citadelEnv(home, env) });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [code] = await once(child, "exit");
  expect(code).not.toBe(null);
});

describe("H13: a registry token for as long as the command runs", () => {
  test("npm publishes with it in the command and in a shell below it; then it is dead", async () => {
    const { home, path, env, run } = await seat();
    await run(["registry:token:create", "--admin"]);
    const server = await serve({ home });
    onTestFinished(() => server.stop());
    const folder = join(path, "package");
    await mkdir(folder);
    const flags = ["--registry-token", "--registry-user", "admin", "--registry", `${server.url}/`];
    const start = (command: readonly string[]) =>
      run(["secrets:run", ...flags, "--map", "A=a", "--", ...command], {
        cwd: folder,
        timeout: 120_000,
      });
    await run(["secrets:set", "a"], { input: "value-of-a" });
    for (const [version, command] of [
      ["1.0.0", ["npm", "publish"]],
      // dash drops variables whose names are not its own
      ["1.0.1", ["sh", "-c", "npm publish"]],
    ] as const) {
      await writeFile(join(folder, "package.json"), JSON.stringify({ name: "lent", version }));
      const ran = await start(command);
      expect(ran.code, ran.output).toBe(0);
    }
    const keep =
      "require('fs').writeFileSync('token', process.env.NPM_TOKEN); console.log(process.env.NPM_TOKEN)";
    const kept = await start([process.execPath, "-e", keep]);
    expect(kept.stdout).toBe("[REDACTED:registry-token]\n");
    const token = await readFile(join(folder, "token"), "utf8");
    const who = await fetch(`${server.url}/-/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([token.length > 20, who.status]).toEqual([true, 401]);
    expect((await run(["registry:token:list", "--json"])).stdout).not.toContain("secrets:run");

    // killed: nobody revokes it, time does
    const child = spawn(
      process.execPath,
      [
        bin,
        "secrets:run",
        ...flags,
        "--registry-expires",
        "2s",
        "--map",
        "A=a",
        "--",
        process.execPath,
        "-e",
        `${keep}; setInterval(() => {}, 1000)`,
      ],
      {
        cwd: folder,
        env: citadelEnv(home, env),
        detached: true,
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    await once(child.stdout, "data");
    process.kill(-(child.pid ?? 0), "SIGKILL");
    const headers = { authorization: `Bearer ${await readFile(join(folder, "token"), "utf8")}` };
    await until(async () => (await fetch(`${server.url}/-/whoami`, { headers })).status === 401);
  }, 180_000);

  test("it needs a user, and a registry without a password in its address", async () => {
    const { run, fill } = await seat();
    await fill({ "default/a": "value-of-a" });
    for (const flags of [
      [],
      ["--registry-user", "nobody"],
      ["--registry-user", "nobody", "--registry", "http://u:p@host/"],
      ["--registry-user", "nobody", "--registry-expires", "soon"],
    ]) {
      const ran = await run(["secrets:run", "--registry-token", ...flags, "--", "true"]);
      expect([2, 4], ran.output).toContain(ran.code);
    }
    expect(await left()).toEqual([]);
  }, 60_000);
});
