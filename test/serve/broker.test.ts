// D4: secrets lent out by a server to those who hold no key, and what must not get one
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formsOf } from "@citadel/core/mask";
import { newIdentity, openVault, publicId, secretText, type AuditItem } from "@citadel/core/vault";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newKey, testIssuer, type TestIssuer } from "../servers/issuer.ts";
import { place, type Place, type Sent } from "./place.ts";

const value = "broker-canary-5e1f0c/value+1";
const audience = "secrets:localhost";
const run = {
  aud: audience,
  sub: "repo:acme/ui:environment:production",
  repository: "acme/ui",
  run_id: "42",
  event_name: "push",
};
const policy = {
  roles: {
    "user:bob": [
      { effect: "allow", actions: ["read", "list"], scopes: ["production"], names: ["db/*"] },
      { effect: "deny", actions: ["*"], names: ["db/root"] },
    ],
    "user:near": [
      { effect: "allow", actions: ["read"], when: { cidr: ["10.1.0.0/16"] } },
      { effect: "deny", actions: ["read"], when: { cidr: ["10.1.2.0/24"] } },
    ],
    "user:away": [{ effect: "allow", actions: ["read"], when: { viaBroker: false } }],
    "user:ended": [{ effect: "allow", actions: ["read"], when: { before: "2020-01-01" } }],
    "user:env": [{ effect: "allow", actions: ["read"], when: { env: ["dev"] } }],
    "team:acme:ops": [{ effect: "allow", actions: ["read"], names: ["db/url"] }],
    "oidc:github": [
      {
        effect: "allow",
        actions: ["read"],
        scopes: ["production"],
        when: { "oidc.sub": ["repo:acme/ui:environment:production"] },
      },
    ],
    // for members: whoever reaches the server is none
    "*": [{ effect: "allow", actions: ["read", "list"] }],
    server: [{ effect: "allow", actions: ["audit"] }],
    administrator: [{ effect: "allow", actions: ["*"] }],
  },
};

interface Here extends Place {
  readonly issuer: TestIssuer;
  readonly ann: ReturnType<typeof openVault>;
  get(name: string, sent?: Sent): ReturnType<Place["ask"]>;
  /** what the server handed out and denied, newest last */
  log(): Promise<readonly Extract<AuditItem, { kind: "access" }>["entry"][]>;
}

/** A server with an identity that opens `production` and `dev`, and the vault of an administrator elsewhere. */
async function start(settings: Readonly<Record<string, unknown>> = {}): Promise<Here> {
  const issuer = await testIssuer();
  const here = await place({
    "secrets.broker": true,
    "server.trustProxy": ["192.0.2.0/24"],
    "trust.issuers": [{ name: "github", issuer: issuer.url, private: true }],
    ...settings,
  });
  const [me, server] = await Promise.all([newIdentity(), newIdentity()]);
  const vaultOf = (known: typeof me, folder: string) =>
    openVault({
      store: here.citadel.store,
      ...{ folder, storeId: "ann", who: { name: "local", via: "cli" }, from: { known } },
      passphrase: () => Promise.reject(new Error("nobody is asked")),
    });
  const ann = vaultOf(me, join(here.folder, "ann"));
  await ann.init();
  const set = (scope: string, name: string, text: string, more: object = {}) =>
    ann.set({ scope, name }, Buffer.from(text), more);
  for (const name of ["db/url", "db/root", "api"]) await set("production", name, value);
  await set("production", "db/trap", "a value nobody reads", { canary: true });
  await set("dev", "a", "of dev");
  await set("secret", "a", "of a scope that the server does not open");
  await ann.setPolicy(JSON.stringify(policy));
  await ann.addMember(publicId(server.member), {
    ...{ name: "registry", kind: "machine", role: "server", scopes: ["production", "dev"] },
    until: Date.now() + 86_400_000,
  });
  const file = join(here.folder, "identity");
  await writeFile(file, secretText(server), { mode: 0o600 });
  process.env["CITADEL_IDENTITY_FILE"] = file;
  return {
    ...here,
    ...{ issuer, ann },
    get: (name, sent) => here.ask(`/_secrets/${name}`, sent),
    async log() {
      const own = vaultOf(server, join(here.citadel.dirs.config, "vault"));
      const { items } = await own.audit();
      return items.flatMap((item) => (item.kind === "access" ? item.entry : []));
    },
    async [Symbol.asyncDispose]() {
      await here[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

let here: Here;
const tokens = new Map<string, string>();
const token = (name: string): string => tokens.get(name) ?? "";
beforeAll(async () => {
  here = await start();
  for (const name of ["bob", "near", "away", "ended", "env", "eve", "carl", "limited"])
    tokens.set(name, await here.signIn(name));
});
afterAll(async () => {
  delete process.env["CITADEL_IDENTITY_FILE"];
  await here[Symbol.asyncDispose]();
});
const codeOf = (got: { text: string }): string => (JSON.parse(got.text) as { code: string }).code;

describe("D4: a server lends out secrets", () => {
  test("D4: a token gets what the rules say of its user, as it is or as JSON, kept by nobody, and that is on record", async () => {
    const got = await here.get("production/db/url", { token: token("bob") });
    expect([got.status, got.text]).toEqual([200, value]);
    expect(got.headers.get("cache-control")).toBe("no-store");
    expect(got.headers.get("x-content-type-options")).toBe("nosniff");
    expect(got.headers.get("etag")).toBeNull();
    expect(got.headers.get("x-citadel-version")).toBe("1");
    const entry = (await here.log()).at(-1);
    expect([entry?.op, entry?.n, entry?.caller]).toEqual([
      "lend",
      1,
      { who: "user:bob", address: "127.0.0.1" },
    ]);
    const headers = { accept: "application/json" };
    const more = await here.get("production/db/url?version=1", { token: token("bob"), headers });
    expect(more.json()).toEqual({
      ...{ scope: "production", name: "db/url", version: 1 },
      ...{ value, encoding: "utf8" },
    });
    const list = await here.get("production", { token: token("bob") });
    expect(list.json().items.map((one: { name: string }) => one.name)).toEqual([
      "db/trap",
      "db/url",
    ]);
    expect((await here.get("production", { token: token("eve") })).json().items).toEqual([]);
  });

  test("D4: a team has a role, and a token only for secrets is enough", async () => {
    const { accounts, orgs } = here.citadel;
    const by = { kind: "local", name: "local", admin: true } as const;
    const local = { principal: by, via: "cli" } as const;
    await orgs.setMember("acme", "carl", "owner", local);
    await orgs.createTeam("acme", "ops", "", local);
    await orgs.addToTeam("acme", "ops", "carl", local);
    const grant = { packages: "none", orgs: "none", manage: false, secrets: true } as const;
    const only = await accounts.issue("carl", { grant }, { name: "local", via: "cli" });
    expect((await here.get("production/db/url", { token: only.token })).text).toBe(value);
    expect((await here.get("production/api", { token: only.token })).status).toBe(403);
  });

  test("D4: a job without a token shows an ID token of its issuer, and the run is on record", async () => {
    const idToken = here.issuer.mint(run);
    for (const name of ["db/url", "api"])
      expect((await here.get(`production/${name}`, { token: idToken })).text).toBe(value);
    const { caller } = (await here.log()).at(-1) ?? {};
    expect(caller?.who).toBe("github:acme/ui");
    const { host } = new URL(here.issuer.url);
    expect(caller?.run).toBe(`https://${host}/acme/ui/actions/runs/42`);
  });

  test("D4: what raises an alert raises it here too", async () => {
    await here.get("production/db/trap", { token: token("bob") });
    const { items } = await here.ann.audit();
    expect(items.some((item) => item.kind === "change" && item.event.op === "alert")).toBe(true);
  });

  test("D4: nothing is there where nobody switched it on, and without an identity it says only that", async () => {
    await using off = await place();
    const bob = await off.signIn("bob");
    expect((await off.ask("/_secrets/production/db/url", { token: bob })).status).toBe(404);
    await using none = await place({ "secrets.broker": true });
    const eve = await none.signIn("eve");
    const got = await none.ask("/_secrets/production/db/url", { token: eve });
    expect([got.status, codeOf(got)]).toEqual([503, "E_BROKER"]);
  });
});

describe("vault attacks on the broker", () => {
  const denied = async (name: string, sent: Sent): Promise<readonly [number, string]> => {
    const got = await here.get(name, sent);
    expect(got.text).not.toContain(value);
    return [got.status, codeOf(got)];
  };
  const no = [403, "E_SECRET_DENIED"];

  test("vault attack 15: deny wins, what only members may is nobody's here, and a denial does not tell what there is", async () => {
    const before = (await here.log()).length;
    expect(await denied("production/db/root", { token: token("bob") })).toEqual(no);
    expect(await denied("production/db/url", { token: token("eve") })).toEqual(no);
    expect(await denied("production/db/none", { token: token("eve") })).toEqual(no);
    expect(await denied("nowhere/at/all", { token: token("eve") })).toEqual(no);
    expect(await denied("production/db/url", { token: token("away") })).toEqual(no);
    expect(await denied("production/db/url", { token: token("ended") })).toEqual(no);
    expect(await denied("production/api", { token: token("env") })).toEqual(no);
    expect(await denied("secret/a", { token: token("env") })).toEqual(no);
    expect((await here.get("dev/a", { token: token("env") })).text).toBe("of dev");
    const got = await here.get("production/db/none", { token: token("bob") });
    expect([got.status, codeOf(got)]).toEqual([404, "E_SECRET_NOT_FOUND"]);
    const entries = (await here.log()).slice(before).filter(({ op }) => op === "deny");
    expect(entries.map(({ why, caller }) => [why, caller?.who])).toEqual([
      ["user:bob[1]", "user:bob"],
      ...Array.from({ length: 3 }, () => ["none", "user:eve"]),
      ["none", "user:away"],
      ["none", "user:ended"],
      ["none", "user:env"],
      ["key", "user:env"],
    ]);
  });

  test("vault attack 15: an address counts from the socket and from named proxies, whatever else a request says", async () => {
    const from = (address: string, headers: Readonly<Record<string, string>> = {}) =>
      here.get("production/api", { token: token("near"), from: address, headers });
    const spoof = { "x-forwarded-for": "10.1.9.9" };
    expect((await from("10.1.9.9")).text).toBe(value);
    expect((await from("::ffff:10.1.9.9")).text).toBe(value);
    expect((await from("192.0.2.7", spoof)).text).toBe(value);
    for (const [address, headers] of [
      ["10.2.0.1", {}],
      ["10.1.2.3", {}],
      ["::ffff:10.1.2.3", {}],
      ["198.51.100.1", spoof],
      ["127.0.0.1", spoof],
      ["10.2.0.1", { ...spoof, forwarded: "for=10.1.9.9", "x-real-ip": "10.1.9.9" }],
      ["192.0.2.7", { "x-forwarded-for": "10.1.9.9, 198.51.100.1" }],
      ["192.0.2.7", { "x-forwarded-for": "010.1.9.9" }],
      ["192.0.2.7", { "x-forwarded-for": "10.1" }],
      // it was passed on by somebody whom nobody named: the true address is not known
      ["10.1.9.9", { "x-forwarded-for": "198.51.100.1" }],
    ] as const) {
      const got = await from(address, headers);
      expect([got.status, codeOf(got)], `${address} ${JSON.stringify(headers)}`).toEqual(no);
    }
  });

  test("vault attack 15: an ID token with another claim, audience, issuer, key or purpose gets nothing", async () => {
    const stranger = await testIssuer();
    const { issuer } = here;
    const refused: readonly string[] = [
      issuer.mint({ ...run, aud: "npm:localhost" }),
      issuer.mint({ ...run, aud: [audience, "npm:localhost"] }),
      issuer.mint({ ...run, exp: 1 }),
      issuer.mint(run, { key: newKey() }),
      issuer.mint(run, { header: { alg: "none" } }),
      issuer.mint(run, { header: { alg: "HS256" } }),
      issuer.mint({ ...run, event_name: "pull_request_target" }),
    ];
    for (const idToken of refused)
      expect(await denied("production/db/url", { token: idToken })).toEqual([
        401,
        "E_TRUST_REFUSED",
      ]);
    for (const sub of ["repo:acme/ui:environment:production2", "repo:acme/ui:pull", undefined])
      expect(await denied("production/db/url", { token: issuer.mint({ ...run, sub }) })).toEqual(
        no,
      );
    const foreign = stranger.mint(run);
    expect((await denied("production/db/url", { token: foreign }))[0]).toBe(401);
    await stranger[Symbol.asyncDispose]();
  });

  test("vault attack 15: passwords, nobody, limited tokens and pages of other sites get nothing", async () => {
    const basic = `Basic ${Buffer.from("bob:correct horse 1").toString("base64")}`;
    expect(await denied("production/db/url", {})).toEqual([401, "E_AUTH_REQUIRED"]);
    expect((await denied("production/db/url", { headers: { authorization: basic } }))[0]).toBe(401);
    expect((await denied("production/db/url", { token: "npm_none" }))[0]).toBe(401);
    const grant = { packages: "write", orgs: "none", manage: false } as const;
    const who = { name: "local", via: "cli" } as const;
    const lent = await here.citadel.accounts.issue("bob", { grant }, who);
    expect(await denied("production/db/url", { token: lent.token })).toEqual([403, "E_FORBIDDEN"]);
    const bob = token("bob");
    const origin = { origin: "https://evil.example" };
    expect((await denied("production/db/url", { token: bob, headers: origin }))[1]).toBe(
      "E_CROSS_ORIGIN",
    );
    for (const path of ["production/..%2fdb", "production/db//url", "production/%00"])
      expect((await here.get(path, { token: bob })).status, path).toBe(400);
    expect((await here.get("production/db/url?version=0", { token: bob })).status).toBe(400);
    const head = await here.get("production/db/url", { token: bob, method: "HEAD" });
    expect(head.status).toBe(400);
  });

  test("vault attack 9: values and names are in no metric, log line or error, nor anywhere in the folder of the server", async () => {
    const { shared } = await here.ask("/metrics").then((got) => ({ shared: got.text }));
    expect(shared).not.toContain("db/url");
    const forms = formsOf(Buffer.from(value));
    for (const one of await readdir(here.folder, { recursive: true, withFileTypes: true })) {
      if (!one.isFile()) continue;
      const content = await readFile(join(one.parentPath, one.name));
      expect(
        forms.some((form) => content.includes(form)),
        one.name,
      ).toBe(false);
    }
  });

  test("vault attack 15: who guesses is stopped, and is not let through by being right once", async () => {
    const eve = { token: token("eve") };
    const codes = new Set<string>();
    for (let n = 0; n < 40; n++) codes.add(codeOf(await here.get(`production/db/${n}`, eve)));
    expect([...codes]).toEqual(["E_SECRET_DENIED", "E_RATE_LIMIT"]);
    expect((await here.get("production/db/url", { token: token("bob") })).status).toBe(200);
  });

  test("vault attack 9: nothing is handed out that cannot be put on record", async () => {
    const folder = join(here.citadel.dirs.config, "vault");
    const [log = ""] = (await readdir(folder)).filter((name) => /^access-.*\.db$/.test(name));
    await rename(join(folder, log), join(folder, "kept"));
    await writeFile(join(folder, log), "this is no database, and never was one".repeat(9));
    const got = await here.get("production/db/url", { token: token("bob") });
    expect([got.status, codeOf(got)]).toEqual([500, "E_ACCESS_LOG"]);
    await rename(join(folder, "kept"), join(folder, log));
    expect((await here.get("production/db/url", { token: token("bob") })).status).toBe(200);
  });
});
