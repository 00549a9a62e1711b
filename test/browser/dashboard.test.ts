// B6: the dashboard in a real browser.
import { randomBytes } from "node:crypto";
import { readdir, readFile, open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openBrowser, pictureOf } from "../support/browser.ts";
import { citadel, root, serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import { receiver } from "../support/receiver.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";
import { createWindows, violations, type Look, type Windows } from "../support/windows.ts";

let browser: Browser | undefined;
let temp: Temp;
let server: Server;
/** of whoever came by the link of the start */
let cookies: Awaited<ReturnType<BrowserContext["cookies"]>> = [];
let windows: Windows | undefined;
/** page of a hook, once there is one */
let hookPage: readonly [to: string, name: string] | undefined;

beforeAll(async () => {
  browser = await openBrowser();
  temp = await tempFolder("dashboard");
  server = await serve({
    home: temp.path,
    env: { CITADEL_HOOKS_ALLOW: "127.0.0.1", CITADEL_LIMITS_STORAGE: "5 MB" },
  });
  windows = browser && createWindows(browser, server.url);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server.stop();
  await temp.remove();
  expect(windows?.complaints ?? []).toEqual([]);
});

async function open(
  to: string,
  { signedIn = true, ...look }: Look & { signedIn?: boolean } = {},
): Promise<Page> {
  if (!windows) throw new Error("no browser");
  return windows.open(to, { ...look, ...(signedIn && { cookies }) });
}
const heading = (page: Page, name: string) =>
  page.getByRole("heading", { level: 1, name, exact: true }).waitFor({ timeout: 20_000 });
const picture = async (page: Page, name: string): Promise<void> => {
  const path = pictureOf(name);
  if (path !== undefined) await page.screenshot({ path });
};
/** In the picture of memory, in pixels: where nothing is drawn in a line of the first colour, and how wide that line is. */
const longestGap = `(() => {
  const canvas = document.querySelector("[aria-label=Memory] canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const drawn = [];
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      const [red, green, blue] = data.subarray(4 * (y * width + x));
      if (red < 60 && green > 80 && green < 140 && blue > 70 && blue < 130) {
        drawn.push(x);
        break;
      }
    }
  const gaps = drawn.map((x, n) => x - (drawn[n - 1] ?? x));
  return [Math.max(...gaps), drawn.length];
})()`;
const byte = (page: Page, offset: string) =>
  page.getByRole("button", { name: new RegExp(`^byte ${offset},`) });
const lock = () => join(temp.path, "data/citadel.lockb");

test("B6: the link of the start signs in once, and leaves no trace in the address bar", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const page = await open(`/${new URL(server.dashboard).hash}`, { signedIn: false });
  await heading(page, "Welcome to your registry");
  await page.locator("summary", { hasText: "local" }).waitFor();
  expect(page.url()).toBe(`${server.url}/_dashboard/`);
  cookies = await page.context().cookies();
  expect(cookies).toMatchObject([{ httpOnly: true, sameSite: "Strict", path: "/_dashboard" }]);
  expect(await page.evaluate("document.cookie + JSON.stringify(localStorage)")).toBe("{}");
  expect(await page.locator("main code").first().innerText()).toBe(
    `npm set registry ${server.url}/`,
  );
  await page.context().close();
  const again = await open(`/${new URL(server.dashboard).hash}`, { signedIn: false });
  await again.getByText("The link was used already, or is too old.").first().waitFor();
  await again.context().close();
});

test("B6: by keyboard alone from the search to a package and back", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const token = await signIn(server.url, "ann");
  for (const name of ["left-margin", "@acme/button"]) {
    const manifest = { name, version: "1.0.0", description: `All about ${name}` };
    await publish(server.url, token, manifest, pack(manifest));
  }
  const page = await open("/");
  await heading(page, "Packages");
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.textContent")).toMatch(/^Skip/);
  await page.keyboard.press("/");
  await page.keyboard.type("margi");
  await page.locator("mark", { hasText: "margi" }).first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server.url}/_dashboard/package/left-margin`);
  await page.locator("h1", { hasText: "left-margin" }).waitFor();

  // Enter right after the last letter opens what that finds, not what is still shown
  await page.keyboard.type("gp");
  await page.getByRole("link", { name: "@acme/button" }).waitFor();
  await page.route("**/api/packages?*", async (route) => {
    await wait(200);
    await route.continue();
  });
  await page.keyboard.press("/");
  await page.keyboard.type("left");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server.url}/_dashboard/package/left-margin`);
  await page.unroute("**/api/packages?*");
  await page.locator("h1", { hasText: "left-margin" }).waitFor();
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keys" });
  await help.waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  for (const [keys, name] of [
    ["gp", "Packages"],
    ["gm", "Metrics"],
    ["gs", "Security"],
    ["gc", "Configuration"],
  ] as const) {
    await page.keyboard.type(keys);
    await heading(page, name);
    await expect.poll(() => page.evaluate("document.activeElement.tagName")).toBe("H1");
  }
  await page.keyboard.type("gt");
  await page.waitForURL(`${server.url}/_dashboard/terminal`);
  await page.goBack();
  await heading(page, "Configuration");
  // switched off, they are letters
  await page.keyboard.press("?");
  await help.getByRole("switch").click();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await page.keyboard.type("gp");
  await page.reload();
  await heading(page, "Configuration");
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
  await page.getByText(/packages? of 2 for/).waitFor();
  await page.context().close();
});

test("B6: a byte that is edited is in the file and in another window within a second, and a conflict shows both values", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const one = await open("/configuration");
  const other = await open("/configuration", { dark: true });
  await byte(other, "0x0A").waitFor();
  await byte(one, "0x00").focus();
  await one.keyboard.press("End");
  await one.keyboard.press("ArrowLeft");
  await one.keyboard.press("ArrowLeft");
  await one.keyboard.press("Enter");
  await one.keyboard.type("1e");
  await other.getByRole("button", { name: "byte 0x0A, rows, 30, hex 1e" }).waitFor();
  expect((await readFile(lock()))[10]).toBe(30);
  await other.getByRole("status").filter({ hasText: "rows is now 30" }).waitFor();
  expect(await other.locator(".byte.flash").count()).toBeLessThanOrEqual(1);

  // Esc gives up
  await one.keyboard.press("Enter");
  await one.keyboard.type("2");
  await one.keyboard.press("Escape");
  await one.getByRole("button", { name: "byte 0x0A, rows, 30, hex 1e" }).waitFor();
  expect((await readFile(lock()))[10]).toBe(30);

  // what cannot be is said, and stays in the field
  await byte(one, "0x09").focus();
  await one.keyboard.press("Enter");
  await one.keyboard.type("07");
  await one.getByText("terminal is from 0 to 2, hex 00 to 02.").waitFor();
  expect(await violations(one)).toEqual([]);
  await one.keyboard.press("Escape");
  await byte(one, "0x09").click();
  await one.keyboard.press("Escape");
  await byte(one, "0x01").click();
  await one.getByText("Byte 0x01 is not edited").waitFor();

  // the file is changed while somebody types
  await byte(one, "0x0A").focus();
  await one.keyboard.press("Enter");
  const file = await openFile(lock(), "r+");
  await file.write(Buffer.of(25), 0, 1, 10);
  await file.close();
  await byte(other, "0x0A")
    .and(other.getByRole("button", { name: /rows, 25/ }))
    .waitFor();
  await one.keyboard.type("28");
  const refused = one.getByRole("alert");
  await refused.waitFor();
  expect(await refused.innerText()).toMatch(/it is 25, you wanted 40/);
  await picture(one, "dashboard-conflict");
  expect(await violations(one)).toEqual([]);
  await one.getByRole("button", { name: "Write 40 all the same" }).click();
  await other.getByRole("button", { name: /rows, 40/ }).waitFor();

  // a switch is one write of one byte, and can be taken back
  const debug = one.getByRole("switch", { name: /DEBUG/ });
  await one.route("**/api/config", async (route) => {
    await wait(200);
    await route.continue();
  });
  await debug.click();
  await one.getByText("Being written: 0x08 flags 0–7 226 → 230").waitFor();
  await other.locator("[role=switch][aria-checked=true]", { hasText: "DEBUG" }).waitFor();
  expect((await readFile(lock()))[8]).toBe(0xe2 | 4);
  await one.getByRole("button", { name: "Undo" }).click();
  await other.locator("[role=switch][aria-checked=false]", { hasText: "DEBUG" }).waitFor();
  expect((await readFile(lock()))[8]).toBe(0xe2);
  for (const [name, text] of [
    ["JSON", '"registryHash": "'],
    ["commands", "citadel config:set rows 40\n"],
  ] as const) {
    await one.getByRole("tab", { name }).click();
    expect(await one.locator(".block pre").innerText()).toContain(text);
  }
  await one.getByRole("tab", { name: "environment" }).click();
  await one.getByRole("button", { name: "Copy the configuration as environment" }).click();
  const hex = (await readFile(lock())).subarray(0, 13).toString("hex");
  expect(await one.evaluate("navigator.clipboard.readText()")).toContain(
    `CITADEL_CONFIG_HEX=${hex}\n`,
  );
  const log = await citadel(temp.path, ["log", "--kind", "config", "--json"]);
  expect(log.stdout).toContain('"who":"local","via":"api"');
  await one.context().close();
  await other.context().close();
});

test("B6: a key is shown once, works, and is dead when it is revoked; every change is in the audit", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/security");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("pipeline");
  await page.getByRole("textbox", { name: "User" }).fill("ann");
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = await page.getByRole("dialog", { name: "The new key" }).locator("code").innerText();
  const whoami = async () => (await request(`${server.url}/-/whoami`, { token: key })).status;
  expect(await whoami()).toBe(200);
  await page.keyboard.press("Escape");
  await page.reload();
  await page.getByRole("rowheader", { name: /pipeline/ }).waitFor();
  expect(await page.content()).not.toContain(key);
  await page.getByRole("button", { name: "Revoke pipeline" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("There are no API keys").waitFor();
  expect(await whoami()).toBe(401);

  await page.getByRole("button", { name: "Block an address" }).click();
  await page.getByRole("textbox", { name: "Address" }).fill("203.0.113.7");
  await page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
  await page.getByRole("button", { name: "Let in 203.0.113.7 again" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Let in" }).click();
  await page.getByText("Nobody is blocked").waitFor();

  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByRole("cell", { name: "revoke" }).first().waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "All as NDJSON" }).click();
  const lines = (await readFile((await (await download).path()) ?? "", "utf8")).trim().split("\n");
  const items = lines.map((line) => JSON.parse(line) as { end?: true; kind?: string });
  expect(items.at(-1)).toEqual({ end: true, damaged: [] });
  expect(items.filter(({ kind }) => kind === "package")).toHaveLength(2);
  await page.getByLabel("Package").fill("@acme/button");
  await expect.poll(() => page.getByRole("row").count()).toBe(2);
  await page.context().close();
});

test("B6: the figures are those of /metrics and of local:stats", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/metrics");
  await page.getByRole("img", { name: /^Requests over the last minute: answered/ }).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  const figure = (name: string) =>
    page.locator(".figure", { hasText: name }).locator("strong").innerText();
  const stats = JSON.parse((await citadel(temp.path, ["local:stats", "--json"])).stdout) as {
    packages: { total: number; versions: number };
  };
  // it looks again every ten seconds
  await expect
    .poll(() => figure("Packages"), { timeout: 15_000 })
    .toBe(String(stats.packages.total));
  const text = (await request(`${server.url}/metrics`)).text();
  const exported = (pattern: RegExp): number =>
    Array.from(text.matchAll(pattern)).reduce((sum, [, value]) => sum + Number(value), 0);
  expect(exported(/^citadel_packages\{origin="local"\} (\d+)/gm)).toBe(stats.packages.total);
  for (const [name, family] of [
    ["Downloads", "tarball_downloads_total"],
    ["Configuration", "config_updates_total"],
  ] as const)
    expect([name, await figure(name)]).toEqual([
      name,
      String(exported(new RegExp(`^citadel_${family}\\S* (\\d+)$`, "gm"))),
    ]);
  expect(await page.getByText(`${stats.packages.versions} versions`).count()).toBe(1);
  expect(await figure("Publishes")).toBe(
    String(exported(/^citadel_publishes_total\{result="ok"\} (\d+)/gm)),
  );
  // whoever looks is told what concerns everybody
  const large = { name: "too-large", version: "1.0.0" };
  const big = pack(large, { "big.bin": randomBytes(6_000_000) });
  const token = await signIn(server.url, "ann");
  await expect(publish(server.url, token, large, big)).rejects.toThrow("507");
  await page.getByText("nothing more can be published: the storage is full").last().waitFor();
  // charts have tables, and stand still when they are told to
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("paused", { exact: true }).waitFor();
  await page
    .getByRole("region", { name: "Memory", exact: true })
    .getByRole("button", { name: "Show as table" })
    .click();
  const rows = page.getByRole("region", { name: "Memory, newest first" }).getByRole("row");
  const before = await rows.nth(1).innerText();
  expect(before).toMatch(/\d\d:\d\d:\d\d\s+[\d.]+ MB/);
  expect(await violations(page)).toEqual([]);
  await page.context().close();
});

test("B6: figures that stop are greyed and late, and leave a gap; a tab that nobody sees asks for nothing; alerts are said at most every ten seconds", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/metrics");
  // the clock of a browser goes as it likes
  await page.addInitScript(`const { now } = Date;
    globalThis.behind = 3_600_000;
    Date.now = () => now() - behind;`);
  const asked: string[] = [];
  page.on("request", (sent) => asked.push(sent.url()));
  await page.routeWebSocket(/\/ws$/, (socket) => {
    socket.connectToServer().onMessage((message) => {
      asked.push(String(message));
      socket.send(message);
      // news of an alert come in crowds when much is wrong
      for (let n = 1; n < 6 && String(message).includes('"alert"'); n++)
        setTimeout(() => socket.send(message), 100 * n);
    });
  });
  const blocks = `${server.url}/_dashboard/api/_api/security/blocks`;
  const headers = { origin: server.url };
  await page.reload();
  await page.evaluate(`globalThis.said = [];
    const region = document.querySelector("#app > [role=status]");
    new MutationObserver(() => said.push(region.textContent)).observe(region, {
      ...{ childList: true, characterData: true, subtree: true },
    });`);
  const blocked = await page.request.post(blocks, { headers, data: { address: "203.0.113.8" } });
  expect(blocked.status()).toBe(201);
  const state = (name: string) => page.getByText(name, { exact: true }).waitFor();
  const stale = page.locator(".panel.stale");
  await state("live");
  await page.getByRole("img", { name: /^Memory over/ }).waitFor();
  expect(await stale.count()).toBe(0);
  server.child.kill("SIGSTOP");
  try {
    await state("late");
    expect(await stale.count()).toBe(8);
  } finally {
    server.child.kill("SIGCONT");
  }
  await state("live");
  await expect.poll(() => stale.count()).toBe(0);
  // a minute is as wide as the chart: three seconds and more are a gap in its line
  const [gap = 0, drawn = 0] = await page.evaluate<number[]>(longestGap);
  expect(gap).toBeGreaterThan(drawn / 25);
  const firing = page.getByRole("region", { name: "Firing alerts" });
  await firing.getByText("blocked-clients 1, limit 0").waitFor();

  await page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
    behind -= 60_000;`);
  await wait(500);
  asked.length = 0;
  await wait(2500);
  expect(asked).toEqual([]);
  expect(await page.evaluate("said")).toEqual(["Alert: blocked-clients"]);
  await page.context().close();
});

test("H8: an administrator makes another one, an organisation and its teams, and locks somebody out", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const token = await signIn(server.url, "olga");
  const page = await open("/people");
  const sure = async (action: string) =>
    page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
  const row = (name: string) => page.getByRole("row", { name: new RegExp(name) });
  await page.getByRole("button", { name: "Make administrator: olga" }).click();
  await sure("Make administrator");
  await row("olga").getByText("administrator", { exact: true }).waitFor();
  expect((await request(`${server.url}/_api/people/users`, { token })).status).toBe(200);
  await page.getByRole("button", { name: "Disable: ann" }).click();
  await sure("Disable");
  await row("ann").getByText("disabled").waitFor();
  await page.getByRole("button", { name: "Enable: ann" }).click();
  await sure("Enable");
  await row("ann").getByText("disabled").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "New organisation" }).click();
  await page.getByLabel("Name").fill("core");
  await page.getByLabel("Owner").fill("ann");
  await page.getByRole("button", { name: "Make it" }).click();
  await heading(page, "@core");
  await page.getByRole("button", { name: "Add a member", exact: true }).click();
  await page.getByLabel("User").fill("olga");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByLabel("Role of olga").selectOption("admin");
  await page.getByRole("status").filter({ hasText: "olga is now: admin" }).waitFor();
  await page.getByLabel("Role of ann").selectOption("developer");
  await page.getByText("core must keep at least one owner").first().waitFor();
  await page.getByRole("button", { name: "Grant a package to developers" }).click();
  await page.getByRole("textbox", { name: "Package" }).fill("left-margin");
  await page.getByLabel("Right").selectOption("read-write");
  await page.getByRole("button", { name: "Grant", exact: true }).click();
  await page.getByRole("button", { name: "Take left-margin from developers" }).waitFor();
  const granted = await request(`${server.url}/-/team/core/developers/package`, { token });
  expect(granted.json()).toEqual({ "left-margin": "write" });

  await page.getByRole("link", { name: "left-margin" }).click();
  await page.getByRole("link", { name: "Access" }).click();
  await page.getByRole("button", { name: "Add an owner" }).click();
  await page.getByLabel("User").fill("olga");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "Remove ann" }).click();
  await sure("Remove");
  await row("ann").waitFor({ state: "detached" });
  const owners = await request(`${server.url}/-/package/left-margin/owners`);
  expect(owners.json()).toMatchObject([{ username: "olga" }]);
  await page.context().close();
});

test("H12: a webhook is made, its secret shown once, called to try, called again and switched off", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  await using to = await receiver();
  const page = await open("/sign-in?to=/hooks", { signedIn: false });
  await page.getByLabel("User name").fill("olga");
  await page.getByLabel("Password").fill("correct horse 1");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "New webhook" }).click();
  await page.getByLabel("Address").fill(to.url);
  await page.getByLabel("Events").fill("package.*");
  await page.getByRole("button", { name: "Make the webhook" }).click();
  const dialog = page.getByRole("dialog", { name: "The secret of the webhook" });
  const secret = await dialog.locator("code").innerText();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
  await page.keyboard.press("Escape");
  const { host } = new URL(to.url);
  await page.getByRole("link", { name: host }).click();
  await heading(page, host);
  expect(await page.content()).not.toContain(secret);
  hookPage = [page.url().slice(`${server.url}/_dashboard`.length), host];
  await page.getByRole("button", { name: "Test" }).click();
  await page.getByRole("cell", { name: "webhook.test" }).waitFor();
  const manifest = { name: "right-margin", version: "1.0.0" };
  await publish(server.url, await signIn(server.url, "ann"), manifest, pack(manifest));
  await to.count(2);
  await page.reload();
  await page.getByRole("button", { name: /^Replay package.published/ }).click();
  await to.count(3);
  expect(to.got[2]?.body).toBe(to.got[1]?.body);
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("disabled").waitFor();
  await page.context().close();
});

describe("B6: no screen shuts anybody out, in both themes", () => {
  // what stands in a table has names too
  beforeAll(async () => {
    if (!browser) return;
    const page = await open("/");
    const post = async (to: string, data: object) => {
      const headers = { origin: server.url };
      const answer = await page.request.post(`${server.url}/_dashboard/api/_api/${to}`, {
        ...{ headers, data },
      });
      expect([to, answer.ok()]).toEqual([to, true]);
    };
    await post("security/blocks", { address: "203.0.113.9" });
    await post("security/keys", { name: "old", user: "ann", expires: "3d", permissions: ["read"] });
    await post("performance/alerts/silences", { rule: "blocked-clients", for: "2h" });
    await page.context().close();
  });
  test.concurrent.each([1200, 320])("at a width of %i", async (width) => {
    if (!browser) return;
    const page = await open("/", { width });
    for (const [to, name] of [
      ["/", "Packages"],
      ["/?q=buton", "Packages"],
      ["/set-up", "Set up a client"],
      ["/sign-in", "Sign in"],
      ["/security", "Security"],
      ["/configuration", "Configuration"],
      ["/metrics", "Metrics"],
      ["/people", "People"],
      ["/people/core", "@core"],
      ["/package/@acme/button/access", "@acme/button"],
      ["/hooks", "Webhooks"],
      ...(hookPage ? [hookPage] : []),
      ["/policy", "Policy"],
      ["/audit", "Audit"],
      ["/nowhere", "There is nothing here"],
    ] as const) {
      await page.goto(`${server.url}/_dashboard${to}`);
      await heading(page, name);
      await page.waitForLoadState("networkidle");
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect([to, colorScheme, await violations(page)]).toEqual([to, colorScheme, []]);
        await picture(page, `dashboard${to.replace(/\W+/g, "-")}-${width}-${colorScheme}`);
      }
      // nothing needs to be scrolled sideways
      const scrolled = await page.evaluate("document.documentElement.scrollWidth");
      expect([to, scrolled]).toEqual([to, width]);
    }
    await page.context().close();
  });
});

test("B6: who is not signed in is asked to, and comes back to where they were", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  expect((await citadel(temp.path, ["registry:user:admin", "ann"])).code).toBe(0);
  const page = await open("/audit", { signedIn: false });
  await page.getByText("Only an administrator sees this.").waitFor();
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  expect(await page.getByRole("alert").innerText()).toMatch(/password is wrong/);
  await page.getByLabel("Password").fill("correct horse 1");
  await page.keyboard.press("Enter");
  await heading(page, "Audit");
  await page.getByRole("cell").first().waitFor();
  // elsewhere the account is disabled: the next question says so
  expect((await citadel(temp.path, ["registry:user:disable", "ann"])).code).toBe(0);
  await page.reload();
  await page.getByText("Only an administrator sees this.").waitFor();
  await page.context().close();
});

test("B6, attack 33: where every write needs a code, the dashboard asks for one; scripts see no credential", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const password = "correct horse 2";
  // there may be an administrator, and then nobody makes an account alone
  const create = ["registry:user:create", "bob", "--admin", "--password-file", "-"];
  expect(await citadel(temp.path, create, { input: password })).toMatchObject({ code: 0 });
  const token = await signIn(server.url, "bob", password);
  const profile = (body: object) =>
    request(`${server.url}/-/npm/v1/user`, { method: "POST", token, body: JSON.stringify(body) });
  const mode = { mode: "auth-and-writes", password };
  const app = authenticator(((await profile({ tfa: mode })).json() as { tfa: string }).tfa);
  const { tfa: codes } = (await profile({ tfa: [app.code()] })).json() as { tfa: string[] };

  const page = await open("/sign-in?to=/configuration", { signedIn: false });
  await page.getByLabel("User name").fill("bob");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.keyboard.press("Enter");
  await page.getByLabel("One-time password").fill(codes[0] ?? "");
  await page.keyboard.press("Enter");
  await heading(page, "Configuration");
  const logging = page.getByRole("switch", { name: /LOGGING/ });
  await logging.click();
  const dialog = page.getByRole("dialog", { name: "One-time password" });
  await dialog.getByLabel("Code").fill(codes[1] ?? "");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await page.locator("[role=switch][aria-checked=false]", { hasText: "LOGGING" }).waitFor();
  expect((await readFile(lock()))[8]).toBe(0x62);
  const [cookie, ...others] = await page.context().cookies();
  expect([cookie?.httpOnly, others]).toEqual([true, []]);
  const seen = await page.evaluate(
    "document.cookie + JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href])",
  );
  for (const secret of [cookie?.value ?? "", password, ...codes])
    expect(seen).not.toContain(secret);
  await page.context().close();
});

test("B6: the page says something without JavaScript", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${server.url}/_dashboard`);
  expect(await page.locator("body").innerText()).toContain("It needs JavaScript");
  await context.close();
});

test("B6: what is downloaded stays small", async () => {
  const folder = join(root, "plugins/serve/dist/dashboard/ui");
  interface Chunk {
    readonly file: string;
    readonly imports?: readonly string[];
    readonly css?: readonly string[];
  }
  const manifest = JSON.parse(
    await readFile(join(folder, ".vite/manifest.json"), "utf8"),
  ) as Record<string, Chunk>;
  const size = async (file: string) => (await readFile(join(folder, `${file}.gz`))).length;
  /** bytes of scripts that a page needs */
  const weigh = async (...names: string[]): Promise<number> => {
    const all = new Set<string>();
    const visit = (name: string): void => {
      if (all.has(name)) return;
      all.add(name);
      manifest[name]?.imports?.forEach(visit);
    };
    names.forEach(visit);
    const sizes = Array.from(all, (name) => size(manifest[name]?.file ?? ""));
    return (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
  };
  const first = await weigh("src/main.tsx", "src/screens/packages.tsx");
  expect(first).toBeLessThan(45_000);
  const charts = await weigh("src/main.tsx", "src/screens/metrics/index.tsx");
  expect(charts - (await weigh("src/main.tsx"))).toBeLessThan(45_000);
  const files = (await readdir(join(folder, "assets"))).filter((name) => name.endsWith(".gz"));
  const sizes = await Promise.all(files.map((name) => size(`assets/${name.slice(0, -3)}`)));
  const all = sizes.reduce((sum, one) => sum + one, 0);
  expect(all).toBeLessThan(250_000);
  // what the server keeps in memory
  const brotli = await Promise.all(
    files.map(
      async (name) => (await readFile(join(folder, "assets", name.replace(/gz$/, "br")))).length,
    ),
  );
  expect(all + brotli.reduce((sum, one) => sum + one, 0)).toBeLessThan(600_000);
});
