// Runs the same command line with the Node that came with the installation.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";

const { argv, execArgv, pid, platform, version } = process;
try {
  const home = dirname(createRequire(import.meta.url).resolve("node/package.json"));
  const node = join(home, "bin", platform === "win32" ? "node.exe" : "node");
  const child = spawn(node, [...execArgv, ...argv.slice(1)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => child.kill(signal));
  child.on("error", refuse);
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(pid, signal);
  });
} catch {
  refuse();
}

function refuse() {
  console.error(`citadel needs Node 22.19 or newer; this is ${version}`);
  process.exit(1);
}
