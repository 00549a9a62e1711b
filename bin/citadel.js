#!/usr/bin/env node
// Node built-ins only, and no syntax newer than Node 16: an old Node must be able to read this file.
import { readFileSync } from "node:fs";
import module from "node:module";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0); // the reader has seen enough
  });

const { argv, env, platform, versions } = process;
const [major, minor] = versions.node.split(".").map(Number);

if (["--version", "-v", "-V"].includes(argv[2])) {
  const file = new URL("../package.json", import.meta.url);
  const { name, version } = JSON.parse(readFileSync(file, "utf8"));
  console.log(`${name}/${version} ${platform}-${process.arch} node-v${versions.node}`);
} else if (major < 22 || (major === 22 && minor < 19)) void import("./restart.js");
else if (argv[2] === "__complete") void complete();
else void start();

async function complete() {
  const { completionLines } = await import("@citadel/core/complete");
  const root = fileURLToPath(new URL("..", import.meta.url));
  const lines = await completionLines(argv.slice(3), { root, env, cwd: process.cwd() });
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function start() {
  const home = env.CITADEL_HOME;
  for (const kind of home ? ["data", "cache", "config"] : [])
    env[`CITADEL_${kind.toUpperCase()}_DIR`] ||= join(home, kind);
  const caches = env.XDG_CACHE_HOME || join(env.HOME || homedir() || tmpdir(), ".cache");
  module.enableCompileCache?.(join(env.CITADEL_CACHE_DIR || join(caches, "citadel"), "compile"));
  const { settings } = await import("@oclif/core/settings");
  settings.enableAutoTranspile = false; // Node reads the TypeScript of linked plugins itself
  const { Config } = await import("@oclif/core/config");
  const { execute } = await import("@oclif/core/execute");
  const { joinTopics } = await import("@citadel/core/argv");
  const config = await Config.load(import.meta.url);
  void execute({ args: joinTopics(argv.slice(2), config), loadOptions: config });
}
