// H9: the audit commands of every client that has one, against advisories that were imported from OSV files.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { osv } from "../support/osv.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { seat, type ClientId, type Seat } from "./client.ts";

const { citadel } = oneProcess();

const ghsa = "GHSA-p6mc-m468-83gw";
const patience = 120_000;
let tools: ClientTools;
let temp: Temp;
let server: Server;
let token: string;

/** How a client audits a project in a folder, for people and for programs. */
const audits: Readonly<Partial<Record<ClientId, (json: boolean) => readonly string[]>>> = {
  npm10: (json) => ["audit", ...(json ? ["--json"] : [])],
  npm11: (json) => ["audit", ...(json ? ["--json"] : [])],
  npm12: (json) => ["audit", ...(json ? ["--json"] : [])],
  pnpm: (json) => ["audit", ...(json ? ["--json"] : [])],
  yarn4: (json) => ["npm", "audit", "--all", "--recursive", ...(json ? ["--json"] : [])],
  bun: (json) => ["audit", ...(json ? ["--json"] : [])],
  deno: () => ["audit"],
};

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("audit");
  const home = join(temp.path, "home");
  await mkdir(join(temp.path, "osv"), { recursive: true });
  await writeFile(
    join(temp.path, "osv", `${ghsa}.json`),
    osv({ id: ghsa, name: "weak", events: [{ introduced: "0" }, { fixed: "1.1.0" }] }),
  );
  await writeFile(
    join(temp.path, "osv", "GHSA-aaaa-bbbb-cccc.json"),
    osv({ id: "GHSA-aaaa-bbbb-cccc", name: "sound", events: [{ introduced: "2.0.0" }] }),
  );
  server = await serve({ home });
  token = await signIn(server.url, "ann");
  for (const manifest of [
    { name: "weak", version: "1.0.0" },
    { name: "weak", version: "1.1.0" },
    { name: "sound", version: "1.0.0", dependencies: { weak: "^1.0.0" } },
  ])
    await publish(server.url, token, manifest, pack(manifest));
  // a server that runs sees them without a restart
  const ran = await citadel(home, ["registry:advisories:import", join(temp.path, "osv"), "--json"]);
  expect(ran.code, ran.output).toBe(0);
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

/** How a client that can does away with what it found. */
const fixes: Readonly<Partial<Record<ClientId, readonly string[]>>> = {
  npm10: ["audit", "fix"],
  npm11: ["audit", "fix"],
  npm12: ["audit", "fix"],
  pnpm: ["audit", "--fix"],
  bun: ["audit", "fix"],
  deno: ["audit", "--fix"],
};

describe.each(Object.keys(audits) as ClientId[])("H9: %s audit", (id) => {
  let here: { seat: Seat; folder: string };
  const project = async (name: string, weak: string): Promise<{ seat: Seat; folder: string }> => {
    const here = await seat(
      tools,
      id,
      { folder: join(temp.path, name), url: server.url },
      { name: "ann", password: "correct horse 1" },
    );
    await here.client.configure(token);
    const folder = join(here.home, "project");
    const added = await here.client.add(folder, [`weak@${weak}`, "sound@1.0.0"]);
    expect(added.code, added.output).toBe(0);
    return { seat: here, folder };
  };
  const audit = async (of: { seat: Seat; folder: string }, json: boolean): Promise<Ran> =>
    of.seat.run(audits[id]?.(json) ?? [], { cwd: of.folder });

  test(
    "tells of the vulnerable version: title, severity, range and address",
    async () => {
      here = await project(`${id}-weak`, "1.0.0");
      const told = await audit(here, false);
      expect(told.code, told.output).not.toBe(0);
      expect(told.output).toContain("Something bad in weak");
      expect(told.output).toMatch(/high/i);
      expect(told.output).toContain(ghsa);
      // npm says which of the versions that there are
      expect(told.output).toMatch(id.startsWith("npm") ? /weak +1\.0\.0/ : /<\s?1\.1\.0/);
      expect(told.output).not.toContain("Something bad in sound");
      if (id === "deno") return;
      const machine = await audit(here, true);
      expect(machine.stdout).toContain(ghsa);
      for (const line of id === "yarn4" ? machine.stdout.trim().split("\n") : [machine.stdout])
        JSON.parse(line);
    },
    patience,
  );

  test(
    "finds nothing in the fixed version",
    async () => {
      const told = await audit(await project(`${id}-sound`, "1.1.0"), false);
      expect(told.code, told.output).toBe(0);
      expect(told.output).not.toContain("Something bad");
    },
    patience,
  );

  const fix = fixes[id];
  if (!fix) return;
  test(
    "fix",
    async () => {
      const fixed = await here.seat.run(fix, { cwd: here.folder });
      // deno ends with what it found
      if (id !== "deno") expect(fixed.code, fixed.output).toBe(0);
      // pnpm writes an override
      if (id === "pnpm") await here.seat.run(["install"], { cwd: here.folder });
      const told = await audit(here, false);
      expect(told.code, told.output).toBe(0);
    },
    patience,
  );
});
