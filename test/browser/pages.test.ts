// B3: the pages that approve a log-in, in a real browser.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openBrowser, pictureOf } from "../support/browser.ts";
import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";
import { put, publishDocument, pack, signIn } from "../support/packages.ts";

let browser: Browser | undefined;
let temp: Temp;
let server: Server;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await openBrowser();
  temp = await tempFolder("pages");
  server = await serve({ home: temp.path });
}, 400_000);
afterAll(async () => {
  expect(complaints).toEqual([]);
  await browser?.close();
  await server.stop();
  await temp.remove();
});

interface Waiting {
  readonly loginUrl: string;
  readonly doneUrl: string;
}
const begin = async (): Promise<Waiting> => {
  const answer = await request(`${server.url}/-/v1/login`, {
    method: "POST",
    body: JSON.stringify({ hostname: "<b>ann's laptop</b>" }),
    headers: { "user-agent": "npm/12.2.0 node/v24.21.0 linux x64", "npm-command": "login" },
  });
  return answer.json() as Waiting;
};
const done = (url: string, token?: string) => request(url, { token });

/** A page on which nothing is refused by its own policy, no script runs and nothing is asked of anybody else. */
async function open(url: string, options: { dark?: boolean; width?: number } = {}): Promise<Page> {
  if (!browser) throw new Error("no browser");
  const context = await browser.newContext({
    javaScriptEnabled: false,
    colorScheme: options.dark ? "dark" : "light",
    viewport: { width: options.width ?? 1000, height: 900 },
  });
  const page = await context.newPage();
  page.on("request", (sent) => {
    if (new URL(sent.url()).origin !== server.url) complaints.push(sent.url());
  });
  page.on("console", (message) => {
    // it says so of every status of 400 and more
    if (!message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  await page.goto(url);
  return page;
}
const picture = async (page: Page, name: string): Promise<void> => {
  const path = pictureOf(name);
  if (path !== undefined) await page.screenshot({ path, fullPage: true });
};
const press = (page: Page, name: string) => page.getByRole("button", { name }).click();
/** Waits for the page with this heading. */
const heading = (page: Page, name: string) =>
  page.getByRole("heading", { name, exact: true }).waitFor({ timeout: 20_000 });

describe("B3 web login", () => {
  test("sign-up, confirmation, a token handed out once", async ({ skip }) => {
    if (!browser) return skip("no chromium here");
    const { loginUrl, doneUrl } = await begin();
    const pending = await done(doneUrl);
    expect(pending.status).toBe(202);
    expect(pending.headers["retry-after"]).toBe("1");
    expect(pending.text()).toBe("{}");

    const page = await open(loginUrl);
    await heading(page, "Sign in");
    // compared with the address that the terminal shows
    const words = await page.locator("dd code").innerText();
    expect(loginUrl).toContain(`/-/auth/${words}-`);
    expect(await page.locator("dl").innerText()).toContain("<b>ann's laptop</b>");
    await picture(page, "sign-in");
    await page.getByRole("link", { name: "Make an account" }).click();
    await page.getByLabel("User name").fill("ann");
    await page.getByLabel("Password").fill("correct horse 1");
    await picture(page, "sign-up");
    await press(page, "Make the account");
    await heading(page, "Log in as ann?");
    expect((await done(doneUrl)).status).toBe(202);
    await picture(page, "confirm");
    await press(page, "Allow");
    await heading(page, "You are logged in as ann");
    await picture(page, "allowed");

    const { token } = (await done(doneUrl)).json() as { token: string };
    expect((await request(`${server.url}/-/whoami`, { token })).json()).toEqual({
      username: "ann",
    });
    expect((await done(doneUrl)).status).toBe(404);
    await page.goto(loginUrl);
    await heading(page, "This does not work");
    await picture(page, "over");
    await page.context().close();
  });

  test("a wrong password, a code, a refusal", async ({ skip }) => {
    if (!browser) return skip("no chromium here");
    const token = await signIn(server.url, "bob", "correct horse 2");
    const profile = (body: object) =>
      request(`${server.url}/-/npm/v1/user`, { method: "POST", token, body: JSON.stringify(body) });
    const mode = { mode: "auth-and-writes", password: "correct horse 2" };
    const app = authenticator(((await profile({ tfa: mode })).json() as { tfa: string }).tfa);
    const { tfa: codes } = (await profile({ tfa: [app.code()] })).json() as { tfa: string[] };

    const { loginUrl, doneUrl } = await begin();
    const page = await open(loginUrl, { dark: true, width: 320 });
    await page.getByLabel("User name").fill("bob");
    await page.getByLabel("Password").fill("wrong");
    await press(page, "Continue");
    expect(await page.getByRole("alert").innerText()).toMatch(/password is wrong/);
    expect(await page.getByLabel("User name").inputValue()).toBe("bob");
    await picture(page, "wrong-dark-320");
    const card = await page.locator("main").boundingBox();
    expect(card).toMatchObject({ x: 16, width: 288 });
    await page.getByLabel("Password").fill("correct horse 2");
    await page.keyboard.press("Enter"); // goes on, and does not refuse
    await heading(page, "One-time password");
    await page.getByLabel("Code").fill("000000");
    await press(page, "Continue");
    expect(await page.getByRole("alert").innerText()).toMatch(/one-time pass is wrong/);
    await picture(page, "code-dark-320");
    await page.getByLabel("Code").fill(app.code());
    await press(page, "Continue");
    await heading(page, "Log in as bob?");
    await picture(page, "confirm-dark-320");
    await press(page, "Refuse");
    await heading(page, "Refused");
    await picture(page, "refused-dark-320");
    expect((await done(doneUrl)).status).toBe(403);
    await page.context().close();

    // a write that needs a code, approved in the browser for this token and this request alone
    const document = publishDocument(
      server.url,
      { name: "one", version: "1.0.0" },
      pack({ name: "one", version: "1.0.0" }),
    );
    const publish = (otp?: string, path = "one") =>
      request(`${server.url}/${path}`, {
        method: "PUT",
        token,
        headers: {
          "npm-auth-type": "web",
          "npm-command": "publish",
          "user-agent": "npm/12.2.0 node/v24.21.0 linux x64",
          ...(otp !== undefined && { "npm-otp": otp }),
        },
        body: JSON.stringify({ ...document, _id: path, name: path }),
      });
    const challenge = await publish();
    expect(challenge.status).toBe(401);
    expect(challenge.headers["www-authenticate"]).toBe("OTP");
    const urls = challenge.json() as { authUrl: string; doneUrl: string };
    expect((await done(urls.doneUrl)).status).toBe(404);
    expect((await done(urls.doneUrl, token)).status).toBe(202);
    const approving = await open(urls.authUrl);
    await heading(approving, "Approve this request?");
    expect(await approving.locator("dl").innerText()).toContain("Publish or change “one”");
    await picture(approving, "approve");
    await approving.getByLabel("Code").fill(codes[0] ?? "");
    await press(approving, "Approve");
    await heading(approving, "Approved");
    await picture(approving, "approved");
    await approving.context().close();
    const { token: otp } = (await done(urls.doneUrl, token)).json() as { token: string };
    expect((await publish(otp, "two")).status).toBe(401);
    expect((await publish(otp)).status).toBe(201);
    expect((await publish(otp)).status).toBe(401);
    expect(await put(server.url, token, document).then(({ status }) => status)).toBe(401);
  });
});
