// B7: the web terminal in a real browser.
import { source as axe } from "axe-core";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser, pictureOf } from "../support/browser.ts";
import { citadel, serve, type Server } from "../support/citadel.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";

let browser: Browser | undefined;
let temp: Temp;
let server: Server;
let admin: string;
let user: string;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await openBrowser();
  temp = await tempFolder("web-terminal");
  await mkdir(join(temp.path, "packages/one"), { recursive: true });
  const manifest = JSON.stringify({ name: "one", version: "1.0.0" });
  await writeFile(join(temp.path, "packages/one/package.json"), manifest);
  server = await serve({
    home: temp.path,
    env: { CITADEL_CONSOLE_FOLDERS: join(temp.path, "packages") },
  });
  // while there is no administrator, people sign up by themselves
  user = await signIn(server.url, "ann");
  const made = await citadel(temp.path, ["registry:token:create", "--admin", "--json"]);
  admin = JSON.parse(made.stdout).token;
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await temp?.remove();
  expect(complaints).toEqual([]);
});

/** A browser of its own, signed in by a token; what it complains of is written down. */
async function open(token?: string): Promise<Page> {
  if (!browser) throw new Error("no browser");
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
  context.on("request", (sent) => {
    const url = new URL(sent.url());
    if (url.protocol !== "data:" && url.origin !== server.url) complaints.push(sent.url());
  });
  context.on("console", (message) => void complaints.push(message.text()));
  context.on("weberror", (error) => complaints.push(String(error.error())));
  await context.exposeFunction("refused", (what: string) => void complaints.push(what));
  await context.addInitScript({
    content: `document.addEventListener("securitypolicyviolation", (event) =>
      refused([event.violatedDirective, event.blockedURI, event.sample].join(" ")));`,
  });
  if (token !== undefined) {
    const answer = await context.request.post(`${server.url}/_dashboard/api/session`, {
      data: { token },
      headers: { origin: server.url },
    });
    expect(answer.status()).toBe(201);
  }
  const page = await context.newPage();
  await page.goto(`${server.url}/_dashboard/terminal`);
  return page;
}

const text = (page: Page) => page.locator(".xterm-rows").innerText();
const see = (page: Page, what: string | RegExp) =>
  until(async () => {
    // blanks in a terminal are no ordinary ones
    const now = (await text(page)).replaceAll("\u00a0", " ");
    return typeof what === "string" ? now.includes(what) : what.test(now);
  }).catch(async (cause: unknown) => {
    throw new Error(`not seen: ${String(what)}\n${await text(page)}`, { cause });
  });
const enter = async (page: Page, line: string) => {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
};
const live = (page: Page) => page.getByRole("status").getByText("live").waitFor();
const bytes = (page: Page) => page.locator(".bytes").innerText();

test("B7: every command in the browser, and what one changes the others see at once", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const [page, other] = [await open(admin), await open(admin)];
  await Promise.all([live(page), live(other)]);
  await page.locator(".screen").click();
  await enter(page, "set rows 30");
  await see(page, "rows is 30");
  await until(async () => (await bytes(other)).split(" ")[10] === "1e", 10);
  const file = await readFile(join(temp.path, "data/citadel.lockb"));
  expect(file[10]).toBe(30);
  await page.keyboard.type("en");
  await page.keyboard.press("Tab");
  await enter(page, "debug");
  await see(page, "DEBUG is on");
  await until(async () => (await bytes(other)).split(" ")[8] === "e6", 10);
  await enter(page, "disable DEBUG");
  await see(page, "DEBUG is off");
  await enter(page, "save");
  await see(page, /saved [\da-f]{26}/);
  await enter(page, "publish one");
  await see(page, "published one@1.0.0");
  await enter(page, "publish ../data");
  await see(page, "E_FORBIDDEN");
  await enter(page, "status");
  await see(page, "up since");
  await enter(page, "reload");
  await see(page, "nothing has changed");
  await enter(page, "clear");
  await until(async () => !(await text(page)).includes("nothing"));
  await enter(page, "help");
  await see(page, "publish <dir> [code]");
  await page.keyboard.press("ArrowUp");
  await see(page, /> help\s*$/);
  await page.keyboard.press("Control+c");
  // by the debugger: the page itself lets no script in
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: object): Promise<any> } }).axe.run({
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
    }),
  );
  expect(found.violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) => [id, nodes[0]?.html])).toEqual([]); // prettier-ignore
  const path = pictureOf("terminal");
  if (path !== undefined) await page.screenshot({ path });
  await enter(page, "set rows 31");
  await see(page, "rows is 31");
  // `citadel term` of another process
  const term = await citadel(temp.path, ["term"], {
    env: { CITADEL_SERVER_PORT: new URL(server.url).port },
    input: "status\nset cols 100\n",
  });
  expect([term.code, term.stdout.includes("31 rows")], term.output).toEqual([0, true]);
  await until(async () => (await bytes(page)).split(" ")[11] === "64", 10);
  await enter(page, "exit");
  await page.waitForURL(`${server.url}/_dashboard/`);
}, 90_000);

test("B7: for administrators only, in a document of its own", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const page = await open();
  await page.getByText("as an administrator to use the terminal").waitFor();
  const other = await open(user);
  await other.getByText("The terminal is for administrators.").waitFor();
  const answer = await page.request.get(`${server.url}/_dashboard/terminal`);
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("style-src-attr 'unsafe-inline'");
  const start = await page.request.get(`${server.url}/_dashboard`);
  expect(start.headers()["content-security-policy"]).toContain("style-src-attr 'none'");
}, 60_000);
