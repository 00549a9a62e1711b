// G6: what stands around a server: copies, other ways to start it.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel, citadelEnv, root, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { composed } from "../servers/compose.ts";
import { installed } from "../servers/installed.ts";
import { freePort } from "../bench/servers.ts";

async function write(name: string): Promise<string> {
  const folder = await tempFolder(`template-${name}`);
  onTestFinished(() => folder.remove());
  const at = join(folder.path, "out");
  const ran = await citadel(folder.path, ["template", name, "--scope", "zed", "--out", at]);
  expect(ran.code, ran.output).toBe(0);
  return at;
}

test("G6: backup: a copy of a running registry is checked, kept so many times, and proven by a drill; the unit is right", async () => {
  const at = await write("backup");
  const home = join(dirname(at), "home");
  const to = join(dirname(at), "copies");
  for (const script of ["citadel-backup.sh", "citadel-restore-drill.sh"])
    await chmod(join(at, script), 0o755);
  const server = await serve({ home });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ann");
  await publish(server.url, token, {
    name: "@zed/ui",
    version: "1.0.0",
    readme: randomBytes(150_000).toString("base64"),
  });
  const program = `${process.execPath} ${join(root, "bin/citadel.js")}`;
  const env = { ...citadelEnv(home), CITADEL: program };
  await mkdir(to);
  // what was not made here stays
  await mkdir(join(to, "mine"));
  for (const day of ["2020-01-01", "2020-01-02"]) await mkdir(join(to, `${day}T030000Z`));
  const ran = await run("/bin/sh", [join(at, "citadel-backup.sh"), to, "2"], { env });
  expect([ran.code, ran.output]).toEqual([0, expect.any(String)]);
  const copies = (await readdir(to)).toSorted();
  expect(copies).toEqual(["2020-01-02T030000Z", expect.stringMatching(/^2\d{3}-.*Z$/), "mine"]);
  const copy = join(to, copies[1] ?? "");
  // the server knows of it
  const metrics = (await request(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^citadel_last_backup_timestamp_seconds 1[\d.]{9,}$/m);
  const noted = await run("/bin/sh", ["-c", "$CITADEL store:backup-finished --failed --json"], { env }); // prettier-ignore
  expect(JSON.parse(noted.stdout)).toEqual({ result: "failed", place: null });

  const port = await freePort();
  const drill = (of: string) =>
    run("/bin/sh", [join(at, "citadel-restore-drill.sh"), of], {
      env: { ...env, PORT: String(port) },
    });
  const proven = await drill(copy);
  expect([proven.code, proven.output]).toEqual([0, expect.stringContaining("the copy works")]);
  await expect(request(`http://127.0.0.1:${port}/-/ping`)).rejects.toThrow(/ECONNREFUSED/);
  // a copy that is damaged is none
  const [blob = ""] = (await readdir(join(copy, "blobs"), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const bytes = await readFile(blob);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await chmod(blob, 0o600);
  await writeFile(blob, bytes);
  expect((await drill(copy)).code).not.toBe(0);

  const analyze = await installed("systemd", ["/usr/bin/systemd-analyze"]);
  if (!analyze) return;
  const unit = join(at, "citadel-backup.service");
  const text = await readFile(unit, "utf8");
  await writeFile(
    unit,
    text.replace("/usr/local/bin/citadel-backup.sh", join(at, "citadel-backup.sh")),
  );
  const verified = await run(analyze, [
    "verify",
    "--man=no",
    unit,
    join(at, "citadel-backup.timer"),
  ]);
  expect([verified.code, verified.output]).toEqual([0, ""]);
  const judged = await run(analyze, ["security", "--offline=yes", "--threshold=30", unit]);
  expect(judged.code, judged.output).toBe(0);
}, 120_000);

test("G6: launchd: a property list whose command serves", async () => {
  const text = await readFile(join(await write("launchd"), "citadel.plist"), "utf8");
  const python = await installed("python3", ["/usr/bin/python3"]);
  if (!python) return;
  // what Apple's own tools read, by another reader of property lists
  const read =
    "import json,plistlib,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
  const listed = await mustRun(python, ["-c", read], { input: text });
  const { ProgramArguments, ...job } = JSON.parse(listed.stdout);
  expect(job).toEqual({
    Label: "citadel",
    EnvironmentVariables: { NODE_ENV: "production" },
    ...{ RunAtLoad: true, KeepAlive: { SuccessfulExit: false } },
    ...{ ExitTimeOut: 60, ProcessType: "Background", StandardErrorPath: "/tmp/citadel.log" },
  });
  const [node, ...args] = ProgramArguments as string[];
  expect(node).toMatch(/\/node$/);
  const folder = await tempFolder("launchd");
  onTestFinished(() => folder.remove());
  const command = args.map((arg) => arg.replace("/opt/citadel", root));
  const child = spawn(process.execPath, [...command, "--port", "0"], {
    env: citadelEnv(folder.path, job.EnvironmentVariables),
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
}, 60_000);

test("G6: dev container: Compose reads it, and the registry answers by the name that npm asks there", async () => {
  const at = join(await write("devcontainer"), ".devcontainer");
  const container = JSON.parse(await readFile(join(at, "devcontainer.json"), "utf8"));
  expect(Object.keys(container)).toEqual(["name", "dockerComposeFile", "service", "workspaceFolder", "remoteUser", "forwardPorts", "postCreateCommand"]); // prettier-ignore
  const { services } = await composed(join(at, container.dockerComposeFile));
  expect(services).toHaveProperty([container.service]);
  expect(container.name).toBe("zed");
  const { citadel: registry, work } = services;
  expect(work.volumes).toEqual([`${dirname(at)}:${container.workspaceFolder}:rw`]);
  const dockerfile = await readFile(join(root, "templates/docker/Dockerfile"), "utf8");
  expect(dockerfile).toContain(`VOLUME ${registry.volumes[0].split(":")[1]}`);
  // the same variables, with an address of this machine
  const home = join(dirname(at), "home");
  const env = { ...registry.environment, CITADEL_SERVER_HOST: "127.0.0.1" };
  const server = await serve({ home, env });
  onTestFinished(() => server.stop());
  const npm = await run("npm", ["config", "get", "@zed:registry"], { env: citadelEnv(home, work.environment) }); // prettier-ignore
  const asked = new URL(npm.stdout.trim());
  expect(container.forwardPorts).toEqual([asked.host]);
  const answer = await request(`${server.url}/-/ping`, { headers: { host: asked.host } });
  expect(answer.status).toBe(200);
  await signIn(server.url, "ada");
}, 60_000);

test("G6: systemd: a server takes over the socket that was opened for it, and answers who came before it was up", async () => {
  const at = await write("systemd");
  const unit = join(at, "citadel.socket");
  expect(await readFile(unit, "utf8")).toMatch(/^ListenStream=127\.0\.0\.1:4873$/m);
  const activate = await installed("systemd", ["/usr/bin/systemd-socket-activate"]);
  if (!activate) return;
  const service = join(at, "citadel.service");
  const text = await readFile(service, "utf8");
  await writeFile(service, text.replace("/usr/bin/node", process.execPath));
  const verified = await run("/usr/bin/systemd-analyze", ["verify", "--man=no", service, unit]);
  expect([verified.code, verified.output]).toEqual([0, ""]);
  const port = await freePort();
  const env = citadelEnv(dirname(at));
  const kept = Object.keys(env).flatMap((name) => ["--setenv", name]);
  const words = [process.execPath, join(root, "bin/citadel.js"), "serve", "--json"];
  const child = spawn(activate, ["--listen", `127.0.0.1:${port}`, ...kept, ...words], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const said = once(child.stdout, "data") as Promise<[Buffer]>;
  const ping = () => request(`http://127.0.0.1:${port}/-/ping`).catch(() => undefined);
  await until(async () => (await ping())?.status === 200);
  expect(JSON.parse((await said)[0].toString()).url).toBe(`http://localhost:${port}/`);
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
}, 60_000);
