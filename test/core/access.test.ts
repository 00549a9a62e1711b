import crypto from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  anonymous,
  checkUserName,
  createAccounts,
  local,
  may,
  readOnly,
  type Grant,
  type OrgRole,
  type Principal,
  type Target,
} from "@citadel/core/access";
import { kinds } from "@citadel/core/kinds";

import { until } from "../support/until.ts";
import { codeOf, drivers, place } from "./registry-harness.ts";

const alice: Principal = { kind: "user", name: "alice", admin: false };
const narrow: Grant = { packages: "write", names: ["@acme/*"], orgs: "none", manage: true };
const member = (role: OrgRole): Principal => ({ ...alice, orgs: new Map([["acme", role]]) });
const inTeam: Principal = { ...alice, teams: new Set(["acme:core"]) };
const free = (owner?: string): Target => ({
  name: "p",
  owners: undefined,
  ...(owner !== undefined && { scope: { kind: "user", name: owner } }),
});
const owned = (...owners: string[]): Target => ({ name: "p", owners });
const acme: Target = {
  name: "@acme/p",
  owners: ["bob"],
  scope: { kind: "org", name: "acme" },
};

describe("may", () => {
  test.each<[string, Principal, Target, closed: boolean, open: boolean]>([
    ["an owner", alice, owned("bob", "alice"), true, true],
    ["a stranger", alice, owned("bob"), false, false],
    [
      "a stranger who has the scope",
      alice,
      { ...owned("bob"), scope: { kind: "user", name: "alice" } },
      false,
      false,
    ],
    ["anybody signed in, on a free name", alice, free(), true, true],
    ["the holder of the scope", alice, free("alice"), true, true],
    ["a stranger to the scope", alice, free("bob"), false, false],
    ["a package of the operating-system user", alice, owned("local"), false, true],
    ["a scope of the operating-system user", alice, free("local"), false, true],
    ["a package that nobody owns", alice, owned(), false, false],
    ["an administrator", { ...alice, admin: true }, owned("bob"), true, true],
    [
      "an administrator with a read-only token",
      { ...alice, admin: true, grant: readOnly },
      owned("bob"),
      false,
      false,
    ],
    [
      "an owner with a read-only token",
      { ...alice, grant: readOnly },
      owned("alice"),
      false,
      false,
    ],
    [
      "an owner with a token for something else",
      { ...alice, grant: narrow },
      owned("alice"),
      false,
      false,
    ],
    [
      "an owner with a token for it",
      { ...alice, grant: narrow },
      { ...acme, owners: ["alice"] },
      true,
      true,
    ],
    ["an owner of the organisation", member("owner"), acme, true, true],
    ["an admin of the organisation", member("admin"), acme, true, true],
    ["a developer of the organisation", member("developer"), acme, false, false],
    [
      "a developer, on a free name",
      member("developer"),
      { ...acme, owners: undefined },
      true,
      true,
    ],
    ["a stranger, on a free name of it", alice, { ...acme, owners: undefined }, false, false],
    [
      "an owner of another organisation",
      member("owner"),
      { ...acme, scope: { kind: "org", name: "b" } },
      false,
      false,
    ],
    [
      "a team that writes",
      inTeam,
      { ...acme, teams: new Map([["acme:core", "write"]]) },
      true,
      true,
    ],
    [
      "a team that reads",
      inTeam,
      { ...acme, teams: new Map([["acme:core", "read"]]) },
      false,
      false,
    ],
    ["another team", inTeam, { ...acme, teams: new Map([["acme:docs", "write"]]) }, false, false],
    ["a job for the package", { ...alice, kind: "job", grant: narrow }, acme, true, true],
    [
      "a job for another one",
      { ...alice, kind: "job", grant: narrow },
      owned("alice"),
      false,
      false,
    ],
    ["the operating-system user", local, owned("bob"), true, true],
    ["nobody on a free name", anonymous, free(), false, false],
    ["nobody on what the operating-system user owns", anonymous, owned("local"), false, false],
    ["a claim to have no name", anonymous, owned(""), false, false],
  ])("H8: %s", (_, principal, target, closed, open) => {
    expect(may(principal, "write", target, { open: false })).toBe(closed);
    expect(may(principal, "write", target, { open: true })).toBe(open);
    expect(may(principal, "read", target, { open: false })).toBe(true);
  });

  test.each<[string, Principal, Target, boolean]>([
    ["nobody", anonymous, acme, false],
    ["a stranger", alice, acme, false],
    ["an owner", { ...alice, name: "bob" }, acme, true],
    ["an owner with a read-only token", { ...alice, name: "bob", grant: readOnly }, acme, true],
    [
      "an owner with a token for something else",
      { ...alice, grant: narrow },
      owned("alice"),
      false,
    ],
    ["a developer of the organisation", member("developer"), acme, false],
    ["an admin of the organisation", member("admin"), acme, true],
    ["a team that reads", inTeam, { ...acme, teams: new Map([["acme:core", "read"]]) }, true],
    ["another team", inTeam, { ...acme, teams: new Map([["acme:docs", "read"]]) }, false],
    ["an administrator", { ...alice, admin: true }, acme, true],
  ])("H8: a restricted package and %s", (_, principal, target, expected) => {
    const restricted: Target = { ...target, visibility: "restricted" };
    expect(may(principal, "read", restricted, { open: true })).toBe(expected);
  });

  test.each<[string, Principal, Target, boolean]>([
    ["an owner", { ...alice, name: "bob" }, acme, true],
    ["a team that writes", inTeam, { ...acme, teams: new Map([["acme:core", "write"]]) }, false],
    ["an admin of the organisation", member("admin"), acme, true],
    ["a job", { ...alice, kind: "job", grant: { ...narrow, manage: false } }, acme, false],
    [
      "an owner with a token that must not",
      { ...alice, name: "bob", grant: { ...narrow, manage: false } },
      acme,
      false,
    ],
  ])("H8: owners and visibility, and %s", (_, principal, target, expected) => {
    expect(may(principal, "admin", target, { open: false })).toBe(expected);
  });
});

describe("user names", () => {
  test.each(["a", "alice", "a-b_c.d~e", "constructor", "0"])("%s is one", (name) => {
    expect(checkUserName(name)).toBe(name);
  });
  test.each(
    [
      [
        "",
        "Alice",
        ".a",
        "a b",
        "a/b",
        "../a",
        "é",
        "a'",
        "a%2f",
        "a\0",
        "a:b",
        "@a",
        "a".repeat(215),
      ],
      ["__proto__", "local", "anonymous", "system", null, undefined, 1, {}, ["a"]],
    ].flat(),
  )("%j is none", (name) => {
    expect(() => checkUserName(name)).toThrow(expect.objectContaining({ code: "E_INVALID_NAME" }));
  });
});

describe.each(drivers)("B3 accounts on %s", (driver) => {
  const who = { name: "somebody", via: "npm" } as const;
  const open = { signup: true, who };
  const closed = { signup: false, who };

  test("sign up, log in, use the token, log out", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    const first = await accounts.login({ name: "alice", password: "secret", email: "a@b.c" }, open);
    expect(first).toMatchObject({
      created: true,
      token: expect.stringMatching(/^npm_[A-Za-z\d]{36,48}$/) as unknown,
    });
    const second = await accounts.login({ name: "alice", password: "secret" }, closed);
    expect(second.created).toBe(false);
    expect(second.token).not.toBe(first.token);
    const principal = await accounts.byToken(first.token);
    expect(principal).toMatchObject({ kind: "user", name: "alice", admin: false });
    expect(principal.token).toMatch(/^[\da-f]{64}$/);
    expect(await accounts.byPassword("alice", "secret")).toMatchObject({ name: "alice" });
    expect(await accounts.user("alice")).toMatchObject({ email: "a@b.c", admin: false });

    expect(await accounts.revoke(first.token, who)).toBe(true);
    expect(await accounts.revoke(first.token, who)).toBe(false);
    expect(await accounts.revoke("npm_nothing", who)).toBe(false);
    expect(await codeOf(accounts.byToken(first.token))).toBe("E_TOKEN_REVOKED");
    expect(await accounts.byToken(second.token)).toMatchObject({ name: "alice" });
    expect(await Array.fromAsync(store.verify({ kinds: kinds() }))).toEqual([]);
  });

  test("attack 37: an unknown name and a wrong password are answered alike", async () => {
    await using at = await place(driver);
    const { accounts } = at;
    await accounts.login({ name: "alice", password: "secret" }, open);
    const attempts = [
      accounts.byPassword("alice", "wrong"),
      accounts.byPassword("nobody", "wrong"),
      accounts.byPassword("__proto__", "wrong"),
      accounts.byPassword("é".repeat(900), "wrong"),
      accounts.byPassword("alice", ""),
      accounts.byPassword("alice", null as unknown as string),
      accounts.byPassword({} as unknown as string, "wrong"),
      accounts.login({ name: "alice", password: "wrong" }, open),
    ];
    const answers = await Promise.allSettled(attempts);
    const messages = answers.map((answer) => answer.status === "rejected" && String(answer.reason));
    expect(new Set(messages).size).toBe(1);
    for (const attempt of attempts) expect(await codeOf(attempt)).toBe("E_AUTH_INVALID");
    expect((await accounts.user("alice"))?.tokens).toHaveLength(1);
  });

  test("sign-up can be closed, and refuses what is no account", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    expect(await codeOf(accounts.login({ name: "alice", password: "p" }, closed))).toBe(
      "E_AUTH_INVALID",
    );
    for (const name of ["__proto__", "local", "Alice", "../x"])
      expect(await codeOf(accounts.login({ name, password: "p" }, open))).toBe("E_INVALID_NAME");
    for (const password of ["", "x".repeat(1025), null, 5])
      expect(await codeOf(accounts.login({ name: "a", password: password as string }, open))).toBe(
        "E_INVALID_DOCUMENT",
      );
    for (const email of ["x", "a@b\n", {}])
      expect(
        await codeOf(accounts.login({ name: "a", password: "p", email: email as string }, open)),
      ).toBe("E_INVALID_DOCUMENT");
    expect((await store.driver.list({ prefix: "d/" })).entries).toEqual([]);
    expect((await store.driver.list({ prefix: "h/" })).entries).toEqual([]);
  });

  test("neither passwords nor tokens are stored, and nobody becomes an administrator by being first", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    const { token } = await accounts.login({ name: "alice", password: "correct horse" }, open);
    const { entries } = await store.driver.list({});
    for (const { key } of entries) {
      const body = Buffer.from((await store.driver.get(key))!.body).toString();
      for (const secret of [token, token.slice(4), "correct horse"])
        expect(key + body).not.toContain(secret);
    }
    const user = await accounts.user("alice");
    expect(user?.password).toMatch(
      typeof crypto.argon2 === "function"
        ? /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$=]{22}\$[^$=]{43}$/
        : /^\$scrypt\$/,
    );
    expect(user?.admin).toBe(false);
  });

  test("of two sign-ups of one name one makes the account, the other must know its password", async () => {
    await using at = await place(driver);
    const results = await Promise.allSettled(
      ["one", "two", "three"].map((password) =>
        at.accounts.login({ name: "alice", password }, open),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const same = await Promise.all(
      [1, 2, 3].map(() => at.accounts.login({ name: "bob", password: "same" }, open)),
    );
    expect(same.filter(({ created }) => created)).toHaveLength(1);
    for (const { token } of same)
      expect(await at.accounts.byToken(token)).toMatchObject({ name: "bob" });
  });

  test("attack 45: a token counts only while its user lists it", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    const { token } = await accounts.login({ name: "alice", password: "p" }, open);
    const { token: id = "" } = await accounts.byToken(token);
    const userKind = kinds().find(({ name }) => name === "user")!;
    await store.ledger(userKind).change("alice", who, () => [{ type: "untoken", ids: [id] }]);
    expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_REVOKED");
  });

  test("B3: a token with a name, a grant, addresses and an expiry is what it says, and no more", async () => {
    await using at = await place(driver);
    const { accounts } = at;
    await accounts.create({ name: "alice", password: "p", admin: true }, who);
    const { token, info } = await accounts.issue(
      "alice",
      {
        name: "ci",
        description: "of the build",
        grant: { ...readOnly, names: ["@acme/*"] },
        cidr: ["10.0.0.0/8", "2001:db8::/32"],
        expires: Date.now() + 60_000,
        automation: true,
      },
      who,
    );
    expect(info).toMatchObject({ name: "ci", prefix: token.slice(0, 8), session: false });
    expect(await accounts.byToken(token, { address: "::ffff:10.1.2.3" })).toEqual({
      kind: "user",
      name: "alice",
      admin: false,
      automation: true,
      token: info.key,
      grant: { ...readOnly, names: ["@acme/*"] },
    });
    expect(await codeOf(accounts.byToken(token, { address: "11.0.0.1" }))).toBe("E_TOKEN_ADDRESS");
    expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_ADDRESS");
    const soon = await accounts.issue("alice", { expires: Date.now() + 50 }, who);
    await until(async () => (await codeOf(accounts.byToken(soon.token))) === "E_TOKEN_EXPIRED");
    for (const request of [
      { cidr: ["10.0.0.0/33"] },
      { cidr: ["nonsense"] },
      { expires: 1 },
      { expires: Number.NaN },
      { name: "x".repeat(201) },
    ])
      expect(await codeOf(accounts.issue("alice", request, who))).toBe("E_INVALID_DOCUMENT");
    expect(await codeOf(accounts.issue("nobody", {}, who))).toBe("E_USER_NOT_FOUND");
  });

  test("B3: lists of tokens, with their last use, and revoking by key", async () => {
    await using at = await place(driver);
    const { accounts } = at;
    await accounts.create({ name: "alice", password: "p" }, who);
    const made = [];
    for (const name of ["a", "b", "c"]) made.push(await accounts.issue("alice", { name }, who));
    await accounts.byToken(made[1]!.token);
    const first = await accounts.tokens("alice", { limit: 2 });
    expect(first.items.map(({ name }) => name)).toEqual(["c", "b"]);
    expect(first.total).toBe(3);
    expect(first.items[0]).not.toHaveProperty("lastUsed");
    expect(first.items[1]!.lastUsed! % 60_000).toBe(0);
    const rest = await accounts.tokens("alice", { after: first.next! });
    expect(rest).toMatchObject({ items: [{ name: "a" }], total: 3 });
    expect(rest).not.toHaveProperty("next");
    expect(JSON.stringify([first, rest])).not.toContain(made[0]!.token);

    await accounts.create({ name: "bob", password: "p" }, who);
    expect(await accounts.revokeKey("bob", made[0]!.info.key, who)).toBe(false);
    expect(await accounts.revokeKey("alice", made[0]!.info.key, who)).toBe(true);
    expect(await codeOf(accounts.byToken(made[0]!.token))).toBe("E_TOKEN_REVOKED");
    // another server over the same store sees what this one noted
    await accounts.close();
    const other = createAccounts(at);
    expect((await other.tokens("alice")).items[1]!.lastUsed! % 60_000).toBe(0);
    await other.close();
  });

  test("H6: a token of a job has no account, a grant and an end", async () => {
    await using at = await place(driver);
    const { accounts } = at;
    const grant = { packages: "write", names: ["p"], orgs: "none", manage: false } as const;
    const trusted = { id: "ci", oidcConfigId: "oidc:1" };
    const { token, info } = await accounts.issueJob(
      { principal: "ci:acme/p", trusted, grant, expires: Date.now() + 60_000 },
      who,
    );
    expect(await accounts.byToken(token)).toEqual({
      kind: "job",
      name: "ci:acme/p",
      admin: false,
      automation: true,
      token: info.key,
      grant,
      trusted,
    });
    expect(await accounts.revoke(token, who)).toBe(true);
    expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_REVOKED");
  });

  test("attack 45: a token is worth what its user is at the moment of asking", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    await accounts.create({ name: "alice", password: "p", admin: true }, who);
    const { token } = await accounts.issue("alice", {}, who);
    expect(await accounts.byToken(token)).toMatchObject({ admin: true });
    await accounts.setAdmin("alice", false, who);
    expect(await accounts.byToken(token)).toMatchObject({ admin: false });
    await accounts.setDisabled("alice", true, who);
    expect(await codeOf(accounts.byToken(token))).toBe("E_AUTH_INVALID");
    expect(await codeOf(accounts.byPassword("alice", "p"))).toBe("E_AUTH_INVALID");
    await accounts.setDisabled("alice", false, who);
    expect(await accounts.byToken(token)).toMatchObject({ name: "alice" });
    await accounts.setPassword("alice", "q", who);
    expect(await codeOf(accounts.byToken(token))).toBe("E_TOKEN_REVOKED");
    const again = await accounts.issue("alice", {}, who);
    await accounts.remove("alice", who);
    expect(await codeOf(accounts.byToken(again.token))).toBe("E_AUTH_INVALID");
    expect(await accounts.user("alice")).toBeUndefined();
    // nobody takes over what the name owns
    expect(await codeOf(accounts.login({ name: "alice", password: "x" }, open))).toBe(
      "E_AUTH_INVALID",
    );
    await accounts.create({ name: "alice", password: "r" }, who);
    expect(await codeOf(accounts.byToken(again.token))).toBe("E_TOKEN_REVOKED");
    expect(await accounts.user("alice")).toMatchObject({ admin: false, disabled: false });
    expect(await Array.fromAsync(store.verify({ kinds: kinds() }))).toEqual([]);
  });

  test("attack 42: from the first administrator on the registry knows that it has one", async () => {
    await using at = await place(driver);
    const { accounts } = at;
    await accounts.login({ name: "alice", password: "p" }, open);
    expect(await accounts.administered()).toBe(false);
    await accounts.setAdmin("alice", true, who);
    expect(await accounts.administered()).toBe(true);
    expect(await codeOf(accounts.create({ name: "alice", password: "p" }, who))).toBe(
      "E_USER_EXISTS",
    );
    await accounts.create({ name: "bob", password: "p" }, who);
    expect((await accounts.list()).items.map(({ name }) => name)).toEqual(["alice", "bob"]);
    expect(await accounts.list({ limit: 1 })).toMatchObject({ next: "alice" });
  });

  test("a hash with other parameters still opens the account and is renewed on login", async () => {
    await using at = await place(driver);
    const { accounts, store } = at;
    const salt = Buffer.from("0123456789abcdef");
    const hash = crypto.scryptSync("old", salt, 32, { N: 2 ** 14, r: 8, p: 1 });
    const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
    const password = `$scrypt$ln=14,r=8,p=1$${text(salt)}$${text(hash)}`;
    const userKind = kinds().find(({ name }) => name === "user")!;
    await store
      .ledger(userKind)
      .change("alice", who, () => [{ type: "create", email: "", password }]);
    expect(await codeOf(accounts.byPassword("alice", "new"))).toBe("E_AUTH_INVALID");
    await accounts.login({ name: "alice", password: "old" }, closed);
    const renewed = (await accounts.user("alice"))?.password;
    expect(renewed).not.toBe(password);
    await accounts.login({ name: "alice", password: "old" }, closed);
    expect((await accounts.user("alice"))?.password).toBe(renewed);
  });
});
