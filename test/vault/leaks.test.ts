import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formsOf, raiseShield } from "@citadel/core/mask";
import { expect, test } from "vitest";
import { bin, commands } from "../cli/cli.ts";
import { citadelEnv, serve } from "../support/citadel.ts";
import { pack, publishDocument, signIn } from "../support/packages.ts";
import { seat } from "./seat.ts";

const canary = "canary-5e1f0c-value/with+signs";
const forms = formsOf(Buffer.from(canary));
const holds = (content: Uint8Array | string): boolean =>
  forms.some((form) => Buffer.from(content).includes(form));

/** Commands that print values because that is what they are for. */
const telling: ReadonlySet<string> = new Set(["secrets:get", "secrets:export"]);

/** Files below a folder that hold the value. */
async function filesWith(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const one of all) {
    const path = join(one.parentPath, one.name);
    if (one.isFile() && holds(await readFile(path))) found.push(path);
  }
  return found;
}

test("attack 48, vault attack 9: no command about secrets says or leaves a value, whatever is asked of it", async () => {
  const { path, home, run, env } = await seat();
  const temporary = join(path, "tmp");
  await mkdir(temporary);
  const options = { input: canary, cwd: temporary, env: { DEBUG: "*", TMPDIR: temporary } };
  for (const name of ["a", "b", "c"]) await run(["secrets:set", `planted/${name}`], options);
  const ids = commands.map(({ id }) => id).filter((id) => /^(?:secrets|local:secret)/.test(id));
  expect(ids.length).toBeGreaterThan(20);
  const left = [...ids];
  const said: [string, string][] = [];
  const work = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const { args } = commands.find((one) => one.id === id) ?? { args: {} };
      const words = Object.keys(args).map((_, index) => ["planted/a", "1", "x"][index] ?? "x");
      const more = left.length % 3 === 0 ? [...words, "--json", "--nonsense"] : words;
      const ran = await run([id, ...more], options);
      said.push([`${id} ${more.join(" ")}`, telling.has(id) ? ran.stderr : ran.output]);
    }
  };
  await Promise.all([work(), work()]);
  const child = ["sh", "-c", 'echo "$PLANTED_B"; echo "$PLANTED_B" >&2; exit 3'];
  for (const as of ["env", "file"]) {
    const ran = await run(
      ["secrets:run", "--only", "planted/b", "--as", as, "--", ...child],
      options,
    );
    said.push(["secrets:run", ran.output]);
  }
  for (const [command, output] of said) expect(holds(output), command).toBe(false);
  expect(await filesWith(path)).toEqual([]);
  expect(await filesWith(home)).toEqual([]);

  if (process.platform !== "linux") return;
  const running = spawn(
    process.execPath,
    [bin, "secrets:run", "--only", "planted/c", "--", "sh", "-c", "echo ready; exec sleep 60"],
    { env: citadelEnv(home, env), stdio: ["ignore", "pipe", "ignore"] },
  );
  await once(running.stdout, "data");
  const of = async (pid: number | string, file: string) =>
    readFile(`/proc/${pid}/${file}`).catch(() => "");
  const [command = ""] = String(await of(running.pid ?? 0, `task/${running.pid}/children`)).split(
    " ",
  );
  expect(holds(await of(command, "environ"))).toBe(true);
  for (const pid of (await readdir("/proc")).filter(
    (name) => /^\d+$/.test(name) && name !== command,
  ))
    for (const file of ["cmdline", "environ", "comm"])
      expect(holds(await of(pid, file)), `${pid} ${file}`).toBe(false);
  running.kill("SIGTERM");
  await once(running, "exit");
}, 180_000);

test("attack 48, vault attack 9: a server that lends out a value says it to nobody else, and leaves it nowhere", async () => {
  const { path, home, run, env } = await seat();
  const temporary = join(path, "tmp");
  await mkdir(temporary);
  await run(["secrets:set", "a", "-s", "planted"], { input: canary });
  const rules = join(path, "rules.json");
  const allow = [{ effect: "allow", actions: ["read", "list"], names: ["a"] }];
  await writeFile(rules, JSON.stringify({ roles: { "user:deploy": allow } }));
  expect((await run(["secrets:policy:set", rules])).code).toBe(0);
  const server = await serve({
    ...{ home, args: ["--verbose"] },
    env: { ...env, DEBUG: "*", TMPDIR: temporary, CITADEL_SECRETS_BROKER: "true" },
  });
  const token = await signIn(server.url, "deploy");
  type Options = Omit<RequestInit, "headers"> & { headers?: Readonly<Record<string, string>> };
  const ask = async (address: string, options: Options = {}) => {
    const headers = { authorization: `Bearer ${token}`, ...options.headers };
    const answer = await fetch(`${server.url}/${address}`, { ...options, headers });
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask("_secrets/planted/a")).toEqual({ status: 200, text: canary });
  const json = await ask("_secrets/planted/a", { headers: { accept: "application/json" } });
  expect(JSON.parse(json.text).value).toBe(canary);
  const manifest = { name: "@deploy/one", version: "1.0.0" };
  const leak = pack(manifest, { "index.js": canary });
  const body = JSON.stringify(publishDocument(server.url, manifest, leak));
  const type = { "content-type": "application/json" };
  const published = await ask("@deploy%2fone", { method: "PUT", body, headers: type });
  expect([published.status, published.text.includes("planted/a")]).toEqual([400, true]);
  const said = [
    published,
    await ask("_secrets/planted"),
    await ask("_secrets/planted/b"),
    await ask("_secrets/planted/a?version=9"),
    await ask("_secrets/planted/a?label=x"),
    await ask("_secrets/planted/a", { method: "POST", body: canary }),
    await ask("_secrets/planted/a", { headers: { authorization: "Bearer npm_none" } }),
    await ask("_secrets/planted/a", { headers: { authorization: `Bearer ${canary}` } }),
    ...(await Promise.all(["metrics", "-/healthz", "-/whoami"].map((one) => ask(one)))),
  ];
  for (const { text } of said) expect(holds(text), text).toBe(false);
  // the database is in use, its WAL beside it
  expect(await filesWith(home)).toEqual([]);
  expect(await filesWith(path)).toEqual([]);
  if (process.platform === "linux")
    for (const file of ["cmdline", "environ", "comm"])
      expect(holds(await readFile(`/proc/${server.pid}/${file}`)), file).toBe(false);
  await server.stop();
  expect(holds(server.log())).toBe(false);
  expect(server.log()).not.toContain("_secrets/planted");
  expect(await filesWith(home)).toEqual([]);
}, 120_000);

test("attack 48, vault attack 9: what a process says after it has opened a value is filtered, whoever says it", async () => {
  const written: string[] = [];
  const stream = () =>
    ({ write: (text: unknown) => written.push(String(text)) > 0 }) as unknown as NodeJS.WriteStream;
  const [out, err] = [stream(), stream()];
  const shield = raiseShield([out, err]);
  out.write(`before ${canary}`);
  shield.hide("planted", Buffer.from(canary));
  out.write(`line ${canary}\n`);
  err.write(Buffer.from(JSON.stringify({ canary })));
  err.write(`Error: ${Buffer.from(canary).toString("base64")}\n    at x`);
  expect(written.slice(1).some(holds)).toBe(false);
  expect(written.slice(1).every((text) => text.includes("[REDACTED:planted]"))).toBe(true);
  shield.open(out);
  out.write(canary);
  err.write(canary);
  expect(written.slice(-2)).toEqual([canary, "[REDACTED:planted]"]);
  expect(shield.text(`x ${canary}`)).toBe("x [REDACTED:planted]");
});

test("vault attack 9: a report of a defect holds no value", async () => {
  const { home, path, env } = await seat();
  const script = join(path, "defect.mjs");
  const command = new URL("../../src/dist/command.js", import.meta.url).pathname;
  await writeFile(
    script,
    `import { CitadelCommand } from ${JSON.stringify(command)};
    class Broken extends CitadelCommand {
      static id = "broken";
      async run() {
        (await this.shield()).hide("planted", Buffer.from(${JSON.stringify(canary)}));
        throw new Error("cannot read " + ${JSON.stringify(JSON.stringify({ canary }))});
      }
    }
    await Broken.run([], ${JSON.stringify(join(import.meta.dirname, "../.."))});`,
  );
  const child = spawn(process.execPath, [script], { env: citadelEnv(home, env) });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => output.push(chunk));
  await once(child, "close");
  const said = Buffer.concat(output).toString();
  expect([holds(said), said.includes("[REDACTED:planted]")], said).toEqual([false, true]);
  const reports = (await readdir(home, { recursive: true })).filter((name) =>
    /citadel-.*\.json$/.test(name),
  );
  expect(reports.length).toBeGreaterThan(0);
  for (const name of reports) expect(holds(await readFile(join(home, name)))).toBe(false);
});
