// H8: rules from the command line, and a server that runs meanwhile.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { citadel } = oneProcess();

let home: Temp;
let server: Server;
let ann: string;

beforeAll(async () => {
  home = await tempFolder("registry-access");
  server = await serve({ home: home.path });
  ann = await signIn(server.url, "ann", "correct horse 1");
  const manifest = { name: "there", version: "1.0.0" };
  await publish(server.url, ann, manifest, pack(manifest));
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await home?.remove();
});

const access = async (command: string, ...words: readonly string[]) => {
  const ran = await citadel(home.path, [`registry:access${command}`, ...words, "--json"]);
  return { code: ran.code, json: JSON.parse(ran.stdout) };
};
const statusOf = async (token?: string) =>
  (
    await request(`${server.url}/there`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })
  ).status;

describe("H8 registry:access", () => {
  test(
    "a rule is set, shown, explained and removed; a running server follows",
    { timeout: 60_000 },
    async () => {
      expect(await access("")).toEqual({ code: 0, json: { items: [] } });
      const dry = await access(":set", "**", "--read", "$authenticated", "--dry-run");
      expect(dry.json).toMatchObject({ pattern: "*", read: ["$authenticated"], dryRun: true });
      expect((await access("")).json.items).toEqual([]);

      await access(":set", "**", "--read", "$authenticated");
      await access(":set", "@in/*", "--write", "nobody", "--claimed");
      expect((await access("")).json.items).toEqual([
        { pattern: "*", read: ["$authenticated"], write: null, stage: null, claimed: false },
        { pattern: "@in/*", read: null, write: [], stage: null, claimed: true },
      ]);
      await until(async () => (await statusOf()) === 401);
      expect(await statusOf(ann)).toBe(200);

      expect(await access(":test", "anonymous", "read", "there")).toMatchObject({
        code: 8,
        json: { allowed: false, exists: true, owners: ["ann"], rules: { read: "*", write: null } },
      });
      expect(await access(":test", "ann", "write", "there")).toMatchObject({
        code: 0,
        json: { allowed: true, because: "an owner of the package" },
      });
      expect(await access(":test", "ann", "write", "@in/x")).toMatchObject({
        code: 8,
        json: { exists: false, rules: { read: "*", write: "@in/*" } },
      });
      expect(await access(":test", "nobody", "read", "there")).toMatchObject({
        code: 4,
        json: { error: { code: "E_USER_NOT_FOUND" } },
      });

      expect((await access(":remove", "**")).code).toBe(0);
      expect(await access(":remove", "**")).toMatchObject({
        code: 4,
        json: { error: { code: "E_NOT_FOUND" } },
      });
      await until(async () => (await statusOf()) === 200);
    },
  );

  test.each([
    [":set", "a/b/c", "--read", "ann"],
    [":set", "x"],
    [":set", "x", "--write", "$all"],
    [":set", "x", "--read", "$everybody"],
    [":set", "x", "--read", "a b"],
    [":test", "ann", "destroy", "x"],
    [":test", "ann", "read", "../x"],
  ])("refuses %s %s %s %s", async (command, ...words) => {
    const { code, json } = await access(command, ...words);
    expect(code).toBe(2);
    expect(json.error.message).toMatch(/\S/);
  });
});
