// B6: the dashboard in a real browser.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { openBrowser, pictureOf } from "../support/browser.ts";
import { serve, type Server } from "../support/citadel.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { createWindows, violations, type Look, type Windows } from "../support/windows.ts";

let browser: Browser | undefined;
let temp: Temp;
let server: Server;
let windows: Windows | undefined;

beforeAll(async () => {
  browser = await openBrowser();
  temp = await tempFolder("dashboard");
  server = await serve({ home: temp.path });
  windows = browser && createWindows(browser, server.url);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server.stop();
  await temp.remove();
  expect(windows?.complaints ?? []).toEqual([]);
});

async function open(to: string, look: Look = {}): Promise<Page> {
  if (!windows) throw new Error("no browser");
  return windows.open(to, look);
}
const heading = (page: Page, name: string) =>
  page.getByRole("heading", { level: 1, name, exact: true }).waitFor({ timeout: 20_000 });
const picture = async (page: Page, name: string): Promise<void> => {
  const path = pictureOf(name);
  if (path !== undefined) await page.screenshot({ path });
};

test("B6: an empty registry says how to begin; by keyboard alone to a package and back", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/");
  await heading(page, "Welcome to your registry");
  expect(await page.locator("main code").first().innerText()).toBe(
    `npm set registry ${server.url}/`,
  );
  const token = await signIn(server.url, "ann");
  for (const name of ["left-margin", "@acme/button"]) {
    const manifest = { name, version: "1.0.0", description: `All about ${name}` };
    await publish(server.url, token, manifest, pack(manifest));
  }
  await page.reload();
  await heading(page, "Packages");
  await page.keyboard.press("/");
  await page.keyboard.type("margi");
  await page.locator("mark", { hasText: "margi" }).first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await heading(page, "left-margin");
  expect(page.url()).toBe(`${server.url}/_dashboard/package/left-margin`);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.type("gp");
  await heading(page, "Packages");
  await page.context().close();
});

test("B6: a backend that fails never looks like an empty registry", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/");
  await heading(page, "Packages");
  await page.route("**/api/packages?*", (route) => route.fulfill({ status: 502, body: "<html>" }));
  await page.keyboard.press("/");
  await page.keyboard.type("m");
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.innerText()).toContain("status 502");
  expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("Packages");
  await page.unroute("**/api/packages?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("1 package of 2").waitFor();
  await page.context().close();
});

test("B6: no screen shuts anybody out, in both themes and at two widths", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  for (const look of [{}, { dark: true }, { width: 320 }, { dark: true, width: 320 }]) {
    const page = await open("/", look);
    for (const [to, name] of [
      ["/", "Packages"],
      ["/sign-in", "Sign in"],
      ["/set-up", "Set up a client"],
      ["/nowhere", "There is nothing here"],
    ] as const) {
      await page.goto(`${server.url}/_dashboard${to}`);
      await heading(page, name);
      expect([to, look, await violations(page)]).toEqual([to, look, []]);
      // nothing needs to be scrolled sideways
      expect([to, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([
        to,
        look.width ?? 1200,
      ]);
      await picture(page, `dashboard${to.replace("/", "-")}-${JSON.stringify(look)}`);
    }
    await page.context().close();
  }
});

test("B6: the page says something without JavaScript", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${server.url}/_dashboard`);
  expect(await page.locator("body").innerText()).toContain("It needs JavaScript");
  await context.close();
});
