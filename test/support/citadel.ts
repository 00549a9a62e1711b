import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { request } from "./http.ts";
import { run, type Ran, type RunOptions } from "./run.ts";

export const root = join(import.meta.dirname, "../..");
const bin = process.env["CITADEL_BIN"] ?? join(root, "bin/citadel.js");

/** Compiled modules, shared by all processes: each home would begin with none. */
const compiled = join(root, ".cache/compile");

/** The environment of a citadel process: nothing of the developer's own configuration, state below `home`. */
export function citadelEnv(home: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  return {
    PATH,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    HOME: home,
    CITADEL_HOME: home,
    NODE_COMPILE_CACHE: compiled,
    ...more,
  };
}

/** `citadel <args>` with its state below `home`. */
export function citadel(
  home: string,
  args: readonly string[],
  options: Omit<RunOptions, "env"> & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return run(process.execPath, [bin, ...args], { ...options, env: citadelEnv(home, options.env) });
}

export interface ServeOptions {
  /** folder of data, cache and configuration */
  readonly home: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  /** @default a free one */
  readonly port?: number;
  /** what runs it: Node by default; a path to bun */
  readonly runtime?: string;
  /** @default the start of this workspace */
  readonly bin?: string;
  /** put before the command, such as `["taskset", "-c", "0"]` */
  readonly prefix?: readonly string[];
}

export interface Server {
  /** base address without a slash at the end */
  readonly url: string;
  /** of the dashboard, with a code that signs in once */
  readonly dashboard: string;
  readonly child: ChildProcess;
  readonly pid: number;
  /** all that it wrote to stderr so far */
  log(): string;
  /** true until the process has ended */
  alive(): boolean;
  /** resolves when the process has ended, whatever the reason */
  readonly ended: Promise<void>;
  /** asks it to stop and waits; SIGKILL after 10 s */
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone */
  kill(): Promise<void>;
}

/** Starts `citadel serve` on a free port and waits until it answers. */
export async function serve(options: ServeOptions): Promise<Server> {
  const command = [
    ...(options.prefix ?? []),
    options.runtime ?? process.execPath,
    options.bin ?? bin,
    "serve",
    "--port",
    String(options.port ?? 0),
    "--json",
    ...(options.args ?? []),
  ];
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    env: citadelEnv(options.home, options.env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, "exit").then(() => {});
  const alive = () => child.exitCode === null && child.signalCode === null;
  const { url, dashboard } = await firstLine(child, command.join(" "), () => log);
  await answers(url, alive);
  return {
    url,
    dashboard,
    child,
    pid: child.pid ?? 0,
    log: () => log,
    alive,
    ended,
    async stop() {
      if (!alive()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      if (alive()) child.kill("SIGKILL");
      await ended;
    },
  };
}

async function firstLine(
  child: ChildProcess,
  command: string,
  log: () => string,
): Promise<Pick<Server, "url" | "dashboard">> {
  if (!child.stdout) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const url = /"url":"([^"]+?)\/?"/.exec(line)?.[1];
    if (url === undefined) {
      // an error has several lines, and what said it has to end
      child.kill();
      const rest = await Array.fromAsync(lines);
      throw new Error(`${command} does not start: ${[line, ...rest].join("\n")}\n${log()}`);
    }
    child.stdout.resume();
    return { url, dashboard: /"dashboard":"([^"]+)"/.exec(line)?.[1] ?? "" };
  }
  throw new Error(`${command} ended before it was ready\n${log()}`);
}

async function answers(url: string, alive: () => boolean): Promise<void> {
  for (;;) {
    const answer = await request(`${url}/-/ping`).catch(() => undefined);
    if (answer?.status === 200) return;
    if (!alive()) throw new Error(`${url} ended before it answered`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
