// E5: subscribing, asking politely, reading, and the page; against a real server and in a real browser.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Citadel } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { openReader, type Reader, type Report } from "@citadel/plugin-rss";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { oneProcess } from "../support/one-process.ts";
import { openCore } from "../support/core.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let base: string;
let home: Temp;
const routes = new Map<string, Answer>();
const asked: { readonly url: string; readonly headers: IncomingMessage["headers"] }[] = [];

beforeAll(async () => {
  home = await tempFolder("rss");
  server = createServer((request, response) => {
    asked.push({ url: request.url ?? "", headers: request.headers });
    const route = routes.get(request.url ?? "");
    if (route) route(request, response);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await home.remove();
});
afterEach(() => {
  routes.clear();
  asked.length = 0;
});

const feed = (title: string, ...items: readonly string[]): string =>
  `<rss version="2.0"><channel><title>${title}</title><link>/</link>${items.map((one) => `<item><guid isPermaLink="false">${one}</guid><title>${one}</title></item>`).join("")}</channel></rss>`;
/** Answers with these headers and this body. */
const says =
  (body: string | Uint8Array, headers: Record<string, string> = {}, status = 200): Answer =>
  (_, response) =>
    response.writeHead(status, { "content-type": "application/rss+xml", ...headers }).end(body);
const leads =
  (status: number, to: string): Answer =>
  (_, response) =>
    response.writeHead(status, { location: to }).end();

describe("E5: asking for a feed", () => {
  let core: Citadel;
  let reader: Reader;
  let place: Temp;
  beforeEach(async () => {
    place = await tempFolder("rss-core");
    core = await openCore(place.path, { CITADEL_FEEDS_ALLOW: "127.0.0.1" });
    reader = openReader(core, commandLine);
  });
  afterEach(async () => {
    await reader.close();
    await core.close();
    await place.remove();
  });
  const refresh = async (): Promise<Report> => {
    asked.length = 0;
    const [report] = await reader.refresh(await reader.list(), { force: true });
    return report as Report;
  };
  const wait = ({ next = 0 }: Report): number => Math.round((next - Date.now()) / 60_000);

  test.each([
    ["a strong etag", { etag: '"a"' }, { "if-none-match": '"a"' }],
    ["a weak one with odd characters", { etag: 'W/"a b\\"' }, { "if-none-match": 'W/"a b\\"' }],
    ["one without quotes, as it came", { etag: "abc" }, { "if-none-match": "abc" }],
    [
      "a date in any form, as it came",
      { "last-modified": "Sat, 1 Jan 24 0:00 GMT" },
      { "if-modified-since": "Sat, 1 Jan 24 0:00 GMT" },
    ],
    [
      "both",
      { etag: '"a"', "last-modified": "x" },
      { "if-none-match": '"a"', "if-modified-since": "x" },
    ],
    ["neither", {}, {}],
  ])("sends back %s", async (_, sent, expected) => {
    routes.set("/f", says(feed("f", "one"), sent));
    await reader.add(`${base}/f`, {});
    routes.set("/f", (_request, response) => response.writeHead(304, { etag: '"newer"' }).end());
    expect(await refresh()).toMatchObject({ outcome: "unchanged", fresh: 0 });
    const { "if-none-match": match, "if-modified-since": since } = asked[0]?.headers ?? {};
    expect({
      ...(match && { "if-none-match": match }),
      ...(since && { "if-modified-since": since }),
    }).toEqual(expected);
    // what a 304 says counts from then on
    await refresh();
    expect(asked[0]?.headers["if-none-match"]).toBe('"newer"');
  });

  test("validators go only to the address that had sent them", async () => {
    routes.set("/a", leads(302, "/b"));
    routes.set("/b", says(feed("f", "one"), { etag: '"1"' }));
    await reader.add(`${base}/a`, {});
    routes.set("/a", leads(302, "/c"));
    routes.set("/c", says(feed("f", "one", "two"), { etag: '"1"' }));
    expect(await refresh()).toMatchObject({ outcome: "fetched", fresh: 1 });
    expect(asked.map(({ url, headers }) => [url, headers["if-none-match"]])).toEqual([
      ["/a", undefined],
      ["/c", undefined],
    ]);
  });

  test.each([
    [[301], "moved", "/1"],
    [[308], "moved", "/1"],
    [[302], "fetched", "/0"],
    [[307], "fetched", "/0"],
    [[301, 301], "moved", "/2"],
    [[301, 302], "moved", "/1"],
    [[302, 301], "fetched", "/0"],
  ])("redirects %j: %s, subscribed is %s", async (statuses, outcome, subscribed) => {
    routes.set("/0", says(feed("f", "one")));
    await reader.add(`${base}/0`, { title: "mine", folder: "group" });
    for (const [n, status] of statuses.entries()) routes.set(`/${n}`, leads(status, `/${n + 1}`));
    routes.set(`/${statuses.length}`, says(feed("f", "one", "two")));
    expect(await refresh()).toMatchObject({ outcome, fresh: 1 });
    const [one] = await reader.list();
    expect(one).toMatchObject({ url: base + subscribed, title: "mine", folder: "group" });
    expect(one?.kept?.items).toHaveLength(2);
  });

  test.each([
    ["a redirect without end", leads(302, "/f"), /without end/],
    ["one to nowhere", leads(302, "http://"), /no address/],
    ["one into a private network", leads(302, "http://10.0.0.1/x"), /private network/],
    ["one to another scheme", leads(302, "file:///etc/passwd"), /only http/],
    ["an error", says("", {}, 500), /status 500/],
    [
      "an error that says nothing",
      (_: IncomingMessage, response: ServerResponse) => response.destroy(),
      /cannot be reached|damaged/,
    ],
    ["a page in its place", says("<!doctype html><html>", { "content-type": "text/html" }), /page/],
    ["a bomb", says('<!DOCTYPE r [<!ENTITY a "b">]><rss/>'), /DOCTYPE/],
    ["eleven MiB", says("x".repeat(11 * 2 ** 20)), /more than/],
    [
      "eleven MiB in a few bytes",
      says(gzipSync("x".repeat(11 * 2 ** 20)), { "content-encoding": "gzip" }),
      /more than/,
    ],
  ])(
    "%s is reported, and asked for ever more seldom; what was read stays",
    async (_, answer, problem) => {
      routes.set("/f", says(feed("f", "one")));
      await reader.add(`${base}/f`, {});
      routes.set("/f", answer);
      const first = await refresh();
      expect(first).toMatchObject({ outcome: "failed", problem: expect.stringMatching(problem) });
      for (let again = 0; again < 3; again++) await refresh();
      expect(wait(await refresh())).toBeGreaterThan(50);
      expect((await reader.list())[0]?.kept?.items).toHaveLength(1);
      routes.set("/f", says(feed("f", "one", "two")));
      expect(await refresh()).toMatchObject({ outcome: "fetched", fresh: 1 });
      expect((await reader.list())[0]?.kept?.problem).toBeUndefined();
    },
  );

  test.each([
    ["nothing is said", {}, 200, 30],
    ["max-age is long", { "cache-control": "public, max-age=7200" }, 200, 120],
    ["max-age is short", { "cache-control": "max-age=1" }, 200, 5],
    ["max-age is absurd", { "cache-control": "max-age=999999999" }, 200, 24 * 60],
    ["429 says when", { "retry-after": "7200" }, 429, 120],
    [
      "429 says a day",
      { "retry-after": new Date(Date.now() + 3 * 3_600_000).toUTCString() },
      429,
      180,
    ],
    ["503 says when", { "retry-after": "172800" }, 503, 48 * 60],
    ["429 says an absurd time", { "retry-after": "999999999" }, 429, 7 * 24 * 60],
  ])("asked again when %s", async (_, headers, status, minutes) => {
    routes.set("/f", says(feed("f", "one")));
    await reader.add(`${base}/f`, {});
    routes.set("/f", says(feed("f", "one"), headers, status));
    const report = await refresh();
    expect(Math.abs(wait(report) - minutes)).toBeLessThanOrEqual(1);
    const [again] = await reader.refresh(await reader.list(), { force: false });
    expect(again?.outcome).toBe("waiting");
    // nobody overrules a server that wants to be left alone
    if (status !== 200) expect(await refresh()).toMatchObject({ outcome: "waiting" });
  });

  test("what is gone is not asked again, and can be taken away", async () => {
    routes.set("/f", says(feed("f", "one")));
    await reader.add(`${base}/f`, {});
    routes.set("/f", says("", {}, 410));
    expect(await refresh()).toMatchObject({ outcome: "gone" });
    expect(await refresh()).toMatchObject({ outcome: "gone" });
    expect(asked).toEqual([]);
    await expect(reader.look(`${base}/f`)).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    await reader.remove(`${base}/f`);
    expect(await reader.list()).toEqual([]);
  });

  test("items stay when the feed drops them, read ones stay read", async () => {
    routes.set("/f", says(feed("f", "one", "two")));
    await reader.add(`${base}/f`, {});
    await reader.markRead(`${base}/f`, new Set(["one"]));
    routes.set("/f", says(feed("f", "two", "three")));
    expect(await refresh()).toMatchObject({ fresh: 1 });
    const items = (await reader.list())[0]?.kept?.items ?? [];
    expect(new Map(items.map(({ id, read = false }) => [id, read]))).toEqual(
      new Map<string, boolean>([
        ["one", true],
        ["three", false],
        ["two", false],
      ]),
    );
  });

  test("a page leads to its feed; what cannot be a feed is refused", async () => {
    routes.set(
      "/",
      says(
        '<!doctype html><link rel=alternate type="application/rss+xml" href="/f"><link rel=alternate type="application/atom+xml" href="/g">',
        { "content-type": "text/html" },
      ),
    );
    routes.set("/f", says(feed("found", "one")));
    expect(await reader.add(base, {})).toEqual({
      url: `${base}/f`,
      title: "found",
      items: 1,
      others: [`${base}/g`],
    });
    await expect(reader.add(`${base}/f#x`, {})).rejects.toMatchObject({ code: "E_CONFLICT" });
    routes.set("/none", says("<!doctype html><p>x", { "content-type": "text/html" }));
    for (const [url, code] of [
      [`${base}/none`, "E_REMOTE_ANSWER"],
      [`${base}/missing`, "E_REMOTE_ANSWER"],
      ["http://127.0.0.2:1/", "E_REMOTE_ADDRESS"],
      ["file:///etc/passwd", "E_USAGE"],
      ["javascript:alert(1)", "E_USAGE"],
      ["https://user:hunter2@site.example/f", "E_USAGE"],
    ] as const)
      await expect(reader.add(url, {}), url).rejects.toMatchObject({ code });
  });

  test("each user has subscriptions of their own", async () => {
    routes.set("/f", says(feed("f", "one")));
    await reader.add(`${base}/f`, {});
    const other = openReader(core, {
      ...commandLine,
      principal: { ...commandLine.principal, name: "ann" },
    });
    expect(await other.list()).toEqual([]);
    await other.add(`${base}/f`, {});
    await other.markRead(`${base}/f`, new Set(["one"]));
    expect((await reader.list())[0]?.kept?.items[0]?.read).toBeUndefined();
    await other.close();
  });
});

describe("E5: from the command line", () => {
  const run = (...args: readonly string[]) =>
    citadel(home.path, args, { cwd: home.path, env: { CITADEL_FEEDS_ALLOW: "127.0.0.1" } });
  const json = async (...args: readonly string[]) => {
    const ran = await run(...args, "--json");
    return { code: ran.code, json: JSON.parse(ran.stdout) };
  };

  test(
    "subscribe, fetch, list, read, write a page, OPML out and in, remove",
    { timeout: 120_000 },
    async () => {
      routes.set("/f", says(feed("A \u001b[2J title", "one", "two")));
      expect((await json("rss:add", `${base}/f`, "--folder", "News")).json).toMatchObject({
        items: 2,
      });
      expect((await json("rss:list")).json.items).toMatchObject([
        { unread: 2, state: "ok", folder: "News" },
      ]);
      expect((await json("rss:fetch")).json.items).toMatchObject([{ outcome: "waiting" }]);
      expect(
        (await json("rss:list", "--unread", "--read", "--limit", "1")).json.items,
      ).toHaveLength(1);
      const piped = await run("rss:list", "--unread");
      expect(piped.stdout.split("\n")).toHaveLength(2);
      // oxlint-disable-next-line no-control-regex -- that is what must not be there
      expect(piped.stdout).not.toMatch(/[\x00-\x08\x0b-\x1f]/);
      const opml = (await run("rss:list", "--opml")).stdout;
      await writeFile(
        join(home.path, "f.opml"),
        opml.replace(
          "</body>",
          `<outline text="b" xmlUrl="${base}/g"/><outline text="c" xmlUrl="ftp://x/"/></body>`,
        ),
      );
      expect((await json("rss:add", "--opml", "f.opml")).json).toEqual({
        items: [`${base}/g`],
        listed: 3,
      });
      expect((await run("log", "--kind", "subscription")).stdout).toContain(
        `subscribe to ${base}/f`,
      );
      const failing = await json("rss:fetch", `${base}/g`);
      expect(failing).toMatchObject({ code: 7, json: { items: [{ outcome: "failed" }] } });
      expect((await run("rss:fetch", "-f")).stderr).toContain(`${base}/g: 127.0.0.1`);
      expect(await json("rss:remove", `${base}/x`)).toMatchObject({
        code: 4,
        json: { error: { hint: expect.arrayContaining([`did you mean ${base}/f?`]) } },
      });
      expect((await json("rss:remove", "b")).json).toEqual({ url: `${base}/g` });
      expect(await json("rss:add")).toMatchObject({ code: 2 });
      expect((await citadel(home.path, ["verify", "--json"])).code).toBe(0);
    },
  );

  test(
    "E5: the page runs nothing, asks nobody, and its browser has nothing to complain of",
    { timeout: 120_000 },
    async () => {
      const hostile = [
        "<script>document.title='owned'</script><img src='http://tracker.example/p.gif' onerror=alert(1)>",
        "<iframe src='http://frame.example/'></iframe><link rel=stylesheet href=//css.example/x><style>@import '//css.example/y'</style>",
        "<a href='javascript:alert(1)'>a</a><a href='//protocol.example/x'>b</a><a href='rel'>c</a><a href='data:text/html,x'>d</a>",
        "<form action=http://form.example><button>x</button></form><video src=http://v.example poster=http://p.example></video>",
        "<svg onload=alert(1)><use href='http://svg.example#x'></use></svg><meta http-equiv=refresh content='0;url=http://meta.example'>",
        "</div></article></main><plaintext><base href=http://base.example/><p style='background:url(http://bg.example)' id=x>styled</p>",
        "<math><mtext></p><style><a title='</style><img src=http://m.example onerror=alert(1)>'>",
        "<noscript><p title='</noscript><img src=http://n.example onerror=alert(1)>'></noscript>",
      ];
      const items = hostile.map(
        (html, n) =>
          `<item><title>${n} &lt;script&gt;alert(1)&lt;/script&gt; \u202e</title><link>https://site.example/${n}</link><description><![CDATA[${html}]]></description></item>`,
      );
      routes.set(
        "/h",
        says(
          `<rss version="2.0"><channel><title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>${items.join("")}</channel></rss>`,
        ),
      );
      expect(
        (await json("rss:add", `${base}/h`, "--title", "</title><script>alert(1)</script>")).code,
      ).toBe(0);
      const file = join(home.path, "page.html");
      expect((await json("rss:html", `${base}/h`, "-o", file)).json).toEqual({
        items: hostile.length,
        file,
      });
      const browser = await openBrowser();
      if (!browser) return;
      try {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("request", (sent) => {
          if (sent.url() !== pathToFileURL(file).href && sent.url() !== "data:,")
            complaints.push(`asked ${sent.url()}`);
        });
        page.on("console", (message) => complaints.push(message.text()));
        page.on(
          "dialog",
          (dialog) => (complaints.push(`dialog ${dialog.message()}`), dialog.dismiss()),
        );
        page.on("pageerror", (error) => complaints.push(String(error)));
        await page.goto(pathToFileURL(file).href, { waitUntil: "networkidle" });
        expect(complaints).toEqual([]);
        expect(await page.title()).toBe("</title><script>alert(1)</script>");
        expect(await page.locator("article").count()).toBe(hostile.length);
        expect(
          await page
            .locator(
              "script, iframe, form, svg, math, base, style:not(head *), [style], [onclick], [onerror], article img",
            )
            .count(),
        ).toBe(0);
        const links = await page
          .locator("a[href]")
          .evaluateAll((all) =>
            all.map((one) => one.getAttribute("href") + " " + one.getAttribute("rel")),
          );
        for (const link of links)
          expect(link).toMatch(/^(?:https?:\/\/|mailto:)\S* (?=.*noopener)(?=.*nofollow)/);
        expect(links.some((link) => link.startsWith("https://site.example/rel"))).toBe(true);
      } finally {
        await browser.close();
      }
    },
  );
});
