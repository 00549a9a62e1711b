import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tempFolder } from "../support/temp.ts";
import { installed } from "./installed.ts";
import { freePort } from "./redis.ts";

export interface PostgresServer {
  readonly port: number;
  /** the URL of a store that nobody else has */
  store(): string;
  /** kill -9, of all its processes */
  kill(): Promise<void>;
  /** again, on the same port, with what it finds on its disk */
  start(): Promise<void>;
  /** kills it and removes its folder */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** lines of postgresql.conf, such as `max_connections=20` */
  readonly settings?: readonly string[];
  /** of the user citadel; without one, everybody of this machine may come in */
  readonly password?: string;
}

const versions = [18, 17, 16, 15, 14, 13];

/** Starts PostgreSQL on loopback, never as root; undefined where there is none. */
export async function startPostgres(
  options: PostgresOptions = {},
): Promise<PostgresServer | undefined> {
  const initdb = await installed(
    "postgresql",
    versions.map((version) => `/usr/lib/postgresql/${version}/bin/initdb`),
  );
  if (!initdb) return undefined;
  const program = join(initdb, "../postgres");
  const temp = await tempFolder("postgres");
  const folder = join(temp.path, "data");
  const as = owner();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (as) {
    await chown(temp.path, as.uid, as.gid);
    await chown(folder, as.uid, as.gid);
  }
  const identity: SpawnOptions = { cwd: temp.path, ...(as && { uid: as.uid, gid: as.gid }) };
  const login = join(temp.path, "password");
  if (options.password !== undefined) await writeFile(login, `${options.password}\n`);
  const initial = ["-D", folder, "-U", "citadel", "-E", "UTF8", "--locale=C", "--no-sync"];
  await ended(
    spawn(
      initdb,
      options.password === undefined
        ? [...initial, "-A", "trust"]
        : [...initial, "-A", "scram-sha-256", "--pwfile", login],
      { ...identity, stdio: ["ignore", "ignore", "inherit"] },
    ),
  );

  const port = await freePort();
  const settings = [
    ...["listen_addresses=127.0.0.1", `port=${port}`, "unix_socket_directories=", "fsync=on"],
    ...["max_connections=60", "shared_buffers=16MB", ...(options.settings ?? [])],
  ];
  const user = options.password === undefined ? "citadel" : `citadel:${options.password}`;
  let child: ChildProcess | undefined;
  let stores = 0;
  const server: PostgresServer = {
    port,
    store: () =>
      `postgres://${user}@127.0.0.1:${port}/postgres?schema=store_${process.pid}_${stores++}`,
    async start() {
      const args = ["-D", folder, ...settings.flatMap((setting) => ["-c", setting])];
      for (let tries = 0; ; tries++) {
        const mine = spawn(program, args, { ...identity, stdio: ["ignore", "ignore", "pipe"] });
        child = mine;
        let said = "";
        mine.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
        while (mine.exitCode === null && !said.includes("ready to accept connections"))
          await sleep(10);
        if (mine.exitCode === null) return;
        // processes of the one before may still hold its memory
        if (tries === 50) throw new Error(`postgres ended: ${said}`);
        await sleep(100);
      }
    },
    async kill() {
      if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
      const { pid } = child;
      const others = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      for (const other of others.split(" ").filter(Boolean).map(Number)) kill(other);
      await gone;
    },
    async stop() {
      await server.kill();
      await temp.remove();
    },
  };
  await server.start();
  return server;
}

/** Who is to run it: root may not, and becomes the user that the Debian package has made for this. */
export function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"]).toString());
  return { uid: id("-u"), gid: id("-g") };
}

async function ended(child: ChildProcess): Promise<void> {
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnfile} ended with ${code}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it was faster
  }
}
