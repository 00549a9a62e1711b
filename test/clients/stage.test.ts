// H6: staged publishing through the real commands of every client that has them.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { pack, publish, publishDocument, signIn } from "../support/packages.ts";
import { ok } from "../support/ok.ts";
import { authenticator } from "../support/totp.ts";
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

test(
  "H6: pnpm counts an approver as the strongest evidence, and refuses a version without one after it",
  async () => {
    const user = { name: "trustful", password: "correct horse 1" };
    const token = await signIn(server.url, user.name, user.password);
    const name = "evidence";
    const manifest = (version: string) => ({ name, version });
    await publish(server.url, token, manifest("1.0.0"));
    const staged = manifest("1.1.0");
    const answer = await request(`${server.url}/-/stage/package/${name}`, {
      method: "POST",
      token,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(publishDocument(server.url, staged, pack(staged))),
    });
    const { stageId } = answer.json() as { stageId: string };
    await request(`${server.url}/-/stage/${stageId}/approve`, { method: "POST", token });
    await publish(server.url, token, manifest("1.2.0"));

    const here = await seat(tools, "pnpm", { folder: temp.path, url: server.url }, user);
    await here.client.configure(token);
    const add = async (version: string) => {
      const cwd = join(here.home, `uses-${version}`);
      await mkdir(cwd, { recursive: true });
      await writeFile(join(cwd, "package.json"), '{ "name": "uses", "version": "1.0.0" }');
      await writeFile(
        join(cwd, "pnpm-workspace.yaml"),
        "trustPolicy: no-downgrade\nminimumReleaseAge: 0\n",
      );
      return here.run(["add", `${name}@${version}`], { cwd });
    };
    ok(await add("1.1.0"));
    const downgraded = await add("1.2.0");
    expect(downgraded.code, downgraded.output).not.toBe(0);
    expect(downgraded.output).toMatch(/trust.downgrade/i);
  },
  patience,
);

describe.each(Object.entries(dialects))("H6 %s", (id, { stage, verb, looks }) => {
  test(
    `H6: ${id} stage publish, list, approve, reject`,
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
      // from here on the account has a second factor
      const codes = await enrol(token, user.password);
      const bare = await here.run(verb("approve", first));
      expect(bare.code, bare.output).not.toBe(0);
      ok(await here.run(verb("approve", first, "--otp", codes[0] ?? "")));
      const published = await request(`${server.url}/${name}`);
      expect(published.json()).toMatchObject({ "dist-tags": { latest: "1.1.0" } });

      const second = await propose("1.2.0");
      ok(await here.run(verb("reject", second, "--otp", codes[1] ?? "")));
      expect((await list()).items).toEqual([]);
    },
    patience,
  );
});

/** Turns the second factor on. @returns codes that count once each */
async function enrol(token: string, password: string): Promise<readonly string[]> {
  const post = async (tfa: unknown) => {
    const answer = await request(`${server.url}/-/npm/v1/user`, {
      method: "POST",
      token,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tfa }),
    });
    expect(answer.status, answer.text()).toBe(200);
    return (answer.json() as { tfa: unknown }).tfa;
  };
  const app = authenticator(String(await post({ mode: "auth-only", password })));
  return (await post([app.code()])) as string[];
}

async function folder(here: Seat, name: string, version: string): Promise<string> {
  const path = join(here.home, version);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, version, license: "MIT" }));
  await writeFile(join(path, "index.js"), `module.exports = "${version}";\n`);
  await writeFile(join(path, "yarn.lock"), "");
  return path;
}
