import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bin, onTerminal } from "../cli/cli.ts";
import { citadelEnv } from "../support/citadel.ts";
import { seat } from "./seat.ts";

// oxlint-disable-next-line no-control-regex -- these are what must not be there
const steering = /[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/;

test("vault attack 21: what steers a terminal is refused in names, and never printed from what is said of a secret", async () => {
  const { home, env, run, fill } = await seat();
  const evil = "\u001b[31mred\u202Etxt\u0007";
  for (const args of [
    ["secrets:set", evil],
    ["secrets:set", "a", "-s", evil],
    ["secrets:label", "a", evil, "1"],
    ["secrets:purge", evil, `--confirm=${evil}`],
    ["secrets:scope", evil, "--cas-required"],
    ["secrets:policy:explain", "read", evil],
  ]) {
    const ran = await run(args, { input: "x" });
    expect(ran.code === 2 || ran.code === 4, args.join(" ")).toBe(true);
    expect(ran.stdout + ran.stderr, args.join(" ")).not.toMatch(steering);
  }
  await fill({ "dev/a": evil });
  const said = ["--description", evil, "--tag", evil];
  expect((await run(["secrets:edit", "a", ...said])).code).toBe(0);
  for (const args of [
    ["secrets:list"],
    ["secrets:versions", "a", "--graph"],
    ["secrets:versions", "a", "--mermaid"],
    ["secrets:audit"],
    ["local:list-secrets"],
  ]) {
    const ran = await run(args);
    expect([ran.code, ran.stdout.length > 0], args.join(" ")).toEqual([0, true]);
    expect(ran.stdout + ran.stderr, args.join(" ")).not.toMatch(steering);
    const shown = await onTerminal(home, [...args, "--no-color"], env);
    expect(shown.stdout.replaceAll("\r\n", "\n"), args.join(" ")).not.toMatch(steering);
  }
}, 90_000);

test("D1: on a terminal a value is masked: what it is, and nothing of it", async () => {
  const { home, env, run } = await seat();
  const url = "postgres://app:pa55word@db.example/shop?sslkey=s3cret";
  await run(["secrets:set", "db", "--type", "connection"], { input: url });
  const shown = await onTerminal(home, ["secrets:get", "db", "--no-color"], env);
  expect(shown.stdout).toContain("postgres://app:********@db.example/shop");
  expect(shown.stdout).not.toMatch(/pa55word|s3cret/);
  expect((await run(["secrets:get", "db"])).stdout).toBe(url);
});

test("vault attack 9: values in the arguments are warned about, leave the list of processes, and can be forbidden", async () => {
  const { home, run, path } = await seat();
  const canary = "canary-on-the-line";
  const commands = [
    ["secrets:set", "a", canary],
    ["secrets:rotate", "a", canary],
    ["local:secret-store", "b", canary, "custom"],
  ];
  for (const args of commands) {
    const forbidden = await run(args, { env: { CITADEL_SECRETS_ALLOW_ARGV: "false" } });
    expect([forbidden.code, forbidden.stderr.includes("not taken here")]).toEqual([2, true]);
    const ran = await run(args);
    expect([ran.code, ran.stderr.includes("seen by others")], ran.output).toEqual(
      args[0] === "secrets:rotate" ? [2, true] : [0, true],
    );
    expect(ran.stdout + ran.stderr).not.toContain(canary);
  }
  if (process.platform !== "linux") return;
  const fifo = join(path, "fifo");
  await new Promise((done) => spawn("mkfifo", [fifo]).on("exit", done));
  for (const args of commands) {
    // the passphrase never comes: the command waits, and can be looked at
    const waiting = spawn(process.execPath, [bin, ...args, "--passphrase-file", fifo], {
      env: citadelEnv(home),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const gone = new Promise((done) => waiting.on("exit", done));
    await new Promise<void>((done) => waiting.stderr.on("data", () => done()));
    const line = await readFile(`/proc/${waiting.pid}/cmdline`, "latin1");
    waiting.kill("SIGKILL");
    await gone;
    expect([line.includes(canary), line.length > 0], args.join(" ")).toEqual([false, true]);
  }
}, 60_000);
