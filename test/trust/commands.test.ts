import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadSettings } from "@citadel/core/config";
import { afterAll, beforeAll, expect, test } from "vitest";

import { oneProcess } from "../support/one-process.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { testIssuer, type TestIssuer } from "../servers/issuer.ts";

const { citadel } = oneProcess();

let temp: Temp;
let issuer: TestIssuer;
beforeAll(async () => {
  temp = await tempFolder("trust-commands");
  issuer = await testIssuer();
  await writeFile(join(temp.path, "hello.txt"), "hello\n");
  const made = await run(["local:publish", "greetings", "1.0.0", "-", "-f", "hello.txt"]);
  expect(made.code, made.output).toBe(0);
});
afterAll(async () => {
  await issuer[Symbol.asyncDispose]();
  await temp.remove();
});

const run = (args: readonly string[], input?: string) =>
  citadel(temp.path, args, {
    cwd: temp.path,
    ...(input === undefined ? {} : { input }),
    env: {
      CITADEL_TRUST_ISSUERS: JSON.stringify([
        { name: "builds", issuer: issuer.url, private: true },
        { name: "github", issuer: issuer.url, private: true },
      ]),
    },
  });
const json = async (args: readonly string[], input?: string) =>
  JSON.parse((await run([...args, "--json"], input)).stdout);

test("H6: registry:trust adds, lists, explains and removes publishers of any issuer", async () => {
  const add = ["registry:trust:add", "greetings", "--issuer", "builds", "--claim", "sub=release"];
  const dry = await run([...add, "--allow-publish", "--dry-run"]);
  expect([dry.code, dry.stderr]).toEqual([0, expect.stringMatching(/would be: builds/)]);
  const none = await json(add);
  expect(none.error).toMatchObject({ code: "E_INVALID_DOCUMENT", exit: 2 });
  const made = await json([
    ...add,
    "--claim",
    "teams[]=a",
    "--claim",
    "teams[]=b",
    "--allow-publish",
  ]);
  expect(made).toMatchObject({
    issuer: "builds",
    claims: { sub: "release", teams: ["a", "b"] },
    permissions: ["createPackage"],
  });
  const listed = await run(["registry:trust:list", "greetings"]);
  expect(listed.stdout).toContain("sub=release teams[]=a teams[]=b");

  const explain = ["registry:trust:test", "greetings"];
  const good = { aud: "npm:localhost", sub: "release", teams: ["b", "a"] };
  const right = await run(explain, issuer.mint(good));
  expect([right.code, right.stderr]).toEqual([0, expect.stringMatching(/would be accepted/)]);
  const wrong = await run(explain, issuer.mint({ ...good, sub: "test", teams: ["a"] }));
  expect(wrong.code).toBe(8);
  expect(wrong.stderr).toMatch(/sub is "test", not "release"/);
  expect(wrong.stderr).toMatch(/teams is \["a"\], not \["a","b"\]/);
  const token = issuer.mint({ ...good, aud: "npm:npm.example.org" });
  await writeFile(join(temp.path, "id.jwt"), token);
  const file = [...explain, "--token-file", "id.jwt"];
  expect((await json(file)).configs[0].reasons).toEqual([
    'aud is "npm:npm.example.org", not npm:localhost or npm:localhost:4873',
  ]);
  expect((await json([...file, "--url", "https://npm.example.org/"])).accepted).toBe(true);
  expect((await run(explain, "")).code).toBe(2);

  const remove = ["registry:trust:remove", "greetings", made.id as string];
  expect((await run(remove)).code).toBe(0);
  expect((await run(remove)).code).toBe(4);
});

test("H6: the workflow file of a known kind, and claims that are none", async () => {
  const add = ["registry:trust:add", "greetings", "--issuer", "github", "--allow-stage-publish"];
  const claims = ["--claim", "repository=acme/ui", "--claim", "workflow_ref.file=ci.yml"];
  expect(await json([...add, ...claims, "-n"])).toMatchObject({
    claims: { repository: "acme/ui", workflow_ref: { file: "ci.yml" } },
    dryRun: true,
  });
  expect((await run([...add, "--claim", "repository"])).code).toBe(2);
  expect((await run([...add, ...claims, ...claims])).code).toBe(2);
});

test("A13: trust.issuers takes names and objects, and nothing else", () => {
  const dirs = { data: temp.path, cache: temp.path, config: temp.path };
  const read = (value: unknown, env = typeof value === "string") =>
    loadSettings({
      ...{ cwd: temp.path, dirs },
      env: env ? { CITADEL_TRUST_ISSUERS: value as string } : {},
      ...(env ? {} : { flags: { "trust.issuers": value } }),
    }).settings.trust.issuers.map(({ name, type }) => `${name}:${type}`);
  expect(read("github, gitlab")).toEqual(["github:github", "gitlab:gitlab"]);
  expect(read("[]")).toEqual([]);
  expect(read([{ name: "gitlab", issuer: "https://gitlab.example" }])).toEqual(["gitlab:gitlab"]);
  expect(
    read(
      '["circleci",{"name":"a","issuer":"http://localhost:1","private":true,"claims":{"b":"c"}}]',
    ),
  ).toEqual(["circleci:circleci", "a:generic"]);
  const item = { name: "a", issuer: "https://a.example" };
  for (const bad of [
    "npmjs",
    "[",
    ["github", "github"],
    [{ name: "a" }],
    [{ ...item, issuer: "http://a.example" }],
    [{ ...item, issuer: "ftp://a.example", private: true }],
    [{ ...item, issuer: "https://u:p@a.example" }],
    [{ ...item, issuer: "https://a.example/?x" }],
    [{ ...item, name: "A b" }],
    [{ ...item, type: "jenkins" }],
    [{ ...item, claims: { b: 1 } }],
    [{ ...item, audience: "" }],
    [{ ...item, secret: "x" }],
    [null],
  ])
    expect(() => read(bad), JSON.stringify(bad)).toThrow(/trust\.issuers/);
});
