import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { tempFolder } from "../support/temp.ts";
import { installed } from "./installed.ts";

export interface RedisServer {
  readonly port: number;
  /** the URL of a store that nobody else has */
  store(): string;
  /** one command through redis-cli, such as `["CONFIG", "SET", "maxmemory", "10mb"]`; what it prints */
  cli(...command: string[]): Promise<string>;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT */
  freeze(frozen: boolean): void;
  /** again, on the same port, with what it finds on its disk */
  start(): Promise<void>;
  /** kills it and removes its folder */
  stop(): Promise<void>;
}

/** Starts redis-server on loopback with options such as `["--appendonly", "yes"]`; undefined where there is none. */
export async function startRedis(
  options: readonly string[] = [],
): Promise<RedisServer | undefined> {
  const program = await installed("redis-server", [
    "/usr/bin/redis-server",
    "/usr/local/bin/redis-server",
  ]);
  if (!program) return undefined;
  const port = await freePort();
  const folder = await tempFolder("redis");
  const args = [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder.path, "--save", ""],
    ...["--appendonly", "no", "--maxmemory-policy", "noeviction", ...options],
  ];
  let child: ChildProcess | undefined;
  let stores = 0;
  const server: RedisServer = {
    port,
    store: () => `redis://127.0.0.1:${port}/store-${process.pid}-${stores++}`,
    async cli(...command) {
      const cli = spawn(program.replace(/server$/, "cli"), ["-p", String(port), ...command], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      return Buffer.concat(await Array.fromAsync<Buffer>(cli.stdout))
        .toString()
        .trim();
    },
    async start() {
      const mine = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
      child = mine;
      let said = "";
      mine.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      while (!said.includes("Ready to accept connections")) {
        if (mine.exitCode !== null) throw new Error(`redis-server ended: ${said}`);
        await sleep(5);
      }
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    freeze: (frozen) => void child?.kill(frozen ? "SIGSTOP" : "SIGCONT"),
    async stop() {
      await server.kill();
      await folder.remove();
    },
  };
  await server.start();
  return server;
}

/** A port of loopback that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
