import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { citadelEnv, serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { pack, publishDocument, put, signIn } from "../support/packages.ts";
import { bin } from "../cli/cli.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("registry-people");
const home = join(folder.path, "home");
let server: Server;
beforeAll(async () => {
  server = await serve({ home });
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});

/** Runs a command with `--json`. */
const ask = async (args: readonly string[], input?: string) => {
  const ran = await citadel(home, [...args, "--json"], input === undefined ? {} : { input });
  return { ...ran, json: JSON.parse(ran.stdout) as Record<string, any> };
};
const make = async (args: readonly string[]) =>
  (await ask(["registry:token:create", ...args])).json as { token: string; key: string };
const whoami = async (token: string) => {
  const answer = await request(`${server.url}/-/whoami`, { token });
  return answer.status === 200 ? (answer.json() as { username: string }).username : answer.status;
};
const publish = async (name: string, token: string) => {
  const manifest = { name, version: "1.0.0" };
  return (await put(server.url, token, publishDocument(server.url, manifest, pack(manifest))))
    .status;
};

describe("people and tokens at the command line", () => {
  test("C1, H8, attack 42: the first administrator; from then on nobody signs up", async () => {
    expect(await signIn(server.url, "early")).toMatch(/^\w/);
    const ran = await citadel(home, ["token", "create", "--admin"]);
    expect(ran.code).toBe(0);
    const token = ran.stdout.trim();
    expect(token).toMatch(/^npm_\w{40}$/);
    expect(ran.stderr).not.toContain(token);
    expect(ran.stderr).toContain("made the administrator admin");
    expect(await whoami(token)).toBe("admin");
    await expect(signIn(server.url, "late")).rejects.toThrow(/40[13]/);
    // whoever was here stays
    expect(await signIn(server.url, "early")).toMatch(/^\w/);
    const { json } = await ask(["registry:user:list"]);
    expect(json["items"]).toMatchObject([
      { name: "admin", admin: true, disabled: false, tokens: 1 },
      { name: "early", admin: false, tokens: 2 },
    ]);
  });

  test("H8, E6, attack 45: an account with a made-up password, a new one, locked out, removed", async () => {
    const made = await ask(["registry:user:create", "ada", "--generate", "--email", "a@x.org"]);
    const token = await signIn(server.url, "ada", made.json["password"] as string);
    expect(await whoami(token)).toBe("ada");

    expect((await ask(["registry:user:disable", "ada"])).json).toEqual({
      name: "ada",
      disabled: true,
    });
    expect(await whoami(token)).toBe(401);
    await ask(["registry:user:disable", "ada", "--undo"]);
    expect(await whoami(token)).toBe("ada");

    const profile = async (tfa: unknown) => {
      const body = JSON.stringify({ tfa });
      const url = `${server.url}/-/npm/v1/user`;
      return (await request(url, { method: "POST", token, body })).json() as { tfa: string };
    };
    const begun = await profile({ mode: "auth-only", password: made.json["password"] });
    await profile([authenticator(begun.tfa).code()]);
    await expect(signIn(server.url, "ada", made.json["password"] as string)).rejects.toThrow(/401/);
    await ask(["registry:user:end-2fa", "ada"]);
    await signIn(server.url, "ada", made.json["password"] as string);

    const secret = "a secret that nobody sees";
    const given = ["registry:user:passwd", "ada", "--password-file", "-"];
    const changed = await citadel(home, given, { input: `${secret}\n` });
    expect(changed).toMatchObject({ code: 0, stdout: "" });
    expect(changed.output).not.toContain(secret);
    expect(await whoami(token)).toBe(401);
    const again = await signIn(server.url, "ada", secret);

    expect((await ask(["registry:user:delete", "ada"])).json).toMatchObject({
      error: { code: "E_USAGE", hint: ["pass --confirm=ada"] },
    });
    expect((await ask(["registry:user:delete", "ada", "--confirm=ada"])).json).toEqual({
      name: "ada",
    });
    expect(await whoami(again)).toBe(401);
    await expect(signIn(server.url, "ada", secret)).rejects.toThrow(/40[13]/);
  });

  test("B3, E6: tokens for packages, for reading, for addresses, that expire; revoked at once", async () => {
    await ask(["registry:user:create", "ci", "--generate"]);
    const free = await make(["--user", "ci", "--name", "all"]);
    expect(await publish("free", free.token)).toBe(201);
    const narrow = await make(["--user", "ci", "--automation", "--package", "only-*"]);
    expect(await publish("only-a", narrow.token)).toBe(201);
    expect(await publish("other", narrow.token)).toBe(403);
    const reader = await make(["--user", "ci", "--read-only", "--expires", "30d"]);
    expect(await whoami(reader.token)).toBe("ci");
    expect(await publish("other", reader.token)).toBe(403);
    const far = await make(["--user", "ci", "--cidr", "203.0.113.0/24"]);
    expect(await whoami(far.token)).toBeOneOf([401, 403]);

    const { items } = (await ask(["registry:token:list", "--user", "ci"])).json as {
      items: { key: string; name: string; expires: string | null; cidr: string[] }[];
    };
    expect(items).toHaveLength(4);
    expect(items.map(({ cidr }) => cidr)).toContainEqual(["203.0.113.0/24"]);
    expect(JSON.stringify(items)).not.toContain(free.token);
    expect(Date.parse(items.find(({ key }) => key === reader.key)?.expires ?? "")).toBeGreaterThan(
      Date.now() + 29 * 86_400_000,
    );
    const text = await citadel(home, ["registry:token:list"]);
    expect(text.stdout).toMatch(/^\w{64}\tci\tall\teverything\t/m);
    expect((await ask(["registry:token:revoke", free.key.slice(0, 12)])).json).toMatchObject({
      ...{ key: free.key, user: "ci" },
    });
    expect(await whoami(free.token)).toBe(401);
  });

  test("C1, attack 45: an administrator's token is none unless asked for; made one and back", async () => {
    await ask(["registry:user:create", "chief", "--generate"]);
    await ask(["registry:user:admin", "chief"]);
    const plain = await make(["--user", "chief"]);
    const full = await make(["--user", "chief", "--admin"]);
    expect(await publish("chiefs", plain.token)).toBe(201);
    const others = (token: string) =>
      request(`${server.url}/-/package/free/dist-tags/next`, {
        ...{ method: "PUT", token, body: '"1.0.0"' },
        headers: { "content-type": "application/json" },
      });
    expect((await others(plain.token)).status).toBe(403);
    expect((await others(full.token)).status).toBeLessThan(300);
    await ask(["registry:user:admin", "chief", "--undo"]);
    expect((await others(full.token)).status).toBe(403);
  });

  test("E6: what the registry is", async () => {
    const { json } = await ask(["registry:info"]);
    expect(json).toMatchObject({
      store: { compression: "zstd", freshness: { boundMs: 0 } },
      server: { port: 4873, signup: "auto" },
      ...{ current: true, packages: 3, versions: 3, users: 4 },
    });
  });

  test("a password is asked for on a terminal, and not shown", async () => {
    const words = [process.execPath, bin, "registry:user:create", "typed"].map((one) => `'${one}'`);
    const ran = await run(
      "script",
      ["-qec", `stty cols 80 rows 24; ${words.join(" ")}`, "/dev/null"],
      {
        env: citadelEnv(home, { TERM: "xterm" }),
        answers: [[/New password/, "typed secret 1\r"]],
      },
    );
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).not.toContain("typed secret 1");
    expect(await signIn(server.url, "typed", "typed secret 1")).toMatch(/^\w/);
  });

  test("C1: an API key of a user, with an end and without the account", async () => {
    const { json } = await ask([
      "token:create",
      "--user",
      "ci",
      "--api-key",
      "--package",
      "@key/*",
    ]);
    const { token, expires } = json as { token: string; expires: string };
    expect(token).toMatch(/^ctdl_[\w-]{49}$/);
    expect(Math.round((Date.parse(expires) - Date.now()) / 86_400_000)).toBe(90);
    expect(await whoami(token)).toBe("ci");
    expect(await publish("@key/one", token)).toBe(201);
    expect(await publish("@other/one", token)).toBe(403);
  });

  test.each([
    ["no user named", ["registry:token:create"], "E_USAGE"],
    ["no such user", ["registry:token:create", "--user", "nobody"], "E_USER_NOT_FOUND"],
    ["nor for a list", ["registry:token:list", "--user", "nobody"], "E_USER_NOT_FOUND"],
    ["no time", ["registry:token:create", "--user", "ci", "--expires", "soon"], "E_USAGE"],
    ["no pattern", ["registry:token:create", "--user", "ci", "--package", "a b"], "E_USAGE"],
    ["no block", ["registry:token:create", "--user", "ci", "--cidr", "x"], "E_INVALID_DOCUMENT"],
    ["no key", ["registry:token:revoke", "0123"], "E_NOT_FOUND"],
    ["no name", ["registry:user:create", "../x", "--generate"], "E_INVALID_NAME"],
    ["twice", ["registry:user:create", "ci", "--generate"], "E_USER_EXISTS"],
    ["nobody to ask", ["registry:user:passwd", "ci"], "E_USAGE"],
    ["no second factor of nobody", ["registry:user:end-2fa", "nobody"], "E_USER_NOT_FOUND"],
    ["nobody to lock out", ["registry:user:disable", "nobody"], "E_USER_NOT_FOUND"],
  ])("%s", async (_, args, code) => {
    expect((await ask(args)).json).toMatchObject({ error: { code } });
  });
});
