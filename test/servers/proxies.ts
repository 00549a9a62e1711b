import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { citadelEnv } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { installed } from "./installed.ts";

/** nginx with the text of a file below conf.d/, until the test ends. */
export async function startNginx(conf: string): Promise<void> {
  const program = await installed("nginx-light", ["/usr/sbin/nginx"]);
  if (!program) throw new Error("no nginx");
  const folder = await tempFolder("nginx");
  onTestFinished(() => folder.remove());
  const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder.path}/${name};`); // prettier-ignore
  const main = `daemon off; pid ${folder.path}/pid; error_log ${folder.path}/error.log; worker_processes 1;
events {} http { access_log off; ${temps.join(" ")} include ${folder.path}/site.conf; }`;
  await writeFile(join(folder.path, "site.conf"), conf);
  await writeFile(join(folder.path, "nginx.conf"), main);
  const args = ["-c", join(folder.path, "nginx.conf"), "-e", join(folder.path, "error.log")];
  const checked = await run(program, ["-t", ...args]);
  expect(checked.code, checked.output).toBe(0);
  untilTheEnd(program, args, folder.path);
}

/** Caddy with the text of a Caddyfile and no port but those of its sites, until the test ends. */
export async function startCaddy(text: string): Promise<void> {
  const program = await installed("caddy", ["/usr/bin/caddy"]);
  if (!program) throw new Error("no caddy");
  const folder = await tempFolder("caddy");
  onTestFinished(() => folder.remove());
  const file = join(folder.path, "Caddyfile");
  await writeFile(file, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${text}`);
  const args = ["--adapter", "caddyfile", "--config", file];
  const checked = await run(program, ["validate", ...args], { env: citadelEnv(folder.path) });
  expect(checked.code, checked.output).toBe(0);
  expect(checked.output).not.toMatch(/"warn".*"caddyfile"/);
  untilTheEnd(program, ["run", ...args], folder.path);
}

function untilTheEnd(program: string, args: readonly string[], home: string): void {
  const child = spawn(program, args, { stdio: "ignore", env: citadelEnv(home) });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  });
}
