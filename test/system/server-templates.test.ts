import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer, type AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join, matchesGlob } from "node:path";
import { combinedVariables, settingKeys, variablesOf } from "@citadel/core/config";
import { expect, onTestFinished, test } from "vitest";
import { citadel, root, serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { packument, publish, tarballOf } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { installed } from "../servers/installed.ts";
import { composed } from "../servers/compose.ts";
import { startNginx } from "../servers/proxies.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";
import { until } from "../support/until.ts";
import { helmIn, typeErrors } from "./helm.ts";

const { parse, parseAllDocuments } = createRequire(join(root, "src/package.json"))("yaml") as {
  parse(text: string, options?: object): any;
  parseAllDocuments(text: string): { errors: Error[]; toJS(): any }[];
};

/** Variables that a server reads. */
const variables = new Set<string>([
  ...settingKeys.flatMap(variablesOf),
  ...combinedVariables,
  ...[
    "CITADEL_STORE",
    "CITADEL_HOME",
    "CITADEL_DATA_DIR",
    "CITADEL_CACHE_DIR",
    "CITADEL_CONFIG_DIR",
  ],
  ...["CITADEL_SERVER_KEY", "NODE_ENV"],
]);

async function write(name: string): Promise<string> {
  const folder = await tempFolder(`template-${name}`);
  onTestFinished(() => folder.remove());
  const at = join(folder.path, "out");
  const ran = await citadel(folder.path, ["template", name, "--out", at]);
  expect(ran.code, ran.output).toBe(0);
  return at;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What is sent to a datagram socket, as systemd has one, from now on: a line for each message. */
async function listening(path: string): Promise<() => string> {
  const python = await installed("python3", ["/usr/bin/python3"]);
  if (!python) throw new Error("no python3");
  const receive = `import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(${JSON.stringify(path)})
print("bound", flush=True)
while True: print(s.recv(4096).decode(), flush=True)`;
  const child = spawn(python, ["-c", receive], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  let heard = "";
  child.stdout.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  await until(async () => heard.startsWith("bound\n"));
  return () => heard.slice("bound\n".length).replaceAll("BARRIER=1\n", "");
}

const answering = (url: string) => until(async () => (await request(`${url}/-/ping`).catch(() => undefined))?.status === 200); // prettier-ignore

test("G6, G5: compose: two servers over Redis and S3 behind nginx publish and install, also when one of them dies", async () => {
  const at = await write("compose");
  const { services, secrets, volumes } = await composed(join(at, "compose.yaml"));
  const started = ["citadel1", "citadel2", "nginx", "redis", "s3", "bucket"];
  const watching = ["prometheus", "grafana"];
  expect(Object.keys(services).toSorted()).toEqual([...started, ...watching].toSorted());
  for (const [name, service] of Object.entries<any>(services)) {
    expect(service.profiles, name).toEqual(watching.includes(name) ? ["monitoring"] : undefined);
    for (const { source } of service.secrets ?? []) expect(secrets, name).toHaveProperty([source]);
    // what is mounted is a volume, a file of the template, or one of the template grafana
    for (const [from = ""] of (service.volumes ?? []).map((each: string) => each.split(":")))
      if (!from.startsWith("/")) expect(volumes, name).toHaveProperty([from]);
      else if (!from.includes("/monitoring/")) expect(existsSync(from), from).toBe(true);
      else expect(existsSync(join(root, "templates/grafana", from.split("/monitoring/")[1] ?? "")), from).toBe(true); // prettier-ignore
    if (name === "bucket") continue;
    expect(service, name).toMatchObject({ read_only: true, cap_drop: ["ALL"], restart: "unless-stopped" }); // prettier-ignore
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
  const [source] = parse(await readFile(join(at, "grafana/datasource.yml"), "utf8")).datasources;
  expect([source.type, source.url]).toEqual(["prometheus", "http://prometheus:9090"]);
  const [provider] = parse(await readFile(join(at, "grafana/dashboards.yml"), "utf8")).providers;
  expect(services.grafana.volumes.join()).toContain(`:${provider.options.path}/citadel.json:ro`);
  const [{ authorization, static_configs: targets }] = parse(await readFile(join(at, "prometheus.yml"), "utf8")).scrape_configs; // prettier-ignore
  expect(authorization.credentials_file).toBe(`/run/secrets/${services.prometheus.secrets[0].source}`); // prettier-ignore
  const { environment, command } = services.citadel1;
  expect(services.citadel2.environment).toEqual(environment);
  for (const name of Object.keys(environment)) expect(variables, name).toContain(name);
  expect(command).toEqual([
    "node",
    "--env-file=/run/secrets/citadel.env",
    "bin/citadel.js",
    "serve",
  ]);

  // the same variables and the same nginx.conf, with the addresses of this machine
  const redis = await startRedis(services.redis.command.slice(1));
  if (!redis) throw new Error("no redis-server");
  onTestFinished(() => redis.stop());
  const s3 = await startS3();
  onTestFinished(() => s3.stop());
  s3.bucket(environment.S3_BUCKET);
  const port = await freePort();
  const local = (text: string) =>
    text.replaceAll("redis:6379", `127.0.0.1:${redis.port}`).replaceAll("http://s3:9000", s3.endpoint).replaceAll("localhost:4873", `127.0.0.1:${port}`); // prettier-ignore
  const env: Record<string, string> = {
    ...Object.fromEntries(Object.entries<string>(environment).map(([name, value]) => [name, local(value)])), // prettier-ignore
    CITADEL_SERVER_TRUST_PROXY: "127.0.0.1",
    CITADEL_SERVER_KEY: Buffer.alloc(32, 1).toString("base64"),
    S3_REGION: s3.region,
    S3_ACCESS_KEY_ID: s3.key,
    S3_SECRET_ACCESS_KEY: s3.secret,
  };
  const servers: Server[] = [];
  for (const name of ["citadel1", "citadel2"]) {
    const server = await serve({ home: join(dirname(at), name), env });
    onTestFinished(() => server.stop());
    servers.push(server);
  }
  for (const target of targets[0].targets) {
    const scraped = await request(`${servers[0]?.url}/-/metrics`, { headers: { host: target } });
    expect(scraped.status, target).toBe(200);
  }
  let conf = await readFile(join(at, "nginx.conf"), "utf8");
  for (const [n, { url }] of servers.entries()) conf = conf.replace(`citadel${n + 1}:4873`, `127.0.0.1:${new URL(url).port}`); // prettier-ignore
  await startNginx(conf.replace("listen 4873", `listen 127.0.0.1:${port}`));
  const url = `http://127.0.0.1:${port}`;
  await answering(url);
  // through the proxy accounts are closed: an administrator makes them
  const made = await citadel(join(dirname(at), "citadel1"), ["token:create", "--admin", "--json"], { env }); // prettier-ignore
  const { token } = JSON.parse(made.stdout) as { token: string };
  await publish(url, token, { name: "@acme/big", version: "1.0.0", readme: "x".repeat(300_000) });
  await servers[0]?.kill();
  for (let n = 0; n < 6; n++) {
    const found = await packument(url, "@acme/big");
    expect(found?.versions["1.0.0"]?.dist.tarball).toMatch(new RegExp(`^${url}/`));
  }
  await publish(url, token, { name: "@acme/big", version: "1.0.1" });
  const found = await packument(url, "@acme/big");
  if (!found) throw new Error("not found");
  expect((await tarballOf(url, found, "1.0.1")).length).toBeGreaterThan(0);
}, 120_000);

test("G6: systemd: the unit is right, exposes little, and what it starts serves and stops", async () => {
  const at = await write("systemd");
  const text = await readFile(join(at, "citadel.service"), "utf8");
  const [, line = ""] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  expect(line).toBe(
    "/usr/bin/node --env-file-if-exists=%d/citadel.env /opt/citadel/bin/citadel.js serve",
  );
  const assigned = [...text.matchAll(/^Environment=(.*)$/gm)].flatMap(([, all = ""]) => all.split(" ").map((one) => one.split("="))); // prettier-ignore
  for (const [name = ""] of assigned) expect(variables, name).toContain(name);
  const analyze = await installed("systemd", ["/usr/bin/systemd-analyze"]);
  if (analyze) {
    const unit = join(at, "citadel.service");
    await writeFile(unit, text.replace("/usr/bin/node", process.execPath));
    const verified = await run(analyze, ["verify", "--man=no", unit]);
    expect([verified.code, verified.output]).toEqual([0, ""]);
    const judged = await run(analyze, ["security", "--offline=yes", "--threshold=30", unit]);
    expect(judged.code, judged.output).toBe(0);
  }
  // the command of the unit, with its folders
  const home = join(dirname(at), "run");
  await mkdir(home);
  await writeFile(join(home, "citadel.env"), "CITADEL_SERVER_PORT=0\nCITADEL_SERVER_KEY=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"); // prettier-ignore
  const [, ...args] = line.replace("%d", home).replace("/opt/citadel", root).split(" ");
  const env = Object.fromEntries(assigned.map(([name, value = ""]) => [name, value.replace(/^%[SCE]/, home)])); // prettier-ignore
  const told = await listening(join(home, "notify"));
  const child = spawn(process.execPath, [...args, "--json"], {
    env: { ...env, PATH: "/usr/bin:/bin", NOTIFY_SOCKET: join(home, "notify"), WATCHDOG_USEC: "400000" }, // prettier-ignore
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await until(async () => said.includes('"url"'));
  const url = /"url":"([^"]+?)\/?"/.exec(said)?.[1] as string;
  expect((await request(`${url}/-/ping`)).status).toBe(200);
  // systemd hears that it is up, and then again and again
  expect(text).toMatch(/^Type=notify\nNotifyAccess=all\nWatchdogSec=\d+$/m);
  await until(async () => /^READY=1\n(?:WATCHDOG=1\n){3}/.test(told()));
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
  expect(await readdir(join(home, "citadel"))).not.toContain("server.key");
}, 60_000);

test("G6: Dockerfile: what it copies, sets and runs is there, and its health check tells", async () => {
  const at = await write("docker");
  const text = (await readFile(join(at, "Dockerfile"), "utf8")).replaceAll(/\\\n/g, " ");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const known = /^(ARG|FROM|WORKDIR|COPY|RUN|LABEL|ENV|USER|VOLUME|EXPOSE|HEALTHCHECK|CMD) /;
  for (const line of lines) expect(line).toMatch(known);
  const of = (word: string) => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1)); // prettier-ignore
  for (const [, name = ""] of of("ENV").join(" ").matchAll(/(\w+)=/g)) expect(variables, name).toContain(name); // prettier-ignore
  expect(of("USER")).toEqual(["10001:10001"]);
  expect(JSON.parse(of("CMD").at(-1) ?? "")).toEqual(["node", "bin/citadel.js", "serve"]);
  // its commands, on what is copied: all that git knows and .dockerignore does not leave out
  const ignored = (await readFile(join(at, ".dockerignore"), "utf8")).trim().split("\n");
  const context = join(dirname(at), "context");
  const listed = await mustRun("git", ["ls-files"], { cwd: root });
  for (const file of listed.stdout.trim().split("\n")) {
    if (ignored.some((pattern) => matchesGlob(file, pattern) || matchesGlob(file, `${pattern}/**`)))
      continue;
    await mkdir(dirname(join(context, file)), { recursive: true });
    await copyFile(join(root, file), join(context, file)).catch(() => {});
  }
  const [ci = "", prune = "", data = "", ...others] = of("RUN");
  expect(others).toEqual([]);
  const dry = "--dry-run --offline --ignore-scripts";
  const inContext = async (command: string) =>
    expect((await mustRun("/bin/sh", ["-ec", command], { cwd: context })).output).not.toMatch(/unknown cli/i); // prettier-ignore
  await inContext(`${ci} ${dry}`);
  // all that the build of the clone compiles and runs is there
  await inContext(`${process.execPath} ${join(root, "node_modules/typescript/bin/tsc")} -b --dry`);
  const manifest = JSON.parse(await readFile(join(context, "package.json"), "utf8"));
  for (const [, script = ""] of manifest.scripts.build.matchAll(/node (scripts\S+)/g)) expect(existsSync(join(context, script)), script).toBe(true); // prettier-ignore
  const lock = JSON.parse(await readFile(join(context, "package-lock.json"), "utf8"));
  const workspaces = Object.keys(lock.packages).filter((path) => !path.includes("node_modules"));
  for (const path of [...workspaces, ...manifest.files]) expect(existsSync(join(context, path)), path).toBe(true); // prettier-ignore
  await inContext(prune.replace(" && ", ` ${dry} && `));
  expect(data).toBe("install -d -m 0700 -o 10001 -g 10001 /data");
  const [, check = "[]"] = /CMD (\[.*\])$/.exec(of("HEALTHCHECK")[0] ?? "") ?? [];
  const [, ...args] = JSON.parse(check) as string[];
  const set = Object.fromEntries(of("ENV").join(" ").split(/\s+/).map((each) => each.split("="))); // prettier-ignore
  const env = { ...set, CITADEL_HOME: dirname(at), CITADEL_SERVER_HOST: "127.0.0.1" };
  const server = await serve({ home: dirname(at), env });
  onTestFinished(() => server.stop());
  const here = args.map((arg) => arg.replace("127.0.0.1:4873", new URL(server.url).host));
  expect((await run(process.execPath, here)).code).toBe(0);
  await server.stop();
  expect((await run(process.execPath, here)).code).toBe(1);
}, 60_000);

test("G6: Helm: the chart passes its lint and renders to objects of Kubernetes that fit together, with variables that exist", async () => {
  const at = await write("helm");
  const work = dirname(at);
  const helm = await helmIn(work);
  if (!helm) return;
  const read = (path: string) => readFile(join(at, path), "utf8");
  const values = parse(await read("values.yaml")) as Record<string, any>;
  const schema = JSON.parse(await read("values.schema.json")) as {
    properties: Record<string, any>;
  };
  for (const [name, value] of Object.entries(values)) {
    expect(schema.properties, name).toHaveProperty([name]);
    for (const inner of Object.keys(schema.properties[name]?.properties ?? {})) expect(value, name).toHaveProperty([inner]); // prettier-ignore
  }
  const chart = parse(await read("Chart.yaml")) as Record<string, string>;
  const version = (JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string }).version; // prettier-ignore
  expect([chart["version"], chart["appVersion"]]).toEqual([version, version]);

  const render = async (changed: object) => {
    await writeFile(join(work, "values.json"), JSON.stringify(changed));
    const given = ["--values", join(work, "values.json")];
    const linted = await helm("lint", "--strict", at, ...given);
    return linted.code === 0 ? await helm("template", "npm", at, "--namespace", "x", ...given) : linted; // prettier-ignore
  };
  const objects = async (changed: object): Promise<any[]> => {
    const ran = await render(changed);
    expect(ran.code, ran.output).toBe(0);
    return parseAllDocuments(ran.stdout).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    });
  };
  const kindsOf = (all: any[]) => all.map(({ kind }) => kind as string).toSorted();
  const plain = await objects({});
  expect(kindsOf(plain)).toEqual(["NetworkPolicy", "Service", "StatefulSet"]);
  const full = await objects({
    replicas: 3,
    existingSecret: "npm-secrets",
    environment: { CITADEL_STORE_DOCUMENTS: "redis://redis:6379/citadel", S3_BUCKET: "citadel" },
    ingress: { ...values["ingress"], enabled: true, tlsSecret: "tls" },
    httpRoute: { ...values["httpRoute"], enabled: true, gatewayNamespace: "edge" },
    serviceMonitor: { enabled: true, tokenSecret: "npm-metrics" },
    persistence: { size: "1Gi", storageClass: "fast" },
  });
  expect(kindsOf(full)).toEqual(["HTTPRoute", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet"]); // prettier-ignore
  expect(await typeErrors([...plain, ...full], work)).toBe("");
  // values that are none are refused
  for (const wrong of [
    { replica: 2 },
    { replicas: 0 },
    { publicUrl: "npm.example.org" },
    { ingress: { enable: true } },
    { serviceMonitor: { enabled: true } },
  ])
    // prettier-ignore
    expect((await render(wrong)).code, JSON.stringify(wrong)).not.toBe(0);

  const kind = (name: string) => full.find((each) => each.kind === name);
  const set = kind("StatefulSet");
  const [container] = set.spec.template.spec.containers;
  for (const { name } of container.env)
    if (name !== "POD_IP") expect(variables, name).toContain(name);
  expect(container.env).toContainEqual({ name: "S3_BUCKET", value: "citadel" });
  expect(container.envFrom).toEqual([{ secretRef: { name: "npm-secrets" } }]);
  expect(container.image).toBe(`citadel:${version}`);
  expect(container.resources).toEqual(values["resources"]);
  const { labels } = set.spec.template.metadata;
  for (const one of full) {
    const selector =
      one.spec.selector?.matchLabels ?? one.spec.podSelector?.matchLabels ?? one.spec.selector;
    if (selector) expect(labels).toMatchObject(selector);
  }
  const { metadata, spec } = kind("Service");
  const [{ name, port, targetPort }] = spec.ports;
  expect(container.ports).toContainEqual({ name: targetPort, containerPort: 4873 });
  expect(kind("HTTPRoute").spec.rules[0].backendRefs).toEqual([{ name: metadata.name, port }]);
  expect(kind("Ingress").spec.rules[0].http.paths[0].backend.service).toEqual({ name: metadata.name, port: { name } }); // prettier-ignore
  expect(kind("ServiceMonitor").spec.endpoints[0]).toMatchObject({ port: name, path: "/-/metrics" }); // prettier-ignore
  expect(metadata.labels).toMatchObject(kind("ServiceMonitor").spec.selector.matchLabels);
  expect(set.spec.serviceName).toBe(metadata.name);
  // the comments name settings, too
  for (const file of ["values.yaml"])
    for (const [, name = ""] of (await read(file)).matchAll(/^# {3}([A-Z][A-Z0-9_]+):/gm)) expect(variables, name).toContain(name); // prettier-ignore

  // what the plain chart runs answers its probes, which come by the address of the pod
  const [pod] = plain.find((each) => each.kind === "StatefulSet").spec.template.spec.containers;
  const env = Object.fromEntries(pod.env.filter(({ value }: any) => value).map(({ name, value }: any) => [name, value.replace("$(POD_IP)", "10.1.2.3")])); // prettier-ignore
  const server = await serve({ home: join(work, "pod"), env });
  onTestFinished(() => server.stop());
  for (const probe of [pod.readinessProbe, pod.livenessProbe]) {
    const headers = { host: "10.1.2.3:4873" };
    const answer = await request(`${server.url}${probe.httpGet.path}`, { headers });
    expect([answer.status, answer.text()]).toEqual([200, expect.stringContaining('"ok"')]);
  }
}, 60_000);
