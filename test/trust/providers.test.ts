import { describe, expect, test } from "vitest";

import { testIssuer, type TestIssuer } from "../servers/issuer.ts";
import { authenticator } from "../support/totp.ts";
import { place, type Got, type Place } from "../serve/place.ts";

const name = "one";
const uuid = (n: number) => `0000000${n}-89ab-4cde-8f01-23456789abcd`;

interface Here extends Place {
  readonly issuer: TestIssuer;
  readonly owner: string;
  trust(config: object): Promise<Got>;
  exchange(token: string): Promise<Got>;
}

async function start(issuers: (issuer: TestIssuer) => readonly object[]): Promise<Here> {
  const issuer = await testIssuer();
  const here = await place({ "trust.issuers": issuers(issuer) });
  const owner = await here.signIn("ann");
  await here.publish(owner, { name, version: "1.0.0" });
  return {
    ...here,
    issuer,
    owner,
    trust: (config) =>
      here.ask(`/-/package/${name}/trust`, { method: "POST", token: owner, body: [config] }),
    exchange: (token) =>
      here.ask(`/-/npm/v1/oidc/token/exchange/package/${name}`, { method: "POST", token }),
    async [Symbol.asyncDispose]() {
      await here[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

const permissions = ["createPackage"];
const own = (issuer: TestIssuer, more: object = {}) => ({
  issuer: issuer.url,
  private: true,
  audience: "citadel",
  ...more,
});

/** Each of these changes makes a good token a bad one. */
async function eachRefused(
  here: Here,
  good: Readonly<Record<string, unknown>>,
  bad: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const mint = (change: object) => here.issuer.mint({ aud: "citadel", ...good, ...change });
  for (const change of bad)
    expect((await here.exchange(mint(change))).status, JSON.stringify(change)).toBe(401);
  const got = await here.exchange(mint({}));
  expect(got.status, got.text).toBe(201);
}

describe("H6 issuers", () => {
  test("H6: GitLab, of one's own below a path: project and pipeline file, no merge requests, no fork", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "gitlab" })]);
    const made = await here.trust({
      type: "gitlab",
      claims: {
        project_path: "acme/sub/ui",
        ci_config_ref_uri: { file: ".gitlab-ci.yml" },
        environment: "production",
      },
      permissions,
    });
    expect(made.status, made.text).toBe(201);
    const at = `${new URL(here.issuer.url).host}/acme/sub/ui//.gitlab-ci.yml`;
    const good = {
      sub: "project_path:acme/sub/ui:ref_type:tag:ref:v1",
      project_path: "acme/sub/ui",
      project_id: "12",
      ci_config_ref_uri: `${at}@refs/tags/v1`,
      environment: "production",
      pipeline_source: "push",
    };
    await eachRefused(here, good, [
      { project_path: "eve/ui" },
      { project_path: "acme/sub/ui2" },
      { ci_config_ref_uri: null },
      { ci_config_ref_uri: `${at}.evil.yml@refs/tags/v1` },
      { ci_config_ref_uri: `elsewhere.example/acme/sub/ui//.gitlab-ci.yml@refs/tags/v1` },
      { ci_config_ref_uri: `${at}@refs/merge-requests/1/head` },
      { environment: "staging" },
      { pipeline_source: "merge_request_event" },
    ]);
    const anew = here.issuer.mint({ aud: "citadel", ...good, project_id: "13" });
    expect((await here.exchange(anew)).status).toBe(401);
  });

  test("H6: CircleCI, with an issuer for each organisation, contexts, and no job started again by hand", async () => {
    const claim = (short: string) => `oidc.circleci.com/${short}`;
    // the organisation stands in the address of the issuer
    await using here = await start((issuer) => [
      own(issuer, { name: "circleci", issuer: `${issuer.url}/org/{${claim("org-id")}}` }),
    ]);
    const wanted = {
      [claim("org-id")]: uuid(1),
      [claim("project-id")]: uuid(2),
      [claim("pipeline-definition-id")]: uuid(3),
      [claim("vcs-origin")]: "github.com/acme/ui",
      [claim("context-ids")]: [uuid(4)],
    };
    const made = await here.trust({ type: "circleci", claims: wanted, permissions });
    expect(made.status, made.text).toBe(201);
    const iss = `${here.issuer.url}/org/${uuid(1)}`;
    here.issuer.answer = { about: { issuer: iss, jwks_uri: `${here.issuer.url}/jwks` } };
    const good = { ...wanted, iss, [claim("context-ids")]: [uuid(5), uuid(4)] };
    await eachRefused(here, good, [
      { iss: `${here.issuer.url}/org/${uuid(9)}` },
      { [claim("org-id")]: uuid(9) },
      { [claim("project-id")]: uuid(9) },
      { [claim("pipeline-definition-id")]: uuid(9) },
      { [claim("vcs-origin")]: "github.com/eve/ui" },
      { [claim("context-ids")]: [uuid(5)] },
      { [claim("context-ids")]: uuid(4) },
      { [claim("ssh-rerun")]: true },
    ]);
  });

  test("H6: any other issuer, by the claims that one names", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "kubernetes" })]);
    const sub = "system:serviceaccount:ci:release";
    const made = await here.trust({
      type: "kubernetes",
      claims: { sub, cluster: "7", protected: "true" },
      permissions,
    });
    expect(made.json()[0]).toMatchObject({ type: "generic", issuer: "kubernetes" });
    await eachRefused(here, { sub, cluster: 7, protected: true }, [
      { sub: `${sub}-other` },
      { sub: undefined },
      { cluster: 70 },
      { cluster: [7] },
      { cluster: { toString: "7" } },
      { protected: false },
      { protected: null },
    ]);
    await here.publish(
      (
        await here.exchange(here.issuer.mint({ aud: "citadel", sub, cluster: 7, protected: true }))
      ).json().token,
      { name, version: "1.0.1" },
    );
    expect((await here.ask(`/${name}/1.0.1`)).json()._npmUser.name).toBe(`kubernetes:${sub}`);
  });

  test("H6: a configuration of nothing, or of nonsense, is refused when it is made", async () => {
    await using here = await start((issuer) => [
      own(issuer, { name: "github" }),
      own(issuer, { name: "gitlab" }),
      own(issuer, { name: "any" }),
    ]);
    const repository = "acme/ui";
    const file = { file: "ci.yml" };
    const wrong: readonly (readonly [string, unknown, unknown?])[] = [
      ["nobody", { sub: "x" }],
      ["any", {}],
      ["any", { sub: "" }],
      ["any", { sub: "a\u001bb" }],
      ["any", { sub: { file: "ci.yml" } }],
      ["any", { sub: 5 }],
      ["any", { aud: "npm:elsewhere" }],
      ["any", { sub: "x" }, []],
      ["any", { sub: "x" }, ["admin"]],
      ["any", Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`c${n}`, "x"]))],
      ["github", { repository }],
      ["github", { workflow_ref: file }],
      ["github", { repository: "acme", workflow_ref: file }],
      ["github", { repository: "acme/../eve", workflow_ref: file }],
      ["github", { repository, workflow_ref: "ci.yml" }],
      ["github", { repository, workflow_ref: { file: "../ci.yml" } }],
      ["github", { repository, workflow_ref: { file: "ci.yml@x.yml" } }],
      ["github", { repository, workflow_ref: { file: "ci" } }],
      ["gitlab", { project_path: "acme/ui", ci_config_ref_uri: { file: "//ci.yml" } }],
      ["constructor", { sub: "x" }],
    ];
    for (const [type, claims, rights = permissions] of wrong) {
      const got = await here.trust({ type, claims, permissions: rights });
      expect([got.status, got.json().code], JSON.stringify([type, claims])).toEqual([
        400,
        "E_INVALID_DOCUMENT",
      ]);
    }
    for (const body of [{}, [], "x", [[]], [{ type: "any" }]]) {
      const got = await here.ask(`/-/package/${name}/trust`, {
        method: "POST",
        token: here.owner,
        body: JSON.stringify(body),
      });
      expect(got.status).toBe(400);
    }
    expect((await here.ask(`/-/package/${name}/trust`, { token: here.owner })).json()).toEqual([]);
  });

  test("H6: ten publishers of a package are enough, the same one twice is a conflict", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "any" })]);
    const add = (n: number) =>
      here.trust({ type: "any", claims: { sub: `job-${n}` }, permissions });
    for (let n = 0; n < 10; n++) expect((await add(n)).status).toBe(201);
    expect((await add(3)).json().code).toBe("E_CONFLICT");
    expect((await add(10)).status).toBe(400);
  });

  test("attack 46: only who administrates a package sees or changes whom it trusts", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "any" })]);
    const made = await here.trust({ type: "any", claims: { sub: "job" }, permissions });
    const eve = await here.signIn("eve");
    const path = `/-/package/${name}/trust`;
    const body = [{ type: "any", claims: { sub: "eve" }, permissions }];
    const at = async (token: string | undefined) => {
      const got = await Promise.all([
        here.ask(path, { token }),
        here.ask(path, { method: "POST", token, body }),
        here.ask(`${path}/${made.json()[0].id}`, { method: "DELETE", token }),
      ]);
      return got.map(({ status }) => status);
    };
    expect(await at(eve)).toEqual([403, 403, 403]);
    expect(await at(undefined)).toEqual([401, 401, 401]);
    expect((await here.ask("/-/package/nothing/trust", { token: here.owner })).status).toBe(404);
    expect((await here.ask(path, { token: here.owner })).json()).toHaveLength(1);
  });

  test("H6: to trust somebody takes the code of the second factor, and no token made for machines", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "any" })]);
    const password = "correct horse 1";
    const machine = await here.ask("/-/npm/v1/tokens", {
      method: "POST",
      token: here.owner,
      body: { password, bypass_2fa: true },
    });
    const profile = (body: object) =>
      here.ask("/-/npm/v1/user", { method: "POST", token: here.owner, body });
    const begun = await profile({ tfa: { mode: "auth-only", password } });
    const app = authenticator(begun.json().tfa);
    const recovery = (await profile({ tfa: [app.code()] })).json().tfa as string[];
    const config = { type: "any", claims: { sub: "job" }, permissions };
    const asked = await here.trust(config);
    expect([asked.status, asked.headers.get("www-authenticate")]).toEqual([401, "OTP"]);
    const path = `/-/package/${name}/trust`;
    const body = [config];
    const { token } = machine.json();
    expect((await here.ask(path, { method: "POST", token, body })).status).toBe(403);
    const headers = { "npm-otp": recovery[0] ?? "" };
    const made = await here.ask(path, { method: "POST", token: here.owner, headers, body });
    expect(made.status, made.text).toBe(201);
  });

  test("H6: what one publisher may is not taken away by another that fits as well", async () => {
    await using here = await start((issuer) => [own(issuer, { name: "any" })]);
    const allow = (claims: object, permission: string) =>
      here.trust({ type: "any", claims, permissions: [permission] });
    await allow({ sub: "job" }, "createStagedPackage");
    await allow({ sub: "job", env: "production" }, "createPackage");
    const publishes = async (version: string, more: object) => {
      const token = here.issuer.mint({ aud: "citadel", sub: "job", ...more });
      const got = await here.exchange(token);
      return (await here.publish(got.json().token, { name, version })).status;
    };
    expect(await publishes("1.0.1", {})).toBe(403);
    expect(await publishes("1.0.1", { env: "production" })).toBe(201);
  });

  test("H6: of two issuers with one address, each configuration is its own", async () => {
    await using here = await start((issuer) => [
      own(issuer, { name: "first", audience: "elsewhere" }),
      own(issuer, { name: "second", claims: { team: "second" } }),
    ]);
    await here.trust({ type: "first", claims: { sub: "other" }, permissions });
    await here.trust({ type: "second", claims: { sub: "job" }, permissions });
    const mint = (more: object) => here.issuer.mint({ aud: "citadel", sub: "job", ...more });
    expect((await here.exchange(mint({}))).status).toBe(401);
    expect((await here.exchange(mint({ team: "second" }))).status).toBe(201);
  });
});
