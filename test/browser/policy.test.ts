// H3, H6: the screen of the policy, by keyboard alone, and what npm gets before and after each decision.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { liar, type Liar } from "../servers/liar.ts";
import { openBrowser, pictureOf } from "../support/browser.ts";
import { citadel, serve, type Server } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { pack, publish, publishDocument, signIn } from "../support/packages.ts";
import { run, type Ran } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";
import { createWindows, violations, type Windows } from "../support/windows.ts";
import { stock } from "../upstream/behind.ts";

const password = "correct horse 1";
const name = "@acme/ui";
let browser: Browser | undefined;
let temp: Temp;
let there: Liar;
let server: Server;
let windows: Windows | undefined;
/** of the administrator: a token, and codes of the second factor */
let token: string;
let codes: string[];

beforeAll(async () => {
  [browser, temp, there] = await Promise.all([openBrowser(), tempFolder("policy"), liar()]);
  const now = new Date().toISOString();
  stock(there, "tiny", {
    versions: { "0.9.0": {}, "1.0.0": {}, "1.1.0": {} },
    time: { "1.1.0": now },
  });
  const create = ["registry:user:create", "ada", "--admin", "--password-file", "-"];
  for (const [args, input] of [
    [create, password],
    [["registry:policy:set", "age", "3d", "--reason", "let others try it first"], ""],
  ] as const)
    expect(await citadel(temp.path, args, { input })).toMatchObject({ code: 0 });
  const CITADEL_UPSTREAM = JSON.stringify([{ name: "outside", url: `${there.url}/` }]);
  server = await serve({ home: temp.path, env: { CITADEL_UPSTREAM } });
  windows = browser && createWindows(browser, server.url);
  token = await signIn(server.url, "ada", password);
  await publish(server.url, token, { name, version: "1.0.0" });
  const profile = async (body: object) =>
    (await request(`${server.url}/-/npm/v1/user`, { method: "POST", token, body: JSON.stringify(body) })).json(); // prettier-ignore
  const { tfa } = (await profile({ tfa: { mode: "auth-only", password } })) as { tfa: string };
  ({ tfa: codes } = (await profile({ tfa: [authenticator(tfa).code()] })) as { tfa: string[] });
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await there?.[Symbol.asyncDispose]();
  await temp?.remove();
  expect(windows?.complaints ?? []).toEqual([]);
});

let runs = 0;
/** npm in a folder of its own, with nothing cached. */
async function npm(
  args: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const cwd = join(temp.path, `npm-${runs++}`);
  await mkdir(cwd);
  const host = server.url.slice("http:".length);
  for (const [file, text] of Object.entries({
    ".npmrc": `registry=${server.url}/\n${host}/:_authToken=${token}\ncache=${cwd}-cache\naudit=false\nfund=false\n`,
    "package.json": '{ "name": "project", "version": "1.0.0" }',
    ...files,
  }))
    await writeFile(join(cwd, file), text);
  const [file = "", ...first] = (await clientTools()).npm11;
  const { PATH } = process.env;
  return run(file, [...first, ...args], { cwd, env: { PATH, HOME: cwd } });
}

/** Goes on with Tab until something has the focus. */
async function reach(target: Locator): Promise<void> {
  await target.waitFor();
  for (let n = 0; n < 60; n++) {
    await target.page().keyboard.press("Tab");
    if (await target.evaluate((one) => one === one.ownerDocument.activeElement)) return;
  }
  throw new Error(`Tab does not lead to ${String(target)}`);
}
const press = async (target: Locator): Promise<void> => {
  await reach(target);
  await target.page().keyboard.press("Enter");
};
const button = (of: Page | Locator, called: string) =>
  of.getByRole("button", { name: called, exact: true });
async function giveCode(page: Page): Promise<void> {
  await page.getByRole("dialog", { name: "One-time password" }).waitFor();
  await reach(page.getByLabel("Code"));
  await page.keyboard.type(codes.pop() ?? "");
  await page.keyboard.press("Enter");
}
const said = (page: Page, text: string) =>
  page.getByRole("status").filter({ hasText: text }).waitFor();
async function look(page: Page, called: string): Promise<void> {
  for (const [width, colorScheme] of [
    [320, "dark"],
    [1200, "light"],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    expect([called, width, await violations(page)]).toEqual([called, width, []]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    const path = pictureOf(`${called}-${width}-${colorScheme}`);
    if (path !== undefined) await page.screenshot({ path, fullPage: true });
  }
}
async function open(): Promise<Page> {
  if (!windows) throw new Error("no browser");
  const page = await windows.open("/sign-in?to=/policy");
  await reach(page.getByLabel("User name"));
  await page.keyboard.type("ada");
  await reach(page.getByLabel("Password", { exact: true }));
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.getByLabel("One-time password").waitFor();
  await reach(page.getByLabel("One-time password"));
  await page.keyboard.type(codes.pop() ?? "");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Policy" }).waitFor();
  return page;
}

test("H6: what waits is looked into, published with a code, and rejected with a reason", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const scripts = { postinstall: "node steal.js" };
  const staged = await npm(["stage", "publish"], {
    "package.json": JSON.stringify({ name, version: "1.1.0", scripts }),
    "steal.js": "// nothing\n",
  });
  expect(staged.code, staged.output).toBe(0);
  const next = { name, version: "2.0.0" };
  const document = publishDocument(server.url, next, pack(next));
  await request(`${server.url}/-/stage/package/@acme%2fui`, { method: "POST", token, body: JSON.stringify(document) }); // prettier-ignore

  const page = await open();
  await press(page.getByRole("link", { name: `${name}@1.1.0` }));
  await page.getByRole("heading", { level: 1, name: `${name}@1.1.0` }).waitFor();
  const main = page.getByRole("main");
  await main.getByText("postinstall: node steal.js").waitFor();
  await main.getByText("Compared with 1.0.0").waitFor();
  await page.locator(".diff .added", { hasText: "postinstall" }).waitFor();
  const files = page.getByRole("region", { name: "Files" });
  expect(await files.getByRole("rowheader").allInnerTexts()).toContain("steal.js");
  await look(page, "staged");
  await press(files.getByRole("link", { name: "steal.js" }));
  expect(await page.locator("body").innerText()).toBe("// nothing\n");
  await page.goBack();
  await press(button(page, `Publish ${name}@1.1.0`));
  await press(button(page.getByRole("dialog"), "Publish"));
  await giveCode(page);
  await said(page, `${name}@1.1.0 is published`);
  await page.getByRole("heading", { level: 1, name: "Policy" }).waitFor();
  const installed = await npm(["install", "--ignore-scripts", `${name}@1.1.0`]);
  expect(installed.code, installed.output).toBe(0);

  await press(button(page, `Reject ${name}@2.0.0`));
  await reach(page.getByLabel("Why"));
  await page.keyboard.type("too early");
  await page.keyboard.press("Enter");
  await giveCode(page);
  await page.getByText("No version waits").waitFor();
  expect((await request(`${server.url}/@acme%2fui/2.0.0`, { token })).status).toBe(404);
  const log = await citadel(temp.path, ["log", "--kind", "stage", "--json"]);
  expect(log.stdout).toContain("too early");
  await page.context().close();
}, 60_000);

test("H3: a version that is held back is shown with why, let in, and held back again", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const address = `${server.url}/tiny/-/tiny-1.1.0.tgz`;
  const install = () => npm(["install", address]);
  const refused = await install();
  expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("403")]);
  const block = ["registry:policy:block", "tiny@1.0.0", "--reason", "CVE-2026-1"];
  expect((await citadel(temp.path, block)).code).toBe(0);
  expect((await request(`${server.url}/tiny/1.0.0`, { token })).status).toBe(403);

  const page = await open();
  const list = page.getByRole("region", { name: "Refused versions" });
  const row = (version: string) => list.getByRole("row", { name: new RegExp(`^tiny@${version}`) });
  expect(await row("1.0.0").innerText()).toContain("CVE-2026-1");
  expect(await row("1.1.0").innerText()).toMatch(/let others try it first[^]*age:\*, served by itself in 3 days/); // prettier-ignore
  await look(page, "policy");
  await press(button(page, "Let in: tiny@1.1.0"));
  await reach(page.getByLabel("Why"));
  await page.keyboard.type("reviewed by hand");
  await page.keyboard.press("Enter");
  await said(page, "tiny@1.1.0 is let in");
  await row("1.1.0").getByText("let in", { exact: true }).waitFor();
  const installed = await install();
  expect(installed.code, installed.output).toBe(0);

  expect(await page.getByRole("region", { name: "Exceptions", exact: true }).innerText()).toContain("reviewed by hand"); // prettier-ignore
  await press(button(page, "Withdraw tiny@1.1.0"));
  await press(button(page.getByRole("dialog"), "Withdraw"));
  await page.getByText("There are no exceptions").waitFor();
  expect((await install()).code).toBe(1);
  await page.context().close();
}, 60_000);
