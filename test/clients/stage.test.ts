// H6: staged publishing through the real commands of every client that has them.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { seat, type ClientId, type Seat } from "./client.ts";

const patience = 120_000;
let tools: ClientTools;
let temp: Temp;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("stage");
  server = await serve({ home: join(temp.path, "home") });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

function ok(ran: Ran): Ran {
  expect(ran.code, `${ran.command}\n${ran.output}`).toBe(0);
  return ran;
}

/** The commands of a client; each runs in the package's folder. */
const dialects: Readonly<
  Partial<
    Record<
      ClientId,
      {
        readonly stage: readonly string[];
        readonly verb: (name: string, ...args: readonly string[]) => readonly string[];
        /** yarn has neither `view` nor `download` */
        readonly looks: boolean;
      }
    >
  >
> = {
  npm11: { stage: ["stage", "publish"], verb: (...words) => ["stage", ...words], looks: true },
  npm12: { stage: ["stage", "publish"], verb: (...words) => ["stage", ...words], looks: true },
  pnpm: {
    stage: ["stage", "publish", "--no-git-checks"],
    verb: (...words) => ["stage", ...words],
    looks: true,
  },
  yarn4: {
    stage: ["npm", "publish", "--staged"],
    verb: (...words) => ["npm", "stage", ...words],
    looks: false,
  },
};

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

describe.each(Object.entries(dialects))("H6 %s", (id, { stage, verb, looks }) => {
  test(
    `H6: ${id} stages, lists, ${looks ? "views, downloads, " : ""}approves and rejects`,
    async () => {
      const name = `staged-${id}`;
      const user = { name: `user-${id}`, password: "correct horse 1" };
      const token = await signIn(server.url, user.name, user.password);
      await publish(server.url, token, { name, version: "1.0.0" });
      const here = await seat(tools, id as ClientId, { folder: temp.path, url: server.url }, user);
      await here.client.configure(token);
      if (id === "yarn4") ok(await here.client.login!());

      const propose = async (version: string): Promise<string> => {
        const cwd = await folder(here, name, version);
        if (id === "yarn4") ok(await here.run(["install"], { cwd }));
        ok(await here.run(stage, { cwd }));
        const { items } = await list();
        const item = items.find((one) => one.version === version);
        expect(item, `${version} is listed`).toBeDefined();
        return item!.id;
      };
      const list = async () => {
        const answer = await request(`${server.url}/-/stage`, { token });
        return answer.json() as { items: { id: string; version: string }[] };
      };

      const first = await propose("1.1.0");
      const listed = ok(await here.run(verb("list", name)));
      expect(listed.output.match(uuid)).toContain(first);
      if (looks) {
        const viewed = ok(await here.run(verb("view", first)));
        expect(viewed.output).toContain("1.1.0");
        expect(viewed.output).toContain(user.name);
        ok(await here.run(verb("download", first), { cwd: here.home }));
        const files = await readdir(here.home);
        expect(files.find((file) => file.includes(first) && file.endsWith(".tgz"))).toBeDefined();
      }
      ok(await here.run(verb("approve", first)));
      const published = await request(`${server.url}/${name}`);
      expect(published.json()).toMatchObject({ "dist-tags": { latest: "1.1.0" } });

      const second = await propose("1.2.0");
      ok(await here.run(verb("reject", second)));
      expect((await list()).items).toEqual([]);
    },
    patience,
  );
});

async function folder(here: Seat, name: string, version: string): Promise<string> {
  const path = join(here.home, version);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, version, license: "MIT" }));
  await writeFile(join(path, "index.js"), `module.exports = "${version}";\n`);
  await writeFile(join(path, "yarn.lock"), "");
  return path;
}
