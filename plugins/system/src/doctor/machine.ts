import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { isLoopback } from "@citadel/core/config";
import { good, note, problem, warning, type Check, type SettledCheck } from "./finding.ts";

const run = promisify(execFile);

/** Node, and the npm that clients of this machine use. */
export const checkNode: Check = async function* () {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 19))
    yield problem("node", `Node ${node} is too old`, "citadel needs 22.19 or newer", ["npm ci installs a newer one beside Citadel"]); // prettier-ignore
  else yield good("node", `Node ${node}`);
  const npm = await run("npm", ["--version"], { timeout: 20_000, shell: process.platform === "win32" }).then(({ stdout }) => stdout.trim(), () => undefined); // prettier-ignore
  if (npm === undefined || !/^\d+\./.test(npm))
    yield note("npm", "npm does not run here", "clients on this machine need one; Citadel itself does not"); // prettier-ignore
  else if (Number(npm.split(".")[0]) < 10)
    yield warning("npm", `npm ${npm} is old`, "web log-in, provenance and staged publishing need npm 10 and later", ["npm install --global npm@latest"]); // prettier-ignore
  else yield good("npm", `npm ${npm}`);
};

/** Where `citadel serve` would listen. */
export const checkPort: SettledCheck = async function* ({ loaded: { settings } }) {
  const { port, host } = settings.server;
  if (port === 0) return yield good("port", "a free one is taken at each start");
  for (const address of host) {
    const code = await listen(port, address);
    const where = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    if (code === undefined) yield good("port", `${where} is free`);
    else if (code === "EADDRINUSE") {
      const { holderOf } = await import("@citadel/core/port");
      const holder = await holderOf(port);
      const who = holder ? `${holder.name}, process ${holder.pid}` : "another process";
      if (await isRegistry(where)) yield good("port", `a registry answers at ${where} (${who})`);
      else yield warning("port", `${where} is taken by ${who}`, "citadel serve cannot listen there", [`choose another port: CITADEL_PORT=${port + 1}`, "or stop the other program"]); // prettier-ignore
    } else if (code === "EACCES")
      yield warning("port", `${where} is reserved`, "ports below 1024 belong to root", ["choose another port, and put a proxy in front: citadel template nginx"]); // prettier-ignore
    else if (isLoopback(address))
      yield note("port", `this machine has no address ${address}`, "citadel serve listens on the others"); // prettier-ignore
    else yield warning("port", `${where}: ${code}`, "citadel serve cannot listen there", ["name addresses of this machine in server.host"]); // prettier-ignore
  }
};

function listen(port: number, host: string): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "unknown"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function isRegistry(where: string): Promise<boolean> {
  const signal = AbortSignal.timeout(2000);
  return fetch(`http://${where}/-/ping`, { signal }).then(({ ok }) => ok, () => false); // prettier-ignore
}

const debugging = /^--inspect(-brk|-wait)?(=|$)/;
const dumping = /^--(report-|heapsnapshot|heap-prof|cpu-prof|diagnostic-dir|abort-on-uncaught)/;
/** What unlocks something, when it stands in the environment. */
const secrets = ["CITADEL_SERVER_KEY", "CITADEL_TOKEN", "S3_SECRET_ACCESS_KEY", "R2_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"] as const; // prettier-ignore

/** What could carry secrets out of a process. Values are never shown, not in part either. */
export const checkHygiene: Check = async function* ({ env, dirs }) {
  const guarded = await Promise.any([stat(join(dirs.data, "server.key")), stat(join(dirs.config, "vault"))]).then(() => true, () => false); // prettier-ignore
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, soft] = /^Max core file size\s+(\S+)/m.exec(limits) ?? [];
  if (soft !== undefined && soft !== "0") {
    const what = "a crash writes a core dump";
    const why = "it holds the memory of the process, with open secrets";
    yield guarded
      ? warning("secrets", what, why, ["ulimit -c 0", "in a systemd unit: LimitCORE=0"])
      : note("secrets", what, why);
  }
  const options = (env["NODE_OPTIONS"] ?? "").split(/\s+/).filter(Boolean);
  const all = [...process.execArgv, ...options];
  if (all.some((option) => debugging.test(option)))
    yield warning("secrets", "Node runs with --inspect", "whoever reaches the debugger reads every secret", ["start without it; look at NODE_OPTIONS"]); // prettier-ignore
  if (all.some((option) => dumping.test(option)))
    yield warning("secrets", "Node is told to write reports or profiles", "they hold memory or the environment", ["start without these options; look at NODE_OPTIONS"]); // prettier-ignore
  const plain = options.filter((one) => one.startsWith("-") && !debugging.test(one) && !dumping.test(one)); // prettier-ignore
  if (plain.length > 0)
    yield note("secrets", `NODE_OPTIONS sets ${plain.map((one) => one.replace(/=.*$/s, "")).join(", ")}`, "they change how every Node on this machine runs"); // prettier-ignore
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    yield warning("secrets", "NODE_TLS_REJECT_UNAUTHORIZED is 0", "anybody on the way can pose as a store or another registry", ["unset it, and name the certificate: NODE_EXTRA_CA_CERTS=<file>"]); // prettier-ignore
  if (env["CITADEL_IDENTITY"])
    yield warning("secrets", "the identity that opens the vault is in the environment", "processes of this user can read it there, even when it was taken out", ["keep it in the keychain or a file: CITADEL_IDENTITY_FILE, docs/secrets.md"]); // prettier-ignore
  const set = secrets.filter((name) => env[name]);
  if (set.length > 0)
    yield note("secrets", `set in the environment: ${set.join(", ")}`, "processes of the same user can read it; a file that only this user reads is better"); // prettier-ignore
  const unset = secrets.filter((name) => !env[name]);
  yield good("secrets", `not set in the environment: ${unset.join(", ")}`);
};
