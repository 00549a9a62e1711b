import { commandLine } from "@citadel/core/access";
import type { PackageEvent } from "@citadel/core/registry";
import { parse, type Feed } from "@citadel/plugin-rss";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pack } from "../support/packages.ts";
import { base, place, type Got, type Place, type Sent } from "./place.ts";

let here: Place;
let token: string;
beforeEach(async () => {
  here = await place();
  token = await here.signIn("ann");
});
afterEach(async () => here[Symbol.asyncDispose]());

const publish = async (
  name: string,
  version: string,
  tag = "latest",
  fields: object = {},
): Promise<void> => {
  const manifest = { name, version, ...fields };
  const got = await here.publish(token, manifest, pack(manifest), tag);
  expect(got.status, got.text).toBe(201);
};

/** Every feed is read again by what reads feeds of others. */
function read({ bytes, headers }: Got, path: string): Feed {
  const found = parse({
    bytes,
    url: new URL(path, base).href,
    contentType: headers.get("content-type") ?? "",
  });
  if (found.kind !== "feed") throw new Error(JSON.stringify(found));
  return found.feed;
}

async function feed(path: string, sent: Sent = {}): Promise<Feed> {
  const got = await here.ask(`/-/feed/${path}`, sent);
  expect(got.status, got.text).toBe(200);
  return read(got, `/-/feed/${path}`);
}
const titles = async (path: string, sent: Sent = {}): Promise<readonly string[]> =>
  (await feed(path, sent)).items.map(({ title }) => title);

/** Changes are numbered at most once a second, unless somebody asks. */
const look = async () => (await here.citadel.changes()).look();

describe("H12, E5: feeds of releases", () => {
  test.each(["atom", "rss", "json"])(
    "%s: the newest first, with stable ids, and what became of versions",
    async (format) => {
      await publish("@ann/ui", "1.0.0", "latest", { description: "buttons & <b>more</b>" });
      await publish("one", "0.1.0");
      await publish("@ann/ui", "1.1.0");
      await here.citadel.registry.deprecate(
        "@ann/ui",
        new Map([["1.0.0", "use 1.1.0"]]),
        commandLine,
      );
      await here.citadel.registry.rollback(
        "@ann/ui",
        { to: "1.0.0", reason: "it broke" },
        commandLine,
      );
      const got = await here.ask(`/-/feed/releases.${format}`);
      const { items, title } = read(got, "/");
      expect(title).toBe("Releases of all packages");
      expect(items.map((item) => item.title)).toEqual([
        "@ann/ui latest is 1.0.0 again",
        "@ann/ui 1.0.0 is deprecated",
        "@ann/ui 1.1.0",
        "one 0.1.0",
        "@ann/ui 1.0.0",
      ]);
      const year = new Date().getUTCFullYear();
      expect(items.slice(2).map(({ id }) => id)).toEqual([
        `tag:localhost,${year}:@ann/ui@1.1.0`,
        `tag:localhost,${year}:one@0.1.0`,
        `tag:localhost,${year}:@ann/ui@1.0.0`,
      ]);
      expect(new Set(items.map(({ id }) => id)).size).toBe(5);
      expect(items[4]).toMatchObject({
        link: `${base}_dashboard/package/@ann/ui/v/1.0.0`,
        authors: ["ann"],
      });
      expect(items[4]?.html).toContain("<p>buttons &amp; &lt;b&gt;more&lt;/b&gt;</p>");
      expect(items[4]?.html).toContain("npm install @ann/ui@1.0.0");
      expect(items[1]?.html).toContain("use 1.1.0");
      expect(items[0]?.html).toContain("it broke");
      expect(got.text).toContain("urn:citadel");
      expect(got.headers.get("content-type")).toMatch(new RegExp(`${format}\\+|feed\\+`));
    },
  );

  test("per scope, package and tag, with and without prereleases", async () => {
    await publish("@ann/ui", "1.0.0");
    await publish("@ann/ui", "2.0.0-beta.1", "next");
    await publish("@ann/uix", "1.0.0");
    await publish("other", "1.0.0", "next");
    expect(await titles("scope/ann.atom")).toEqual([
      "@ann/uix 1.0.0",
      "@ann/ui 2.0.0-beta.1",
      "@ann/ui 1.0.0",
    ]);
    expect(await titles("scope/@ann.atom")).toHaveLength(3);
    expect(await titles("scope/an.atom")).toEqual([]);
    expect(await titles("package/@ann/ui.json")).toEqual(["@ann/ui 2.0.0-beta.1", "@ann/ui 1.0.0"]);
    expect(await titles("package/@ann%2fui.json")).toHaveLength(2);
    expect(await titles("tag/next.rss")).toEqual(["other 1.0.0", "@ann/ui 2.0.0-beta.1"]);
    expect(await titles("package/@ann/ui.rss?tag=next")).toEqual(["@ann/ui 2.0.0-beta.1"]);
    expect(await titles("releases.atom?prereleases=none")).toEqual([
      "other 1.0.0",
      "@ann/uix 1.0.0",
      "@ann/ui 1.0.0",
    ]);
    expect(await titles("releases.atom?prereleases=only")).toEqual(["@ann/ui 2.0.0-beta.1"]);
    for (const [path, status] of [
      ["package/nothing.atom", 404],
      ["releases.xml", 404],
      ["other.atom", 404],
      ["package", 404],
      ["releases.atom?prereleases=yes", 400],
    ] as const)
      expect((await here.ask(`/-/feed/${path}`)).status, path).toBe(status);
  });

  test("a hundred entries, and more when the last hour had more", async () => {
    for (let n = 0; n < 105; n++) await publish("many", `1.0.${n}`);
    expect(await titles("releases.atom")).toHaveLength(105);
    // what came in with an older date is not of the last hour
    const { state } = await here.citadel.registry.document("many", commandLine);
    const [, record] = [...state.versions][0] ?? [];
    if (!record) throw new Error("no record");
    await here.citadel.registry.packages.change("old", { name: "ann", via: "cli" }, () => [
      {
        ...{
          type: "import",
          created: 1,
          owners: ["ann"],
          stars: [],
          tags: [["latest", "1.0.0"]],
          removed: [],
        },
        versions: Array.from(
          { length: 150 },
          (_, n) => [`1.0.${n}`, { ...record, time: n + 1 }] as const,
        ),
      },
    ]);
    await look();
    const now = await titles("releases.atom");
    expect(now.at(-1)).toBe("old 1.0.50");
    expect(now.filter((title) => title.startsWith("old"))).toHaveLength(100);
    expect(now.filter((title) => title.startsWith("many"))).toHaveLength(105);
  });

  test("a clock that jumps hides nothing", async () => {
    await publish("first", "1.0.0");
    await publish("second", "1.0.0");
    const { packages } = here.citadel.registry;
    const { state } = await here.citadel.registry.document("second", commandLine);
    const record = [...state.versions.values()][0];
    if (!record) throw new Error("no record");
    const time = Date.parse("2001-01-01");
    const imported: PackageEvent = {
      type: "import",
      ...{ created: 1, owners: ["ann"], stars: [], tags: [], removed: [] },
      versions: [["1.0.0", { ...record, time }]],
    };
    await packages.change("late", { name: "ann", via: "cli" }, () => [imported]);
    const all = await titles("releases.rss");
    expect(all.toSorted()).toEqual(["first 1.0.0", "late 1.0.0", "second 1.0.0"]);
    // a hundred newer ones by date do not push out what came last
    for (let n = 0; n < 101; n++) await publish("many", `1.0.${n}`);
    // what is seen at once has no order
    await look();
    await packages.change("later", { name: "ann", via: "cli" }, () => [imported]);
    await look();
    expect(await titles("releases.rss")).toContain("later 1.0.0");
  });

  test("304 for what is known, by tag and by date; HEAD; the tag changes with the content", async () => {
    await publish("one", "1.0.0");
    const path = "/-/feed/releases.atom";
    const first = await here.ask(path);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{20,}"$/);
    expect(first.headers.get("cache-control")).toBe("public, max-age=60");
    expect((await here.ask(path)).text).toBe(first.text);
    for (const headers of [
      { "if-none-match": etag },
      { "if-none-match": `W/${etag}` },
      { "if-modified-since": first.headers.get("last-modified") ?? "" },
    ] as Record<string, string>[]) {
      const again = await here.ask(path, { headers });
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    const head = await here.ask(path, { method: "HEAD" });
    expect([head.status, head.text, head.headers.get("etag")]).toEqual([200, "", etag]);
    await publish("one", "1.0.1");
    await look();
    const later = await here.ask(path, { headers: { "if-none-match": etag } });
    expect(later.status).toBe(200);
    expect(later.headers.get("etag")).not.toBe(etag);
  });

  test("H12, attack 36: restricted packages are in the feeds of those who may read them", async () => {
    await publish("@ann/open", "1.0.0");
    await publish("@ann/closed", "1.0.0");
    await here.citadel.registry.setVisibility("@ann/closed", "restricted", commandLine);
    const bob = await here.signIn("bob");
    for (const path of ["releases.atom", "scope/ann.rss", "tag/latest.json"]) {
      expect(await titles(path), path).toEqual(["@ann/open 1.0.0"]);
      expect(await titles(path, { token: bob }), path).toEqual(["@ann/open 1.0.0"]);
      expect(await titles(path, { token }), path).toEqual(["@ann/closed 1.0.0", "@ann/open 1.0.0"]);
    }
    expect((await here.ask("/-/feed/package/@ann/closed.atom")).status).toBe(404);
    expect((await here.ask("/-/feed/package/@ann/closed.atom", { token: bob })).status).toBe(404);
    const mine = await here.ask("/-/feed/package/@ann/closed.atom", { token });
    expect([mine.status, mine.headers.get("cache-control"), mine.headers.get("vary")]).toEqual([
      200,
      "private, max-age=60",
      "authorization",
    ]);
  });

  test("ids stay when the address of the registry changes", async () => {
    await publish("one", "1.0.0");
    const before = (await feed("releases.json")).items[0];
    const after = (await feed("releases.json", { headers: { host: "127.0.0.1:4873" } })).items[0];
    expect(after?.id).toBe(before?.id);
    expect(after?.link).toBe("http://127.0.0.1:4873/_dashboard/package/one/v/1.0.0");
  });

  test.each(["atom", "rss", "json"])(
    "%s: what XML cannot hold, and what looks like markup, does not break it",
    async (format) => {
      const description =
        "a\u0000\u0008\u001b[31m \ud800 ]]> <![CDATA[ &amp; \ufffe \u2028 <script>alert(1)</script> \u{1f600}";
      await publish("odd", "1.0.0", "latest", { description });
      await here.citadel.registry.deprecate(
        "odd",
        new Map([["1.0.0", `]]>${description}`.slice(0, 200)]]),
        commandLine,
      );
      const got = await here.ask(`/-/feed/releases.${format}`);
      const { items } = read(got, "/");
      expect(items.map(({ title }) => title)).toEqual(["odd 1.0.0 is deprecated", "odd 1.0.0"]);
      // oxlint-disable-next-line no-control-regex -- that is what must not be there
      expect(got.text).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/);
      expect(got.text.isWellFormed()).toBe(true);
      expect(items[1]?.html).toContain("&lt;script&gt;alert(1)&lt;/script&gt; \u{1f600}");
      expect(items[1]?.html).toContain("]]&gt; &lt;![CDATA[ &amp;amp;");
    },
  );
});

test("H12: the feeds of a registry as a list, without scopes that one must not know of", async () => {
  for (const name of ["one", "@acme/ui", "@acme/kit", "@hidden/x"])
    await here.publish(token, { name, version: "1.0.0" });
  await here.ask("/-/package/@hidden%2fx/access", {
    ...{ method: "POST", token, body: { access: "restricted" } },
  });
  const list = async (sent: object = {}) => {
    const got = await here.ask("/-/feed/feeds.opml", sent);
    expect([got.status, got.headers.get("content-type")]).toEqual([
      200,
      "text/x-opml; charset=utf-8",
    ]);
    return Array.from(got.text.matchAll(/xmlUrl="([^"]+)"/g), ([, url = ""]) => url);
  };
  const all = ["releases", "scope/acme"].map((path) => `http://localhost:4873/-/feed/${path}.atom`);
  expect(await list()).toEqual(all);
  expect(await list({ token })).toEqual([...all, "http://localhost:4873/-/feed/scope/hidden.atom"]);
  for (const url of all) expect((await here.ask(new URL(url).pathname)).status).toBe(200);
});

test("H12: the feed of the policy tells administrators what changed, and nobody else", async () => {
  const policies = await here.citadel.policies();
  await policies.apply(commandLine, {
    type: "rule",
    rule: { kind: "block", pattern: "evil", range: "1.x" },
  });
  await policies.apply(commandLine, {
    ...{ type: "except", grant: { pattern: "evil", range: "1.2.3", reason: "looked <b>at</b>" } },
  });
  expect((await here.ask("/-/feed/policy.atom")).status).toBe(401);
  expect((await here.ask("/-/feed/policy.atom", { token })).status).toBe(403);
  await here.citadel.accounts.setAdmin("ann", true, { name: "local", via: "cli" });
  for (const format of ["atom", "rss", "json"]) {
    const { items } = await feed(`policy.${format}`, { token });
    expect(items.map(({ title }) => title.slice(0, 24))).toEqual([
      "policy: exception for ev",
      'policy: rule {"kind":"bl',
    ]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(2);
    expect(items[0]?.html).toContain("looked &lt;b&gt;at&lt;/b&gt;");
  }
});
