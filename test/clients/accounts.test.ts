// B3, H6: tokens, profile, one-time passwords and log-in by browser, through the real commands of npm 10, 11 and 12, and pnpm.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { approvalIn, approve } from "../support/approve.ts";
import { openBrowser, pictureOf } from "../support/browser.ts";
import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { packument, signIn } from "../support/packages.ts";
import { ok } from "../support/ok.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { authenticator, type App } from "../support/totp.ts";
import { seat, type ClientId } from "./client.ts";

const patience = 120_000;
let tools: ClientTools;
let browser: Browser | undefined;
let temp: Temp;
let server: Server;

beforeAll(async () => {
  tools = await clientTools();
  browser = await openBrowser();
  temp = await tempFolder("accounts");
  server = await serve({ home: join(temp.path, "server") });
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server.stop();
  await temp.remove();
});

const password = "correct horse 1";
const asksPassword = [/npm password:\s*$/i, password] as const;
type Seated = Awaited<ReturnType<typeof seat>>;

/** A user of the registry at a client that has their token. */
async function sit(id: ClientId, name: string): Promise<Seated & { readonly token: string }> {
  const token = await signIn(server.url, name, password);
  const at = await seat(tools, id, { folder: temp.path, url: server.url }, { name, password });
  await at.client.configure(token);
  const file = join(at.home, ".npmrc");
  await writeFile(file, `${await readFile(file, "utf8")}browser=false\n`);
  return { ...at, token };
}

async function packageFolder(name: string, version: string): Promise<string> {
  const folder = join(temp.path, `${name}-${version}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name, version }));
  return folder;
}

const whoami = async (token: string) => (await request(`${server.url}/-/whoami`, { token })).status;

describe.each(["npm10", "npm11", "npm12"] as const)("B3 %s", (id) => {
  test(
    "token create, list, revoke",
    async () => {
      const ann = await sit(id, `ann-${id}`);
      const create = async (...flags: string[]) => {
        const { output } = ok(
          await ann.run(["token", "create", ...flags], { answers: [asksPassword] }),
        );
        return /npm_\w+/.exec(output)?.[0] ?? output;
      };
      const plain = await create();
      const bound =
        id === "npm10"
          ? await create("--read-only", "--cidr=10.0.0.0/8")
          : await create(
              "--name=ci",
              "--token-description=of the build",
              "--expires=30",
              "--packages=one",
              "--scopes=@acme",
              "--packages-and-scopes-permission=read-write",
              "--cidr=10.0.0.0/8",
              "--bypass-2fa",
            );
      expect(await whoami(plain)).toBe(200);
      expect(await whoami(bound)).toBe(401);

      const { output } = ok(await ann.run(["token", "list"]));
      for (const token of [plain, bound]) {
        expect(output).toContain(token.slice(0, 8));
        expect(output).not.toContain(token.slice(0, 16));
      }
      expect(output).toContain("10.0.0.0/8");
      const list = JSON.parse(ok(await ann.run(["token", "list", "--json"])).stdout) as {
        key: string;
        cidr_whitelist: string[];
        readonly: boolean;
        name: string;
      }[];
      expect(list).toHaveLength(3);
      const [newest] = list;
      expect(newest?.cidr_whitelist).toEqual(["10.0.0.0/8"]);
      expect(id === "npm10" ? newest?.readonly : newest?.name).toBe(id === "npm10" ? true : "ci");

      ok(await ann.run(["token", "revoke", newest?.key.slice(0, 12) ?? ""]));
      ok(await ann.run(["token", "revoke", plain]));
      expect(await whoami(plain)).toBe(401);
      expect(JSON.parse(ok(await ann.run(["token", "list", "--json"])).stdout)).toHaveLength(1);
    },
    patience,
  );

  test(
    "profile get, set, 2fa on and off; publish asks for the code",
    async () => {
      const bob = await sit(id, `bob-${id}`);
      ok(await bob.run(["profile", "set", "fullname", "Bob Example"]));
      const { output } = ok(await bob.run(["profile", "get"]));
      expect(output).toContain("fullname: Bob Example");
      expect(output).toMatch(/two-factor auth: disabled/);

      const fresh = "another horse 2";
      const changed = await bob.onTerminal(["profile", "set", "password"], {
        answers: [
          [/Current password:\s*$/, password],
          [/New password:\s*$/, fresh],
          [/Again:\s*$/, fresh],
        ],
      });
      expect(ok(changed).output).toContain("Set password");
      expect(await whoami(bob.token)).toBe(200);

      let app: App | undefined;
      const enabled = await bob.onTerminal(["profile", "enable-2fa", "auth-and-writes"], {
        heard(said) {
          const secret = /enter code:\s+([A-Z2-7]{32})/.exec(said)?.[1];
          if (secret !== undefined) app ??= authenticator(`otpauth://totp/x?secret=${secret}`);
        },
        answers: [
          [/npm password:\s*$/, fresh],
          [/authenticator:\s*$/, () => app?.code() ?? ""],
        ],
      });
      expect(ok(enabled).output).toContain("2FA successfully enabled");
      const [recovery = "", spare = ""] = enabled.output.match(/\b[\da-f]{64}\b/g) ?? [];

      const folder = await packageFolder(`two-${id}`, "1.0.0");
      const refused = await bob.run(["publish"], { cwd: folder });
      expect(refused.code).not.toBe(0);
      expect(refused.output).toMatch(/EOTP/);
      // on a terminal it asks, for the code of the app or a recovery code
      const asked = await bob.onTerminal(["publish", "--auth-type=legacy"], {
        cwd: folder,
        answers: [[/(?:OTP|authenticator app)[^\n]*:\s*$/i, recovery]],
      });
      expect(ok(asked).output).toContain(`+ two-${id}@1.0.0`);
      ok(await bob.run(["dist-tag", "add", `two-${id}@1.0.0`, "next"]));
      ok(await bob.run(["unpublish", `two-${id}`, "--force", `--otp=${app?.code() ?? ""}`]));
      expect(await packument(server.url, `two-${id}`)).toBeUndefined();

      const off = await bob.run(["profile", "disable-2fa", `--otp=${spare}`], {
        answers: [[/npm password:\s*$/, fresh]],
      });
      expect(ok(off).output).toContain("disabled");
      expect(ok(await bob.run(["profile", "get"])).output).toMatch(/two-factor auth: disabled/);
    },
    patience,
  );

  test(
    "login by browser, publish approved there",
    async ({ skip }) => {
      if (!browser) return skip("no chromium here");
      const cal = await sit(id, `cal-${id}`);
      await cal.client.configure();
      await writeFile(join(cal.home, ".npmrc"), `registry=${cal.url}/\nbrowser=false\n`);
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      const opened = new Map<string, Promise<void>>();
      const approving = (fill: () => Promise<void>) => (said: string) => {
        const address = approvalIn(said);
        if (address !== undefined && !opened.has(address))
          opened.set(address, page.goto(address).then(fill));
      };

      const login = await cal.onTerminal(["login", "--auth-type=web"], {
        heard: approving(async () => {
          await page.getByLabel("User name").fill(cal.user.name);
          await page.getByLabel("Password").fill(password);
          await page.getByRole("button", { name: "Continue" }).click();
          const path = pictureOf(`${id}-login`);
          if (path !== undefined) await page.screenshot({ path, fullPage: true });
          await page.getByRole("button", { name: "Allow" }).click();
        }),
      });
      await Promise.all(opened.values());
      expect(ok(login).output).toMatch(/Logged in/);
      expect(ok(await cal.run(["whoami"])).stdout.trim()).toBe(cal.user.name);

      const profile = (body: object) =>
        request(`${server.url}/-/npm/v1/user`, {
          method: "POST",
          token: cal.token,
          body: JSON.stringify(body),
        });
      const mode = { mode: "auth-and-writes", password };
      const { tfa } = (await profile({ tfa: mode })).json() as { tfa: string };
      const app = authenticator(tfa);
      expect((await profile({ tfa: [app.code()] })).status).toBe(200);

      const folder = await packageFolder(`three-${id}`, "1.0.0");
      const published = await cal.onTerminal(["publish"], {
        cwd: folder,
        heard: approving(async () => {
          await page.getByLabel("Code").fill(app.code());
          const path = pictureOf(`${id}-publish`);
          if (path !== undefined) await page.screenshot({ path, fullPage: true });
          await page.getByRole("button", { name: "Approve" }).click();
        }),
      });
      await Promise.all(opened.values());
      expect(ok(published).output).toContain(`+ three-${id}@1.0.0`);
      await context.close();
    },
    patience,
  );
});

describe("B3", () => {
  test(
    "pnpm: token, profile and 2fa",
    async () => {
      const dan = await sit("pnpm", "dan");
      const { output: created } = ok(
        await dan.onTerminal(["token", "create", "--read-only"], {
          answers: [[/password\W*$/i, password]],
        }),
      );
      const token = /npm_\w{40}/.exec(created)?.[0] ?? created;
      expect(await whoami(token)).toBe(200);
      expect(ok(await dan.run(["token", "list"])).output).toContain(token.slice(0, 8));
      ok(await dan.run(["token", "revoke", token]));
      expect(await whoami(token)).toBe(401);

      ok(await dan.run(["profile", "set", "fullname", "Dan Example"]));
      expect(ok(await dan.run(["profile", "get"])).output).toContain("Dan Example");
      let app: App | undefined;
      const enabled = await dan.onTerminal(["profile", "enable-2fa", "auth-and-writes"], {
        heard(said) {
          const secret = /\b[A-Z2-7]{32}\b/.exec(said)?.[0];
          if (secret !== undefined) app ??= authenticator(`otpauth://totp/x?secret=${secret}`);
        },
        answers: [
          [/password\W*$/i, password],
          [/authenticator\W*$/i, () => app?.code() ?? ""],
        ],
      });
      const [recovery = ""] = ok(enabled).output.match(/\b[\da-f]{64}\b/g) ?? [];
      const folder = await packageFolder("four", "1.0.0");
      const publish = ["publish", "--no-git-checks"];
      expect((await dan.run(publish, { cwd: folder })).code).not.toBe(0);
      ok(await dan.run([...publish, `--otp=${app?.code() ?? ""}`], { cwd: folder }));
      expect((await packument(server.url, "four"))?.versions).toHaveProperty(["1.0.0"]);
      const off = await dan.onTerminal(["profile", "disable-2fa", `--otp=${recovery}`], {
        answers: [[/password\W*$/i, password]],
      });
      expect(ok(off).output).toMatch(/disabled/i);
    },
    patience,
  );

  test(
    "yarn4: login by browser",
    async () => {
      const user = { name: "eve", password };
      const eve = await seat(tools, "yarn4", { folder: temp.path, url: server.url }, user);
      await eve.client.configure();
      let approved: Promise<void> | undefined;
      const login = await eve.onTerminal(["npm", "login", "--web-login"], {
        heard(said) {
          const address = approvalIn(said);
          if (address !== undefined) approved ??= approve(address, user);
        },
        answers: [[/open.*browser/i, "n"]],
      });
      await approved;
      ok(login);
      expect(ok(await eve.run(["npm", "whoami"])).output).toContain("eve");
    },
    patience,
  );
});
