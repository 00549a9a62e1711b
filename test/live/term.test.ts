// B7: the terminal dashboard in a real terminal.
import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installed } from "../servers/installed.ts";
import { citadel, citadelEnv, root, serve, type Server } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";

const tmux = await installed("tmux", ["/usr/bin/tmux"]);
const bin = join(root, "bin/citadel.js");
let temp: Temp;
let server: Server;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  temp = await tempFolder("term");
  server = await serve({ home: temp.path });
  env = { CITADEL_SERVER_PORT: new URL(server.url).port };
  await config("terminalMode", "raw");
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

const config = async (field: string, value: string) =>
  expect((await citadel(temp.path, ["config:set", field, value], { env })).code).toBe(0);
const bytes = async () =>
  (await readFile(join(temp.path, "data/citadel.lockb"))).subarray(0, 13).toString("hex");

/** A shell in a terminal of its own. */
async function terminal({ width = 100, height = 30, home = temp.path, more = {} } = {}) {
  const socket = join(temp.path, `t${Math.random().toString(36).slice(2)}`);
  const call = async (...args: string[]) => {
    const ran = await run(tmux ?? "", ["-S", socket, "-f", "/dev/null", ...args], {
      env: variables,
    });
    if (ran.code !== 0) throw new Error(ran.output);
    return ran.stdout;
  };
  const variables = citadelEnv(home, { ...env, ...more, LANG: "C.UTF-8", TERM: "xterm-256color" }); // prettier-ignore
  await call("new-session", "-d", "-x", String(width), "-y", String(height), "-c", temp.path, "/bin/sh"); // prettier-ignore
  const shown = () => call("capture-pane", "-p");
  const type = (...keys: string[]) => call("send-keys", ...keys);
  return {
    shown,
    type,
    enter: async (line: string) => {
      await call("send-keys", "-l", line);
      await call("send-keys", "Enter");
    },
    resize: (x: number, y: number) => call("resize-window", "-x", String(x), "-y", String(y)),
    see: async (text: string | RegExp) => {
      const found = async () => {
        const now = await shown();
        return typeof text === "string" ? now.includes(text) : text.test(now);
      };
      await until(found).catch(async (cause: unknown) => {
        throw new Error(`not seen: ${String(text)}\n${await shown()}`, { cause });
      });
    },
    pid: async () => {
      const shell = (await call("display-message", "-p", "#{pane_pid}")).trim();
      return Number((await run("pgrep", ["-P", shell])).stdout.trim());
    },
    [Symbol.asyncDispose]: () => call("kill-server").then(() => {}),
  };
}

const start = `"${process.execPath}" "${bin}" term`;

test.skipIf(!tmux)(
  "B7: the live picture, and every command at its prompt",
  async () => {
    await using t = await terminal();
    await t.enter(start);
    await t.see("● live");
    await t.see(/cpu +[\d.]+ %.*[▁-█]/);
    await t.see("alerts: none");
    await t.see(/up \d/);
    await t.type("set ro", "Tab");
    await t.enter("30");
    await t.see("rows is 30");
    expect((await bytes()).slice(20, 22)).toBe("1e");
    await t.see("raw, 30 × 80");
    await t.enter("enable debug");
    await t.see("+DEBUG");
    await t.enter("disable DEBUG");
    await t.see("-DEBUG");
    await t.enter("save");
    await t.see(/saved [\da-f]{26}/);
    await mkdir(join(temp.path, "a package"));
    await writeFile(
      join(temp.path, "a package/package.json"),
      '{"name":"shown","version":"1.0.0"}',
    );
    await t.enter("publish 'a package'");
    await t.see("published shown@1.0.0");
    await t.see(/shown.*1.0.0 as latest/);
    await t.enter("status");
    await t.see(/packages +1 with 1 versions/);
    await t.see("up since");
    await t.enter("reload");
    await t.see("nothing has changed");
    await t.enter("clear");
    await until(async () => !(await t.shown()).includes("nothing has changed"));
    await t.enter("help");
    await t.see("publish <dir> [code]");
    await t.enter("nonsense");
    await t.see("E_USAGE");
    await t.type("Up", "Up");
    await t.see(/^> help$/m);
    await t.type("C-c");
    // what others change, and what size the terminal has
    await config("cols", "132");
    await t.see("30 × 132");
    await t.resize(50, 16);
    await until(async () => {
      const lines = (await t.shown()).split("\n");
      return (
        lines.every((line) => line.length <= 50) && lines.some((line) => line.includes("● live"))
      );
    });
    await t.enter("exit");
    await t.see(/^#$/m);
    await t.enter("stty -a");
    await t.see(/ icanon/);
    await t.see(/ echo /);
  },
  60_000,
);

test.skipIf(!tmux)(
  "B7: the terminal is given back after SIGTERM, after a crash and by Ctrl-C",
  async () => {
    const bomb = "data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('boom')})";
    await using t = await terminal({ more: { NODE_OPTIONS: `--import "${bomb}"` } });
    const back = async (text: string) => {
      await t.see(text);
      await t.enter("stty -a; echo after");
      await t.see(/ icanon[^]*after/);
      expect(await t.shown()).toContain("before");
      await t.enter("clear; echo before");
    };
    await t.enter("clear; echo before");
    for (const [signal, text] of [
      ["SIGTERM", "#"],
      ["SIGUSR2", "boom"],
    ] as const) {
      // prettier-ignore
      await t.enter(start);
      await t.see("● live");
      process.kill(await t.pid(), signal);
      await back(text);
    }
    await t.enter(start);
    await t.see("● live");
    await t.type("C-c");
    await back("#");
  },
  60_000,
);

test.skipIf(!tmux)(
  "B7: terminalMode decides: cooked is line by line, raw the whole terminal, disabled none",
  async () => {
    await using t = await terminal();
    await t.enter(start);
    await t.see("● live");
    await t.enter("set terminalMode cooked");
    await t.see(/^citadel>$/m);
    await t.enter("set rows 40");
    await t.see("rows is 40");
    await t.type("en", "Tab");
    await t.type("C-u");
    await t.enter("set terminalMode raw");
    await t.see("● live");
    await t.enter("set terminalMode disabled");
    await t.see("E_FORBIDDEN");
    await t.enter("echo code $?; clear");
    await config("terminalMode", "raw");
  },
  60_000,
);

test("B7: lines from a pipe, with and without a server", async () => {
  const type = (home: string, input: string, ...args: string[]) =>
    citadel(home, ["term", ...args], { env, input });
  const live = await type(temp.path, "set rows 31\nstatus\n");
  expect(live.code, live.output).toBe(0);
  expect(live.stdout).toContain("rows is 31\n");
  expect(live.stdout).toContain("up since");
  const bad = await type(temp.path, "set rows 0\nset rows 32\nexit\nset rows 33\n");
  expect([bad.code, bad.stdout.includes("rows is 32"), bad.stdout.includes("33")]).toEqual([2, true, false]); // prettier-ignore
  const other = join(temp.path, "other");
  const alone = await type(other, "enable DEBUG\nstatus\n", "--json");
  expect([alone.code, alone.stderr]).toEqual([0, ""]);
  const { output } = JSON.parse(alone.stdout) as { output: string[] };
  expect(output[0]).toBe("DEBUG is on");
  expect(output.join("\n")).toContain("none runs here");
  const history = await citadel(temp.path, ["log", "--kind", "config", "--json", "--limit", "1"]);
  expect(JSON.parse(history.stdout.split("\n")[0] ?? "")).toMatchObject({
    who: "local",
    via: "api",
  });
}, 60_000);

test.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
  "B7: another user who has the port is told nothing",
  async () => {
    const script =
      "require('http').createServer((q,r)=>{console.log(q.method,q.url);r.end('{}')}).listen(0,'127.0.0.1',function(){console.log(this.address().port)})";
    const other = spawn(process.execPath, ["-e", script], { uid: 65_534, cwd: "/", env: {} });
    try {
      let said = "";
      other.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      await until(async () => said.includes("\n"));
      const ran = await citadel(temp.path, ["term", "--port", said.trim()], { input: "status\n" });
      expect([ran.code, ran.stdout.includes("none runs here")], ran.output).toEqual([0, true]);
      expect(said.trim()).toMatch(/^\d+$/);
    } finally {
      other.kill();
    }
  },
  30_000,
);
