// H6: publishing from a pipeline without a token, through the real commands of the clients that can; and npm trust.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { requestToken, testIssuer, type TestIssuer } from "../servers/issuer.ts";
import { freePort } from "../servers/redis.ts";
import { seat, type ClientId, type Seat } from "./client.ts";

const patience = 120_000;
let tools: ClientTools;
let temp: Temp;
let issuer: TestIssuer;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("trust");
  issuer = await testIssuer();
  const both = ["github", "gitlab"].map((name) => ({ name, issuer: issuer.url, private: true }));
  server = await serve({
    home: join(temp.path, "home"),
    env: { CITADEL_TRUST_ISSUERS: JSON.stringify(both), DEBUG: "citadel:trust" },
  });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await issuer?.[Symbol.asyncDispose]();
  await temp?.remove();
});

function ok(ran: Ran): Ran {
  expect(ran.code, `${ran.command}\n${ran.output}\n${server.log()}`).toBe(0);
  return ran;
}

/** A run of acme/<name> on GitHub. */
const github = (name: string) => ({
  sub: `repo:acme/${name}:ref:refs/heads/main`,
  repository: `acme/${name}`,
  repository_id: "1",
  repository_owner_id: "2",
  repository_visibility: "private",
  workflow_ref: `acme/${name}/.github/workflows/release.yml@refs/heads/main`,
  ref: "refs/heads/main",
  event_name: "push",
  run_id: "3",
});

/** The environment of a GitHub run, in which a client asks for its ID token itself. */
const onGithub = () => ({
  CI: "true",
  GITHUB_ACTIONS: "true",
  ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer.url}/token?api-version=2.0`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
});

/** The environment of a GitLab job, which has its ID token. */
const onGitlab = (name: string) => ({
  CI: "true",
  GITLAB_CI: "true",
  NPM_ID_TOKEN: issuer.mint({
    aud: `npm:${new URL(server.url).hostname}`,
    sub: `project_path:acme/${name}:ref_type:branch:ref:main`,
    project_path: `acme/${name}`,
    project_id: "9",
    ci_config_ref_uri: `${new URL(issuer.url).host}/acme/${name}//.gitlab-ci.yml@refs/heads/main`,
    pipeline_source: "push",
    project_visibility: "private",
  }),
});

const trusted = (type: "github" | "gitlab", name: string, permissions: readonly string[]) => ({
  type,
  permissions,
  claims:
    type === "github"
      ? { repository: `acme/${name}`, workflow_ref: { file: "release.yml" } }
      : { project_path: `acme/${name}`, ci_config_ref_uri: { file: ".gitlab-ci.yml" } },
});

async function packageOf(
  owner: string,
  name: string,
  configs: readonly object[],
  url = server.url,
): Promise<void> {
  await publish(url, owner, { name, version: "1.0.0" });
  const made = await request(`${url}/-/package/${name}/trust`, {
    method: "POST",
    token: owner,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(configs),
  });
  expect(made.status, made.text()).toBe(201);
}

async function folder(here: Seat, name: string, version: string): Promise<string> {
  const path = join(here.home, version);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, version, license: "MIT" }));
  await writeFile(join(path, "index.js"), `module.exports = "${version}";\n`);
  await writeFile(join(path, "yarn.lock"), "");
  return path;
}

const publishing: Readonly<
  Partial<Record<ClientId, { direct: readonly string[]; staged: readonly string[] }>>
> = {
  npm11: { direct: ["publish"], staged: ["stage", "publish"] },
  npm12: { direct: ["publish"], staged: ["stage", "publish"] },
  pnpm: {
    direct: ["publish", "--no-git-checks"],
    staged: ["stage", "publish", "--no-git-checks"],
  },
  yarn4: { direct: ["npm", "publish"], staged: ["npm", "publish", "--staged"] },
};

describe.each(Object.entries(publishing))("H6 %s", (id, { direct, staged }) => {
  let owner: string;
  let here: Seat;
  beforeEach(async () => {
    owner = await signIn(server.url, `owner-${id}`);
    const user = { name: `robot-${id}`, password: "nothing" };
    const place = { folder: temp.path, url: server.url };
    const one = await seat(tools, id as ClientId, place, user);
    await one.client.configure(); // no token
    here = one;
  });

  const prepared = async (name: string, version: string): Promise<string> => {
    const cwd = await folder(here, name, version);
    if (id === "yarn4") ok(await here.run(["install"], { cwd }));
    return cwd;
  };

  test(
    `H6: ${id} publishes from GitHub without a token, and only what is trusted`,
    async () => {
      const name = `trusted-${id}`;
      await packageOf(owner, name, [trusted("github", name, ["createPackage"])]);
      const cwd = await prepared(name, "1.1.0");
      issuer.run = github("somebody-else");
      const other = await here.run(direct, { cwd, env: onGithub() });
      expect(other.code, other.output).not.toBe(0);
      issuer.run = github(name);
      ok(await here.run(direct, { cwd, env: onGithub() }));
      if (id === "npm12") {
        const moved = await here.run(["dist-tag", "add", `${name}@1.0.0`, "stable"], {
          env: onGithub(),
        });
        expect(ok(moved).output).toContain("+stable");
      }
      const { _npmUser: by } = (await request(`${server.url}/${name}/1.1.0`)).json() as {
        _npmUser: object;
      };
      expect(by).toMatchObject({
        name: `github:acme/${name}`,
        trustedPublisher: { id: "github", oidcConfigId: expect.stringMatching(/^oidc:/) },
      });
    },
    patience,
  );

  test(
    `H6: ${id} stages from GitLab, may not publish there, and a person approves`,
    async () => {
      const name = `staging-${id}`;
      await packageOf(owner, name, [trusted("gitlab", name, ["createStagedPackage"])]);
      const cwd = await prepared(name, "2.0.0");
      const refused = await here.run(direct, { cwd, env: onGitlab(name) });
      expect(refused.code, refused.output).not.toBe(0);
      ok(await here.run(staged, { cwd, env: onGitlab(name) }));
      const { items } = (await request(`${server.url}/-/stage`, { token: owner })).json() as {
        items: { id: string; packageName: string; actor: string; actorType: string }[];
      };
      const item = items.find(({ packageName }) => packageName === name);
      expect(item).toMatchObject({ actor: `gitlab:acme/${name}`, actorType: "trusted publisher" });
      const done = await request(`${server.url}/-/stage/${item?.id}/approve`, {
        method: "POST",
        token: owner,
      });
      expect(done.status, done.text()).toBe(201);
      const version = (await request(`${server.url}/${name}/2.0.0`)).json();
      expect(version).toMatchObject({
        _npmUser: {
          name: `gitlab:acme/${name}`,
          trustedPublisher: { id: "gitlab" },
          approver: { name: `owner-${id}` },
        },
      });
    },
    patience,
  );
});

test.each(["npm12", "pnpm", "yarn4"] as const)(
  "H6: below a path prefix too, where npm exchanges at the root of the host: %s",
  async (id) => {
    const port = await freePort();
    const url = `http://localhost:${port}/team/registry`;
    const home = join(temp.path, `prefix-${id}`);
    const below = await serve({
      home,
      port,
      env: {
        CITADEL_TRUST_ISSUERS: JSON.stringify([
          { name: "github", issuer: issuer.url, private: true },
        ]),
        CITADEL_SERVER_PUBLIC_URL: `${url}/`,
        CITADEL_SERVER_SIGNUP: "open",
      },
    });
    try {
      const name = `prefixed-${id}`;
      const owner = await signIn(url, "owner");
      await packageOf(owner, name, [trusted("github", name, ["createPackage"])], url);
      const user = { name: "robot", password: "nothing" };
      const here = await seat(tools, id, { folder: home, url }, user);
      await here.client.configure();
      const cwd = await folder(here, name, "1.1.0");
      if (id === "yarn4") ok(await here.run(["install"], { cwd }));
      issuer.run = github(name);
      const ran = await here.run(publishing[id]?.direct ?? [], { cwd, env: onGithub() });
      expect(ran.code, ran.output).toBe(0);
      expect((await request(`${url}/${name}/1.1.0`)).json()).toMatchObject({
        _npmUser: { trustedPublisher: { id: "github" } },
      });
    } finally {
      await below.stop();
    }
  },
  patience,
);

describe.each(["npm11", "npm12"] as const)("H6 %s", (id) => {
  test(
    "trust github, gitlab, circleci, list, revoke",
    async () => {
      const user = { name: `truster-${id}`, password: "correct horse 1" };
      const token = await signIn(server.url, user.name, user.password);
      const name = `trusts-${id}`;
      await publish(server.url, token, { name, version: "1.0.0" });
      const here = await seat(tools, id, { folder: temp.path, url: server.url }, user);
      await here.client.configure(token);
      const trust = (...args: readonly string[]) => here.run(["trust", ...args]);
      const repo = ["--repo", "acme/ui", "--file", "release.yml", "--env", "production"];
      const made = ok(await trust("github", name, ...repo, "--allow-publish", "--yes"));
      expect(made.output).toMatch(/id: /);
      ok(
        await trust(
          ...["gitlab", name, "--project", "acme/sub/ui", "--file", ".gitlab-ci.yml"],
          ...["--allow-stage-publish", "--yes"],
        ),
      );
      const again = await trust("github", name, ...repo, "--allow-publish", "--yes");
      expect(again.code).not.toBe(0);
      expect(again.output).toMatch(/has this trusted publisher already/);
      const uuid = "01234567-89ab-4cde-8f01-23456789abcd";
      const circle = await trust(
        ...["circleci", name, "--org-id", uuid, "--project-id", uuid],
        ...["--pipeline-definition-id", uuid, "--vcs-origin", "github.com/acme/ui"],
        ...["--allow-publish", "--yes"],
      );
      expect(circle.code).not.toBe(0);
      expect(circle.output).toMatch(/knows no issuer .*circleci.*; it knows github, gitlab/);

      const listed = ok(await trust("list", name, "--json"));
      expect(listed.output).toContain("acme/sub/ui");
      expect(ok(await trust("list", name)).output).toMatch(/repository: acme\/ui/);
      const configs = (
        await request(`${server.url}/-/package/${name}/trust`, { token })
      ).json() as {
        id: string;
      }[];
      expect(configs).toHaveLength(2);
      for (const one of configs) ok(await trust("revoke", name, "--id", one.id));
      expect(ok(await trust("list", name)).output).toMatch(/No trust configurations/);
      const unknown = await trust("revoke", name, "--id", uuid);
      expect(unknown.output).toMatch(/no such trusted publisher/);
    },
    patience,
  );
});
