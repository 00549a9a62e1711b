import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { clientTools } from "../support/clients.ts";
import { citadelEnv, root } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { mustRun } from "../support/run.ts";

/** The release of Verdaccio that is compared with. */
export const verdaccio = "6.10.4";

/** A running server of the comparison. */
export interface Contender {
  readonly label: string;
  readonly url: string;
  readonly child: ChildProcess;
  /** ms from spawn to the first answer */
  readonly start: number;
}

/** The same bytes for the servers that only send them: what Citadel answered. */
export interface StaticFile {
  readonly path: string;
  /** part of the accept header that asks for this one; "" for any */
  readonly accept: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return address.port;
}

/** Starts a command on core 0 and waits for its first answer. */
async function start(
  label: string,
  command: readonly string[],
  url: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Contender> {
  const began = performance.now();
  const child = spawn("taskset", ["-c", "0", ...command], { env, stdio: "ignore" });
  for (;;) {
    const answer = await request(`${url}/-/ping`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error(`${label} ended before it answered`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return { label, url, child, start: performance.now() - began };
}

export async function stop({ child }: Contender): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(timer);
}

export async function startCitadel(
  runtime: "node" | "bun",
  home: string,
  args: readonly string[] = [],
): Promise<Contender> {
  const port = await freePort();
  const program = runtime === "node" ? process.execPath : ((await clientTools()).bun[0] ?? "bun");
  const command = [program, join(root, "bin/citadel.js"), "serve", "--port", String(port), ...args];
  const label = `Citadel on ${runtime === "node" ? "Node" : "Bun"}`;
  return start(label, command, `http://127.0.0.1:${port}`, citadelEnv(home));
}

/**
 * Verdaccio from the configured registry, in its default configuration or as an operator would tune it.
 * @param ready a document that lies in its storage from the start: putting thousands of versions there takes it an hour
 */
export async function startVerdaccio(
  folder: string,
  tuned: boolean,
  ready: { readonly name: string; readonly [field: string]: unknown },
): Promise<Contender> {
  const home = join(root, ".cache/bench-verdaccio");
  await mkdir(home, { recursive: true });
  // it asks for a dist-tag of node-fetch, which not every mirror has
  const wanted = { dependencies: { verdaccio }, overrides: { "node-fetch": "2.7.0" } };
  await writeFile(join(home, "package.json"), JSON.stringify(wanted));
  const npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
  await mustRun("npm", npm, { cwd: home, timeout: 300_000 });
  const port = await freePort();
  const at = join(folder, tuned ? "verdaccio-tuned" : "verdaccio");
  await mkdir(at, { recursive: true });
  const config = join(at, "config.yaml");
  const storage = join(at, "storage", ready.name);
  await mkdir(storage, { recursive: true });
  await writeFile(
    join(storage, "package.json"),
    JSON.stringify({ ...ready, _attachments: {}, _distfiles: {}, _uplinks: {}, users: {} }),
  );
  const list = { list: [ready.name], secret: "s".repeat(32) };
  await writeFile(join(at, "storage/.verdaccio-db.json"), JSON.stringify(list));
  const rule = "{ access: $all, publish: $authenticated, unpublish: $authenticated }";
  await writeFile(
    config,
    `storage: ./storage
auth: { htpasswd: { file: ./htpasswd } }
uplinks: {}
packages: { '@*/*': ${rule}, '**': ${rule} }
server: { keepAliveTimeout: 60 }
userRateLimit: { windowMs: 1000, max: 100000000 }
max_body_size: 64mb
log: { type: stdout, format: pretty, level: ${tuned ? "warn" : "http"} }
${tuned ? "web: { enable: false }\nsecurity: { api: { legacy: false, jwt: { sign: { expiresIn: 29d } } } }" : ""}
`,
  );
  const bin = join(home, "node_modules/verdaccio/bin/verdaccio");
  const command = [process.execPath, bin, "-c", config, "-l", `127.0.0.1:${port}`];
  return start(tuned ? "Verdaccio, tuned" : "Verdaccio", command, `http://127.0.0.1:${port}`);
}

/** nginx with one worker over the files. */
export async function startNginx(folder: string, files: readonly StaticFile[]): Promise<Contender> {
  const port = await freePort();
  const locations: string[] = [];
  const indexes: string[] = [];
  for (const [n, { path, accept, headers, body }] of files.entries()) {
    const file = join(folder, "tree", String(n), "body");
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, body);
    const { etag: _, "content-type": type = "", "content-length": __, ...others } = headers;
    const added = Object.entries(others).map(([name, value]) => `add_header ${name} "${value}";`);
    indexes.push(`"${accept}${path}" ${n};`);
    locations.push(
      `location = /-f/${n} { internal; alias ${file}; types {} default_type "${type}"; ${added.join(" ")} }`,
    );
  }
  const work = join(folder, "nginx");
  await mkdir(work, { recursive: true });
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${work}/${kind};`)
    .join(" ");
  await writeFile(
    join(work, "nginx.conf"),
    `user ${userInfo().username}; daemon off; worker_processes 1; pid ${work}/pid; error_log ${work}/error.log error;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000; ${temp}
  open_file_cache max=1000; etag on;
  map $http_accept $form { default ""; "~install-v1" short; }
  map $form$uri $index { ${indexes.join(" ")} }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location = /-/ping { default_type application/json; return 200 "{}"; }
    location / { rewrite ^ /-f/$index last; }
    ${locations.join("\n    ")}
  }
}`,
  );
  return start("nginx", ["nginx", "-c", join(work, "nginx.conf")], `http://127.0.0.1:${port}`);
}

/** The least that Node can do: ready bytes from a map. */
export async function startBare(folder: string, files: readonly StaticFile[]): Promise<Contender> {
  const port = await freePort();
  const list = files.map(({ path, accept, headers, body }) => ({
    path,
    accept,
    headers,
    body: body.toString("base64"),
  }));
  const data = join(folder, "bare.json");
  await writeFile(data, JSON.stringify(list));
  const command = [process.execPath, join(import.meta.dirname, "bare.js"), data, String(port)];
  return start("bare node:http", command, `http://127.0.0.1:${port}`);
}
