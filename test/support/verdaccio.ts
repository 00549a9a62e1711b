import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { installed } from "./clients.ts";
import { request } from "./http.ts";

export interface Verdaccio {
  /** base address without a slash at the end */
  readonly url: string;
  /** its config.yaml */
  readonly config: string;
  stop(): Promise<void>;
}

/** A real Verdaccio over a folder: storage, htpasswd and config.yaml lie in it. @param more YAML at the end of its configuration */
export async function startVerdaccio(folder: string, more = ""): Promise<Verdaccio> {
  const modules = await installed("verdaccio");
  const port = await freePort();
  const config = join(folder, "config.yaml");
  await writeFile(
    config,
    `storage: ./storage
auth:
  htpasswd:
    file: ./htpasswd
    max_users: 100
listen: 127.0.0.1:${port}
log: { type: stdout, format: pretty, level: error }
${more}`,
  );
  const args = [join(modules, "verdaccio/bin/verdaccio"), "-c", config];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const answer = await request(`${url}/-/ping`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error(`verdaccio ended before it answered\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    config,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
