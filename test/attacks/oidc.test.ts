// attack 40: ID tokens that must not become tokens of the registry. One that is right in everything is accepted beside each.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve } from "../support/citadel.ts";
import { pack, publishDocument, signIn } from "../support/packages.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";
import { newKey, testIssuer, type Key, type TestIssuer } from "../servers/issuer.ts";
import { place, type Got, type Place } from "../serve/place.ts";

const name = "@acme/ui";
const audience = "npm:localhost";
const workflow = "acme/ui/.github/workflows/release.yml";

/** What GitHub says of a run on main. */
const run = {
  aud: audience,
  sub: "repo:acme/ui:environment:production",
  repository: "acme/ui",
  repository_id: "1001",
  repository_owner: "acme",
  repository_owner_id: "7",
  repository_visibility: "private",
  workflow_ref: `${workflow}@refs/heads/main`,
  job_workflow_ref: `${workflow}@refs/heads/main`,
  ref: "refs/heads/main",
  ref_type: "branch",
  environment: "production",
  event_name: "push",
  actor: "ann",
  run_id: "42",
  run_attempt: "1",
  sha: "0123456789abcdef0123456789abcdef01234567",
} as const;

const wanted = {
  repository: "acme/ui",
  workflow_ref: { file: "release.yml" },
  environment: "production",
};

interface Here extends Place {
  readonly issuer: TestIssuer;
  readonly owner: string;
  readonly config: string;
  exchange(token: string, path?: string, headers?: Readonly<Record<string, string>>): Promise<Got>;
}

const issuers = (issuer: TestIssuer, more: object = {}) => [
  { name: "github", issuer: issuer.url, private: true, ...more },
];

async function start(
  settings: Readonly<Record<string, unknown>> = {},
  more: object = {},
): Promise<Here> {
  const issuer = await testIssuer();
  const here = await place({ "trust.issuers": issuers(issuer, more), ...settings });
  const owner = await here.signIn("acme");
  await here.publish(owner, { name, version: "1.0.0" });
  const made = await here.ask("/-/package/@acme%2fui/trust", {
    method: "POST",
    token: owner,
    body: [{ type: "github", claims: wanted, permissions: ["createPackage"] }],
  });
  if (made.status !== 201) throw new Error(made.text);
  return {
    ...here,
    issuer,
    owner,
    config: made.json()[0].id as string,
    exchange: (token, path = "/-/npm/v1/oidc/token/exchange/package/@acme%2fui", headers = {}) =>
      here.ask(path, { method: "POST", token, headers }),
    async [Symbol.asyncDispose]() {
      await here[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

/** Refused, with an answer that says nothing of the reason. */
function refused(got: Got): void {
  expect([got.status, got.json().message]).toEqual([
    401,
    "the ID token is not accepted for this package",
  ]);
  expect(got.json().token).toBeUndefined();
}

/** Why, as an administrator is told. */
const why = async (here: Here, token: string): Promise<string> => {
  const { accepted, reason, configs } = await (
    await here.citadel.trust()
  ).explain(name, token, [audience]);
  expect(accepted).toBe(false);
  return [reason, ...configs.flatMap(({ reasons }) => reasons)].filter(Boolean).join("; ");
};

let other: Key;
beforeAll(() => {
  other = newKey();
});

describe("attack 40 every claim", () => {
  test("attack 40: the right token is accepted, and is good for one package and nothing else", async () => {
    await using here = await start();
    const got = await here.exchange(here.issuer.mint(run));
    expect(got.status).toBe(201);
    const { token, expires } = got.json();
    expect(token).toMatch(/^npm_/);
    expect(Date.parse(expires) - Date.now()).toBeLessThanOrEqual(3_600_000);

    const next = { name, version: "1.1.0" };
    expect((await here.publish(token, next)).status).toBe(201);
    expect((await here.ask("/@acme%2fui/1.1.0")).json()._npmUser).toEqual({
      name: "github:acme/ui",
      email: "",
      trustedPublisher: { id: "github", oidcConfigId: `oidc:${here.config}` },
    });
    await here.publish(here.owner, { name: "@acme/other", version: "1.0.0" });
    const denied = await Promise.all([
      here.publish(token, { name: "@acme/other", version: "1.0.1" }),
      here.publish(token, { name: "@acme/new", version: "1.0.0" }),
      here.publish(token, { name: "@acme/ui-more", version: "1.0.0" }),
      here.ask("/-/package/@acme%2fui/trust", { token }),
      here.ask("/-/package/@acme%2fui/owners", { method: "PUT", token, body: { user: "eve" } }),
      here.ask(`/-/package/@acme%2fui/trust/${here.config}`, { method: "DELETE", token }),
    ]);
    for (const { status } of denied) expect([401, 403, 404]).toContain(status);
    const history = await Array.fromAsync(here.citadel.registry.packages.history(name));
    expect(history[0]?.changes[0]?.who.name).toBe("github:acme/ui");
  });

  const wrong: readonly [string, Readonly<Record<string, unknown>>, RegExp][] = [
    ["repository", { repository: "eve/ui" }, /repository is "eve\/ui"/],
    ["repository in another case", { repository: "Acme/ui" }, /repository/],
    ["no repository", { repository: undefined }, /repository is missing/],
    ["repository as a list", { repository: ["acme/ui"] }, /repository/],
    ["environment", { environment: "staging" }, /environment/],
    ["no environment", { environment: undefined }, /environment is missing/],
    [
      "another workflow",
      { workflow_ref: "acme/ui/.github/workflows/test.yml@refs/heads/main" },
      /workflow_ref/,
    ],
    [
      "the workflow's name as a beginning",
      { workflow_ref: `${workflow}.evil.yml@refs/heads/main` },
      /workflow_ref/,
    ],
    [
      "the workflow's name before an at sign",
      { workflow_ref: `${workflow}@evil.yml@refs/heads/main` },
      /workflow_ref/,
    ],
    [
      "the workflow of a fork",
      { workflow_ref: "eve/ui/.github/workflows/release.yml@refs/heads/main" },
      /workflow_ref/,
    ],
    [
      "the workflow of a proposed change",
      { workflow_ref: `${workflow}@refs/pull/7/merge` },
      /workflow_ref/,
    ],
    ["the workflow at no revision", { workflow_ref: workflow }, /workflow_ref/],
    [
      "a workflow elsewhere in the path",
      { workflow_ref: `x/${workflow}@refs/heads/main` },
      /workflow_ref/,
    ],
    ["a run for a pull request", { event_name: "pull_request" }, /pull_request must not/],
    [
      "a run for a fork's pull request",
      { event_name: "pull_request_target" },
      /pull_request_target must not/,
    ],
    ["aud of another host", { aud: "npm:registry.example.org" }, /aud is/],
    ["aud without npm:", { aud: "localhost" }, /aud is/],
    ["no aud", { aud: undefined }, /aud/],
    ["several audiences", { aud: [audience, "npm:elsewhere.example"] }, /several audiences/],
    ["another issuer", { iss: "https://token.actions.example" }, /has the issuer/],
    ["no issuer", { iss: undefined }, /has the issuer/],
    ["expired", { exp: now(-60), iat: now(-120), nbf: now(-120) }, /exp/],
    ["no exp", { exp: undefined }, /exp/],
    ["not yet good", { nbf: now(120) }, /nbf/],
    ["made in the future", { iat: now(120) }, /iat/],
    ["no iat", { iat: undefined }, /iat/],
    [
      "too old, though it would be good for long",
      { iat: now(-4000), nbf: now(-4000), exp: now(9000) },
      /iat/,
    ],
    ["times as text", { exp: "tomorrow" }, /exp/],
  ];
  let here: Here;
  beforeAll(async () => {
    here = await start();
  });
  afterAll(() => here[Symbol.asyncDispose]());
  test.each(wrong)("attack 40: %s is refused", async (_, claims, reason) => {
    const token = here.issuer.mint({ ...run, ...claims });
    refused(await here.exchange(token));
    expect(await why(here, token)).toMatch(reason);
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
  });

  test("attack 40: clocks may differ by seconds", async () => {
    await using here = await start();
    const ahead = here.issuer.mint({ ...run, iat: now(10), nbf: now(10) });
    expect((await here.exchange(ahead)).status).toBe(201);
    const late = here.issuer.mint({ ...run, iat: now(-300), nbf: now(-300), exp: now(-10) });
    expect((await here.exchange(late)).status).toBe(201);
  });

  test("attack 40: yarn's audience, with the port, is ours too", async () => {
    await using here = await start();
    const token = here.issuer.mint({ ...run, aud: "npm:localhost:4873" });
    expect((await here.exchange(token)).status).toBe(201);
    refused(await here.exchange(here.issuer.mint({ ...run, aud: "npm:localhost:4874" })));
  });

  test("attack 40: the audience is that of the public address, whatever the request names", async () => {
    await using here = await start({
      "server.publicUrl": "https://npm.example.org/registry/",
      "server.signup": "open",
    });
    refused(await here.exchange(here.issuer.mint(run)));
    const right = { ...run, aud: "npm:npm.example.org" };
    expect((await here.exchange(here.issuer.mint(right))).status).toBe(201);
    const below = "/registry/-/npm/v1/oidc/token/exchange/package/@acme/ui";
    expect((await here.exchange(here.issuer.mint(right), below)).status).toBe(201);
  });

  test("attack 40: an audience of one's own takes the place of the usual one", async () => {
    await using here = await start({}, { audience: "citadel" });
    refused(await here.exchange(here.issuer.mint(run)));
    const right = { ...run, aud: "citadel" };
    expect((await here.exchange(here.issuer.mint(right))).status).toBe(201);
  });

  test("attack 40: what the settings want of every token is wanted beside what the package wants", async () => {
    await using here = await start({}, { claims: { repository_owner: "other" } });
    const token = here.issuer.mint(run);
    refused(await here.exchange(token));
    expect(await why(here, token)).toMatch(/repository_owner/);
  });
});

describe("attack 40 the signature", () => {
  test("attack 40: a wrong key under the right name is refused", async () => {
    await using here = await start();
    const [key] = here.issuer.keys as [Key];
    const token = here.issuer.mint(run, { key: { ...other, kid: key.kid } });
    refused(await here.exchange(token));
    expect(await why(here, token)).toMatch(/signature is wrong/);
  });

  test("attack 40: a changed content under the old signature is refused", async () => {
    await using here = await start();
    const [head, , signature] = here.issuer.mint({ ...run, repository: "eve/ui" }).split(".");
    const body = here.issuer.mint(run).split(".")[1];
    refused(await here.exchange(`${head}.${body}.${signature}`));
  });

  test("attack 40: alg none, and a public key as a shared secret, are refused", async () => {
    await using here = await start();
    for (const alg of ["none", "HS256"]) {
      const token = here.issuer.mint(run, { header: { alg } });
      refused(await here.exchange(token));
      expect(await why(here, token)).toMatch(/proves nothing/);
    }
    const none = here.issuer.mint(run, { header: { alg: "None", kid: undefined } });
    refused(await here.exchange(none));
  });

  test("attack 40: a key is good for its own algorithm only", async () => {
    await using here = await start();
    const token = here.issuer.mint(run, { header: { alg: "ES256" } });
    refused(await here.exchange(token));
    refused(await here.exchange(here.issuer.mint(run, { header: { alg: "PS256" } })));
  });

  test("attack 40: keys in the token itself count for nothing", async () => {
    await using here = await start();
    const jwk = { ...other.public.export({ format: "jwk" }), kid: other.kid };
    for (const header of [
      { jwk },
      { jku: "http://127.0.0.1:9/keys" },
      { crit: ["b64"], b64: false },
    ])
      refused(await here.exchange(here.issuer.mint(run, { key: other, header })));
  });

  test("attack 40: another kind of token of the same issuer is refused", async () => {
    await using here = await start();
    refused(await here.exchange(here.issuer.mint(run, { header: { typ: "at+jwt" } })));
  });

  test("attack 40: an unknown kid is refused, and many of them ask the issuer once", async () => {
    await using here = await start();
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
    const asked = () => here.issuer.asked.get("/jwks");
    expect(asked()).toBe(1);
    const tokens = Array.from({ length: 20 }, () => here.issuer.mint(run, { key: other }));
    for (const got of await Promise.all(tokens.map((token) => here.exchange(token)))) refused(got);
    expect(asked()).toBe(1);
    expect(await why(here, tokens[0] ?? "")).toMatch(/no such key/);
  });

  test("attack 40: nonsense is refused before anybody is asked", async () => {
    await using here = await start();
    for (const token of ["x", "a.b.c", "..", `${"a".repeat(20_000)}.b.c`, "npm_0123456789"])
      expect((await here.exchange(token)).status).toBe(401);
    const none = await here.ask("/-/npm/v1/oidc/token/exchange/package/@acme%2fui", {
      method: "POST",
    });
    expect(none.status).toBe(401);
    expect(here.issuer.asked.size).toBe(0);
  });

  test("attack 40: a token for a package without trust asks nobody, and says no more than for one that is not there", async () => {
    await using here = await start();
    await here.publish(here.owner, { name: "@acme/other", version: "1.0.0" });
    const at = (what: string) => `/-/npm/v1/oidc/token/exchange/package/${what}`;
    const token = here.issuer.mint(run);
    const [there, nowhere] = [
      await here.exchange(token, at("@acme%2fother")),
      await here.exchange(token, at("@acme%2fnothing")),
    ];
    refused(there);
    refused(nowhere);
    expect(here.issuer.asked.size).toBe(0);
  });
});

describe("attack 40 replay", () => {
  test("attack 40: a token counts once", async () => {
    await using here = await start();
    const token = here.issuer.mint(run);
    expect((await here.exchange(token)).status).toBe(201);
    refused(await here.exchange(token));
    expect(await why(here, token)).toMatch(/exchanged before/);
  });

  test("attack 40: also without jti, and of many at a time one wins", async () => {
    await using here = await start();
    const token = here.issuer.mint({ ...run, jti: undefined });
    const got = await Promise.all(Array.from({ length: 10 }, () => here.exchange(token)));
    expect(got.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  test("attack 40: a signature spelled in another way does not make a used token a new one", async () => {
    await using here = await start();
    const [key] = (here.issuer.keys = [newKey("ES256")]) as [Key];
    const token = here.issuer.mint({ ...run, jti: undefined }, { key });
    expect((await here.exchange(token)).status).toBe(201);
    const [head, body, signature = ""] = token.split(".");
    // of an ECDSA signature (r, s) the pair (r, n - s) is as good
    const bytes = Buffer.from(signature, "base64url");
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = n - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
    const other = Buffer.concat([
      bytes.subarray(0, 32),
      Buffer.from(s.toString(16).padStart(64, "0"), "hex"),
    ]).toString("base64url");
    expect(other).not.toBe(signature);
    const again = `${head}.${body}.${other}`;
    refused(await here.exchange(again));
    expect(await why(here, again)).toMatch(/exchanged before/);
  });

  test("attack 40: the same jti in another token is a replay", async () => {
    await using here = await start();
    const jti = "one";
    expect((await here.exchange(here.issuer.mint({ ...run, jti }))).status).toBe(201);
    refused(await here.exchange(here.issuer.mint({ ...run, jti, run_attempt: "2" })));
  });

  test("attack 40: two servers over one store refuse what the other one has taken", async () => {
    await using issuer = await testIssuer();
    const temp = await tempFolder("oidc");
    const env = {
      CITADEL_TRUST_ISSUERS: JSON.stringify(issuers(issuer)),
      CITADEL_STORE_DOCUMENTS: `sqlite:${join(temp.path, "registry.db")}`,
      CITADEL_STORE_BLOBS: `file:${join(temp.path, "blobs")}`,
    };
    const servers = await Promise.all(
      ["a", "b"].map((home) => serve({ home: join(temp.path, home), env })),
    );
    try {
      const [a, b] = servers.map(({ url }) => url) as [string, string];
      const owner = await signIn(a, "acme");
      const document = publishDocument(
        a,
        { name, version: "1.0.0" },
        pack({ name, version: "1.0.0" }),
      );
      const json = { "content-type": "application/json" };
      await request(`${a}/@acme%2fui`, {
        method: "PUT",
        token: owner,
        headers: json,
        body: JSON.stringify(document),
      });
      const body = [{ type: "github", claims: wanted, permissions: ["createPackage"] }];
      const made = await request(`${b}/-/package/@acme%2fui/trust`, {
        method: "POST",
        token: owner,
        headers: json,
        body: JSON.stringify(body),
      });
      expect(made.status, made.text()).toBe(201);
      const exchange = (url: string, token: string) =>
        request(`${url}/-/npm/v1/oidc/token/exchange/package/@acme%2fui`, {
          method: "POST",
          token,
        });
      const aud = "npm:localhost";
      const first = issuer.mint({ ...run, aud });
      expect((await exchange(a, first)).status).toBe(201);
      expect((await exchange(b, first)).status).toBe(401);
      for (let n = 0; n < 5; n++) {
        const token = issuer.mint({ ...run, aud });
        const got = await Promise.all([exchange(a, token), exchange(b, token)]);
        expect(new Set(got.map(({ status }) => status))).toEqual(new Set([201, 401]));
      }
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await temp.remove();
    }
  });
});

describe("attack 40 the issuer", () => {
  test("attack 40: keys that cannot be had are a 503 that says to try again", async () => {
    await using here = await start();
    here.issuer.answer = { status: 500 };
    const got = await here.exchange(here.issuer.mint(run));
    expect([got.status, got.json().code, got.headers.get("retry-after")]).toEqual([
      503,
      "E_ISSUER_UNAVAILABLE",
      "10",
    ]);
    expect(got.json().message).toContain("answers 500");
  });

  test("attack 40: an issuer that is down is a 503, and its known keys stay good for a while", async () => {
    await using here = await start();
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
    await here.issuer[Symbol.asyncDispose]();
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
    await using cold = await start();
    await cold.issuer[Symbol.asyncDispose]();
    expect((await cold.exchange(cold.issuer.mint(run))).status).toBe(503);
  });

  test("attack 40: an issuer whose document names another one, or no keys, is not believed", async () => {
    for (const about of [
      { issuer: "https://elsewhere.example", jwks_uri: "https://elsewhere.example/jwks" },
      { jwks_uri: "x" },
      {},
    ]) {
      await using here = await start();
      here.issuer.answer = { about };
      expect((await here.exchange(here.issuer.mint(run))).status).toBe(503);
    }
  });

  test("attack 40: a slash at the end of the issuer makes it another one", async () => {
    await using here = await start();
    refused(await here.exchange(here.issuer.mint({ ...run, iss: `${here.issuer.url}/` })));
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
  });

  test("attack 40: keys that are shared secrets, or to encrypt with, verify nothing", async () => {
    await using here = await start();
    const [key] = here.issuer.keys as [Key];
    const secret = { kty: "oct", kid: key.kid, k: Buffer.from("secret").toString("base64url") };
    const enc = { ...key.public.export({ format: "jwk" }), kid: key.kid, use: "enc" };
    here.issuer.answer = { keys: { keys: [secret, enc] } };
    refused(await here.exchange(here.issuer.mint(run)));
  });

  test("attack 10: an issuer on this machine is asked only when the settings say so", async () => {
    const issuer = await testIssuer();
    await expect(
      place({ "trust.issuers": [{ name: "github", issuer: issuer.url }] }),
    ).rejects.toThrow(/trust\.issuers/);
    const https = issuer.url.replace("http:", "https:");
    await using here = await start({ "trust.issuers": [{ name: "github", issuer: https }] });
    const got = await here.exchange(issuer.mint({ ...run, iss: https }));
    expect([got.status, got.json().message]).toEqual([
      503,
      expect.stringMatching(/not asked|private/),
    ]);
    expect(issuer.asked.size).toBe(0);
    await issuer[Symbol.asyncDispose]();
  });
});

describe("attack 40 names that change hands", () => {
  test("attack 40: a repository made anew under the old name is refused", async () => {
    await using here = await start();
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
    const anew = here.issuer.mint({ ...run, repository_id: "2002" });
    refused(await here.exchange(anew));
    expect(await why(here, anew)).toMatch(/gone to somebody else/);
    refused(await here.exchange(here.issuer.mint({ ...run, repository_owner_id: "8" })));
    refused(await here.exchange(here.issuer.mint({ ...run, repository_id: undefined })));
    expect((await here.exchange(here.issuer.mint(run))).status).toBe(201);
  });

  test("attack 45: a token dies with the trust that it came from", async () => {
    await using here = await start();
    const { token } = (await here.exchange(here.issuer.mint(run))).json();
    const gone = await here.ask(`/-/package/@acme%2fui/trust/${here.config}`, {
      method: "DELETE",
      token: here.owner,
    });
    expect(gone.status).toBe(204);
    expect((await here.publish(token, { name, version: "1.1.0" })).status).toBe(401);
    refused(await here.exchange(here.issuer.mint(run)));
  });
});

/** s since 1970, `seconds` from now */
function now(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
