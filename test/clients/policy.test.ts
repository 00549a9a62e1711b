// H3: what the policy withholds is not installed by any client, and a lockfile that names it is told why.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { liar, type Liar } from "../servers/liar.ts";
import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { stock } from "../upstream/behind.ts";
import { clients, seat, type ClientId } from "./client.ts";

const { citadel } = oneProcess();

const ids = Object.keys(clients) as ClientId[];
const patience = 120_000;
let tools: ClientTools;
let temp: Temp;
let there: Liar;
let server: Server;
let token: string;
const home = (): string => join(temp.path, "home");
const env = () => ({
  CITADEL_UPSTREAM_REGISTRIES: JSON.stringify([{ name: "liar", url: `${there.url}/` }]),
});
const policy = async (...args: string[]) => {
  const [verb = "", ...rest] = args;
  const ran = await citadel(home(), [`registry:policy${verb}`, ...rest, "--json"], { env: env() });
  return { code: ran.code, json: JSON.parse(ran.stdout) as any };
};

/** npm shows what the registry says, the others at least its status. */
const said = /is withheld by the policy of this registry: .*\(rule (?:age|scripts):\*\)/;
const tells: Readonly<Record<ClientId, RegExp>> = {
  npm10: said,
  npm11: said,
  npm12: said,
  // it compares the lockfile with the packument first
  pnpm: /403|version\s+not present in registry manifest/,
  yarn1: /403 Forbidden|is withheld/,
  yarn4: /403 \(Forbidden\)/,
  bun: /403/,
  deno: /403/,
};

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("policy");
  there = await liar();
  // older than the day that some clients wait by themselves
  stock(there, "young", {
    versions: { "1.0.0": {}, "1.1.0": { license: "MIT" } },
    time: { "1.1.0": new Date(Date.now() - 2 * 86_400_000).toISOString() },
  });
  stock(there, "scripted", { versions: { "1.0.0": { scripts: { postinstall: "exit 1" } } } });
  await policy(":set", "age", "3d", "--reason", "let others find out");
  await policy(":set", "scripts", "deny");
  server = await serve({ home: home(), env: env() });
  token = await signIn(server.url, "ann");
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await there?.[Symbol.asyncDispose]();
  await temp?.remove();
});

describe.each(ids)("H3: %s", (id) => {
  test(
    "installs what is old enough; a lockfile with what is not is refused, and says why",
    async () => {
      const sit = async (where: string) => {
        const user = { name: "ann", password: "correct horse 1" };
        const folder = join(temp.path, where);
        const here = await seat(tools, id, { folder, url: server.url }, user);
        await here.client.configure(token);
        return { ...here, project: join(here.home, "project") };
      };
      await policy(":set", "mode", "off");
      const before = await sit("before");
      const free = await before.client.add(before.project, ["young@^1.0.0"]);
      expect(free.code, free.output).toBe(0);
      expect(await lockOf(before.project, before.client.lockfile)).toContain("1.1.0");

      await policy(":set", "mode", "enforce");
      const after = await sit("after");
      const held = await after.client.add(after.project, ["young@^1.0.0"]);
      expect(held.code, held.output).toBe(0);
      const lock = await lockOf(after.project, after.client.lockfile);
      expect(lock).toContain("1.0.0");
      expect(lock).not.toContain("1.1.0");
      const whole = await after.client.add(after.project, ["scripted"]);
      expect(whole.code, whole.output).not.toBe(0);
      expect(whole.output).toMatch(id === "deno" ? /not found/ : tells[id]);

      // another machine, with the lockfile of before
      const later = await sit("later");
      await mkdir(later.project, { recursive: true });
      for (const file of ["package.json", before.client.lockfile, "deno.json"]) {
        const text = await lockOf(before.project, file);
        if (text !== "") await writeFile(join(later.project, file), text);
      }
      const frozen = await later.client.frozen(later.project);
      expect(frozen.code, frozen.output).not.toBe(0);
      expect(frozen.output).toMatch(tells[id]);
    },
    patience,
  );
});

test("H3: the report says what was refused to whom, and the verdict is that of upstream's facts", async () => {
  const { json } = await policy("");
  const rows = json.refused.items as any[];
  expect(rows.find(({ version }) => version === "1.1.0")).toMatchObject({
    name: "young",
    origin: "liar",
    rule: "age:*",
  });
  const young = await policy(":test", "young@latest");
  expect([young.code, young.json]).toMatchObject([
    9,
    { candidate: { version: "1.1.0", origin: "liar", license: "MIT" }, verdict: { rule: "age:*" } },
  ]);
  const scripted = await policy(":test", "scripted@1.0.0");
  expect([scripted.code, scripted.json.verdict.rule]).toEqual([9, "scripts:*"]);
  expect((await policy(":test", "young@1.0.0")).code).toBe(0);
  expect((await policy(":test", "young@9.9.9")).json.error.code).toBe("E_VERSION_NOT_FOUND");
});

async function lockOf(folder: string, file: string): Promise<string> {
  return readFile(join(folder, file), "utf8").catch(() => "");
}
