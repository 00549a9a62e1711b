// B6, attacks 29 and 30: the pages of packages in a real browser.
import { createHash } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openBrowser, pictureOf } from "../support/browser.ts";
import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, publish, publishDocument, put, signIn, type Manifest } from "../support/packages.ts";
import { heavyReadmes, hostileReadmes } from "../support/readmes.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { createWindows, violations, type Windows } from "../support/windows.ts";

let browser: Browser | undefined;
let temp: Temp;
let server: Server;
let windows: Windows | undefined;
const attacks = [...Object.entries(hostileReadmes), ...Object.entries(heavyReadmes).slice(0, 2)];

const forbidden =
  "script,style,svg,math,iframe,object,embed,form,base,meta,link,template,video,audio,dialog";
const readme = `# Toolbox

[numbers](docs/numbers.md) ![badge](https://img.example/b.svg) ![logo](logo.svg)

## Use

\`\`\`js
const a = "b";
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

- [x] done

## More

> [!WARNING]
> Careful.
`;
const tool = (version: string): Manifest => ({
  ...{ name: "@acme/toolbox", version, description: "Small tools", license: "MIT" },
  dependencies: { tiny: "^1.0.0" },
  ...(version === "2.0.0" && { scripts: { postinstall: "node build.js" } }),
});

const proofOf = (version: string) => `@acme/toolbox-${version}.sigstore`;
/** A provenance as npm sends it; who signed it is not looked at here. */
function proof(version: string, tarball: Buffer) {
  const digest = { sha512: createHash("sha512").update(tarball).digest("hex") };
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: `pkg:npm/%40acme/toolbox@${version}`, digest }],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: { buildDefinition: {} },
  };
  const data = JSON.stringify({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { certificate: { rawBytes: "AA==" }, tlogEntries: [] },
    dsseEnvelope: {
      payload: Buffer.from(JSON.stringify(statement)).toString("base64"),
      payloadType: "application/vnd.in-toto+json",
      signatures: [{ sig: "AA==", keyid: "" }],
    },
  });
  const content_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
  return { content_type, data, length: data.length };
}

beforeAll(async () => {
  browser = await openBrowser();
  temp = await tempFolder("packages");
  server = await serve({ home: temp.path });
  windows = browser && createWindows(browser, server.url);
  const token = await signIn(server.url, "ann");
  const send = (manifest: Manifest, files: Record<string, string> = {}): Promise<Buffer> =>
    publish(server.url, token, manifest, pack(manifest, files));
  // round in a circle
  await send({ name: "grain", version: "1.0.0", dependencies: { "@acme/toolbox": "*" } });
  await send({ name: "tiny", version: "1.0.0", dependencies: { grain: "1" } });
  await send({ name: "tiny", version: "2.0.0" });
  for (const version of ["1.0.0", "1.1.0", "2.0.0"]) {
    const manifest = tool(version);
    const tarball = pack(manifest, {
      ...{ "README.md": readme, "docs/numbers.md": "# Numbers\n" },
      "logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20'/>",
      "lib/a.js": Array.from({ length: 40 }, (_, n) => `line(${n}, "${version}");`).join("\n"),
    });
    const document = publishDocument(server.url, manifest, tarball);
    if (version === "1.1.0") document._attachments[proofOf(version)] = proof(version, tarball);
    expect((await put(server.url, token, document)).status).toBe(201);
  }
  for (const [n, [, text]] of attacks.entries())
    await send({ name: "hostile", version: `1.0.${n}` }, { "README.md": `START${n}\n\n${text}` });
  await send(
    {
      ...{ name: long, version: `1.0.0-${"x".repeat(60)}`, description: "y".repeat(2000) },
      ...{ license: "L".repeat(200), scripts: { install: "z".repeat(500) } },
      dependencies: { ["d".repeat(200)]: `^1.0.0 || ${"2.0.0 ||".repeat(40)} 3` },
    },
    {
      "README.md": `# ${"x".repeat(500)}\n\n|${"c".repeat(300)}|\n|-|\n\n    ${"code ".repeat(99)}`,
      [`${"deep/".repeat(12)}we\u0007ird\u202e<b>.js`]: "strange",
    },
  );
  await request(`${server.url}/@acme%2ftoolbox/-/toolbox-2.0.0.tgz`);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await server.stop();
  await temp.remove();
  expect(windows?.complaints ?? []).toEqual([]);
});

async function open(to: string): Promise<Page> {
  if (!windows) throw new Error("no browser");
  return windows.open(to);
}
/** Goes on within the page, as its links do. */
const go = (page: Page, to: string): Promise<unknown> =>
  page.evaluate(`history.pushState(null, "", ${JSON.stringify(`/_dashboard${to}`)});
    dispatchEvent(new PopStateEvent("popstate")); undefined`);
const at = "/package/@acme/toolbox";
const long = `@${"scope".repeat(12)}/${"name".repeat(35)}`;

describe("attacks 29 and 35: a README does nothing to who reads it, and tells nobody", () => {
  test("nothing runs, nobody else is asked, nothing lies over the page", async ({ skip }) => {
    if (!browser) return skip("no chromium here");
    const page = await open("/package/hostile/v/1.0.0");
    page.on("dialog", (dialog) => {
      expect.soft(dialog.message()).toBe("no dialog");
      void dialog.dismiss();
    });
    for (const [n, [name]] of attacks.entries()) {
      await go(page, `/package/hostile/v/1.0.${n}`);
      await page.locator(".prose", { hasText: `START${n}` }).waitFor({ timeout: 20_000 });
      const found = await page.evaluate(`(() => {
        const body = document.querySelector(".prose");
        const all = [...body.querySelectorAll("*")];
        return {
          elements: body.querySelectorAll("${forbidden}").length,
          handlers: all.filter((one) => [...one.attributes].some(({ name }) => /^(?:on|style)/.test(name))).length,
          over: all.filter((one) => /fixed|sticky/.test(getComputedStyle(one).position)).length,
          forms: document.forms.length,
          title: document.querySelector("h1").textContent,
        };
      })()`);
      const nothing = { elements: 0, handlers: 0, over: 0, forms: 0, title: "hostile" };
      expect([name, found]).toEqual([name, nothing]);
    }
    expect(windows?.complaints).toEqual([]);
    await page.context().close();
  }, 90_000);

  test("attack 30: a page that somebody published is text, and in a sandbox", async ({ skip }) => {
    if (!browser) return skip("no chromium here");
    const page = await open(at);
    await page.goto(`${server.url}/_dashboard/raw/@acme/toolbox/2.0.0/docs/numbers.md`);
    expect(await page.locator("body").innerText()).toBe("# Numbers\n");
    expect(await page.evaluate("origin")).toBe("null");
    await page.context().close();
  });
});

test("B6: README, install lines, keys, versions, files, differences", async ({ skip }) => {
  if (!browser) return skip("no chromium here");
  const page = await open(at);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = (): Promise<unknown> => page.evaluate("navigator.clipboard.readText()");
  await page.getByRole("heading", { level: 4, name: "Use" }).waitFor();
  expect(await page.locator(".image-off").innerText()).toBe("[badge (img.example)]");
  expect(await page.locator(".scripts").innerText()).toContain("node build.js");
  const trust = await page.getByRole("region", { name: "Trust" }).innerText();
  expect(trust).toMatch(/by this registry[^]*not checked: this registry has none[^]*sha512-/);
  await expect.poll(() => page.evaluate(`document.querySelector("img").naturalWidth`)).toBe(20);
  await page.getByRole("button", { name: "Copy the code" }).click();
  expect(await copied()).toBe('const a = "b";');
  await page.getByRole("button", { name: "pnpm" }).click();
  await page.keyboard.press("y");
  await expect.poll(copied).toBe("pnpm add @acme/toolbox");
  await page.getByRole("navigation", { name: "On this page" }).getByText("More").click();
  expect(page.url()).toContain("#user-content-more");

  const warning = page.getByRole("region", { name: "Less is proven of this version" });
  await warning.getByText("1.1.0 came with a provenance").waitFor();
  const rc = page.getByText(`@acme:registry=${server.url}/`, { exact: true });
  expect(await rc.count()).toBe(1);

  await page.keyboard.press("v");
  for (const major of ["1.x", "2.x"]) await page.getByRole("rowheader", { name: major }).waitFor();
  await page.getByLabel("Which versions does a range take?").fill("^1.0.1");
  await page.getByText("1 of 3 versions").waitFor();
  await page.getByRole("link", { name: "1.1.0", exact: true }).click();
  await page.waitForURL(`**${at}/v/1.1.0`);
  await page.getByText("comes with it").waitFor();
  expect(await warning.count()).toBe(0);
  await page.keyboard.press(".");
  await page.getByRole("link", { name: "lib/" }).click();
  await page.getByRole("link", { name: "a.js" }).click();
  await page.getByRole("link", { name: "Line 3", exact: true }).click();
  await page.getByRole("link", { name: "Line 5", exact: true }).click({ modifiers: ["Shift"] });
  expect(page.url()).toMatch(/\/v\/1\.1\.0\/files\/lib\/a\.js#L3-L5$/);
  expect(await page.locator(".marked").allInnerTexts()).toHaveLength(3);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+Enter");
  expect(page.url()).toMatch(/#L3-L6$/);

  await page.keyboard.press("d");
  await page.getByLabel("From").selectOption("1.0.0");
  await page.waitForURL(`**${at}/diff/1.0.0...2.0.0`);
  await page.locator(".diff .added", { hasText: '"version": "2.0.0"' }).waitFor();
  await go(page, `${at}/dependencies`);
  await page.getByText("outdated").waitFor();
  await page.getByRole("button", { name: "Show as a graph" }).click();
  await page.getByRole("link", { name: "grain 1.0.0", exact: true }).waitFor();
  expect(await page.locator(".graph .box").count()).toBe(3);
  expect(await page.locator(".graph .link").count()).toBe(3);
  expect(await violations(page)).toEqual([]);
  await page.getByRole("link", { name: "tiny 1.0.0, outdated" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/package/tiny/v/1.0.0");
  await go(page, "/package/tiny/dependents");
  await page.getByRole("link", { name: "@acme/toolbox" }).waitFor();
  await page.context().close();
}, 60_000);

test("B6: no page of a package shuts anybody out, in both themes and at two widths", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  const page = await open("/");
  const found: string[] = [];
  const screens = {
    [at]: ".prose",
    [`${at}/versions`]: "text=/Published/",
    [`${at}/dependencies`]: "text=outdated",
    "/package/tiny/dependents": "text=@acme/toolbox",
    [`${at}/files`]: "text=package.json",
    [`${at}/files/lib/a.js#L3`]: ".marked",
    [`${at}/diff/1.1.0...2.0.0`]: ".diff .added",
    [`${at}/downloads`]: ".chart canvas",
  };
  for (const [to, ready] of Object.entries(screens)) {
    await go(page, to);
    await page.locator(ready).first().waitFor({ timeout: 20_000 });
    for (const width of [1280, 360])
      for (const colorScheme of ["light", "dark"] as const) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        const look = `${to} ${width} ${colorScheme}`;
        for (const one of await violations(page)) found.push(`${look}: ${one}`);
        // nothing needs to be scrolled sideways
        const wide = await page.evaluate("document.documentElement.scrollWidth");
        if (wide !== width) found.push(`${look}: ${String(wide)} wide`);
        const path = pictureOf(look.replaceAll(/[^\w.-]+/g, "-"));
        if (path !== undefined) await page.screenshot({ path });
      }
  }
  for (const to of ["", "/versions", "/dependencies", "/files", `/files/${"deep/".repeat(12)}`]) {
    await go(page, `/package/${long}${to}`);
    await page.locator(".prose, tbody").first().waitFor();
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    if (wide !== 360) found.push(`${to} of a long name: ${String(wide)} wide`);
  }
  // where the system has its own colours, the tab that is shown still looks otherwise
  await page.emulateMedia({ forcedColors: "active" });
  const edge = (selector: string) =>
    page.evaluate(`getComputedStyle(document.querySelector(".sections ${selector}")).borderColor`);
  expect(await edge("a[aria-current]")).not.toBe(await edge("a:not([aria-current])"));
  expect(found).toEqual([]);
  await page.getByRole("link", { name: "we\u{fffd}ird\u{fffd}<b>.js" }).click();
  await page.locator(".code", { hasText: "strange" }).waitFor();
  await page.context().close();
}, 90_000);

test("F4: an owner turns the pages of single downloads by keyboard; nobody else sees them", async ({
  skip,
}) => {
  if (!browser) return skip("no chromium here");
  for (let n = 0; n < 60; n++) {
    const headers = { "user-agent": `fetcher/${n}` };
    await request(`${server.url}/@acme%2ftoolbox/-/toolbox-1.1.0.tgz`, { headers });
  }
  const page = await open(`/sign-in?to=${at}/downloads`);
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("correct horse 1");
  await page.keyboard.press("Enter");
  const table = page.getByRole("region", { name: "Single downloads", exact: true });
  await table.getByRole("cell", { name: "fetcher/59" }).waitFor();
  expect(await table.getByRole("row").count()).toBe(51);
  expect(await table.locator("code").first().innerText()).toMatch(/^[\w-]{8}$/);
  const pages = page.getByRole("navigation", { name: "Pages of downloads" });
  const press = async (name: string, key = "Enter") => {
    await pages.getByRole("button", { name }).focus();
    await page.keyboard.press(key);
  };
  await press("Older");
  await table.getByRole("cell", { name: "fetcher/9" }).waitFor();
  expect(await pages.getByRole("status").innerText()).toMatch(/^51 to 6\d, newest first$/);
  expect(await pages.getByRole("button", { name: "Older" }).isDisabled()).toBe(true);
  expect(await violations(page)).toEqual([]);
  await press("Newer", "Space");
  await table.getByRole("cell", { name: "fetcher/59" }).waitFor();
  const only = page.getByRole("region", { name: "Single downloads" }).getByLabel("Version");
  await only.focus();
  await page.keyboard.type("2.0.0");
  await table.getByRole("cell", { name: "fetcher/" }).first().waitFor({ state: "detached" });
  expect(await table.getByRole("rowheader", { name: "2.0.0" }).count()).toBeGreaterThan(0);
  await page.context().close();

  const stranger = await open(`${at}/downloads`);
  await stranger.getByRole("heading", { name: "By version" }).waitFor();
  expect(await stranger.getByText("Single downloads").count()).toBe(0);
  const path = `/_dashboard/api/packages/@acme%2ftoolbox/downloads/single`;
  expect((await request(`${server.url}${path}`)).status).toBe(401);
  await stranger.context().close();
});
