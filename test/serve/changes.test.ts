import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { place, type Place } from "./place.ts";

interface Feed {
  readonly results: readonly {
    readonly seq: number;
    readonly id: string;
    readonly changes: readonly { readonly rev: string }[];
    readonly deleted?: boolean;
  }[];
  readonly last_seq: number;
}

describe("H12 B2 the feed of changes", () => {
  let here: Place;
  let token: string;
  beforeEach(async () => {
    here = await place();
    token = await here.signIn("ann");
  });
  afterEach(async () => here[Symbol.asyncDispose]());
  const feed = async (query = "", as?: string): Promise<Feed> => {
    const got = await here.ask(`/_changes${query}`, { token: as });
    expect(got.status, got.text).toBe(200);
    return got.json();
  };
  const ids = ({ results }: Feed) => results.map(({ id }) => id);

  test("each package once, in its newest state, in an order that only grows", async () => {
    expect(await feed()).toEqual({ results: [], last_seq: 0 });
    await here.publish(token, { name: "one", version: "1.0.0" });
    await here.publish(token, { name: "@ann/two", version: "1.0.0" });
    const first = await feed();
    expect(ids(first)).toEqual(["one", "@ann/two"]);
    expect(first.results.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(first.results[0]?.changes[0]?.rev).toBe((await here.ask("/one")).json()._rev);
    expect(await feed(`?since=${first.last_seq}`)).toEqual({ results: [], last_seq: 2 });

    await here.publish(token, { name: "one", version: "1.1.0" });
    await here.publish(token, { name: "one", version: "1.2.0" });
    const second = await feed("?since=2");
    expect(ids(second)).toEqual(["one"]);
    expect(second.last_seq).toBe(3);
    expect(ids(await feed())).toEqual(["@ann/two", "one"]);
    expect(await feed("?since=now")).toEqual({ results: [], last_seq: 3 });
    expect((await here.ask("/-/_changes?since=2")).json()).toEqual(second);
  });

  test("pages: every change is in one of them, whatever their size", async () => {
    for (let n = 0; n < 7; n++) await here.publish(token, { name: `p${n}`, version: "1.0.0" });
    const seen: string[] = [];
    let since = 0;
    for (let pages = 0; pages < 4; pages++) {
      const page = await feed(`?since=${since}&limit=3`);
      seen.push(...ids(page));
      expect(page.last_seq).toBeGreaterThanOrEqual(since);
      since = page.last_seq;
    }
    expect(seen.toSorted()).toEqual(["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    expect(since).toBe(7);
  });

  test("what was unpublished whole is deleted, and can come back", async () => {
    await here.publish(token, { name: "gone", version: "1.0.0" });
    await feed();
    const { _rev } = (await here.ask("/gone")).json();
    await here.ask(`/gone/-rev/${_rev}`, { method: "DELETE", token });
    expect((await feed("?since=1")).results).toMatchObject([{ id: "gone", deleted: true }]);
    await here.publish(token, { name: "gone", version: "1.1.0" });
    const { results } = await feed("?since=2");
    expect(results).toMatchObject([{ id: "gone" }]);
    expect(results[0]).not.toHaveProperty("deleted");
  });

  test("attack 36: restricted packages are for their readers, deleted ones too", async () => {
    await here.publish(token, { name: "open", version: "1.0.0" });
    await here.publish(token, { name: "@ann/secret", version: "1.0.0" });
    await here.citadel.registry.packages.change("@ann/secret", { name: "ann", via: "npm" }, () => [
      { type: "visibility", visibility: "restricted" },
    ]);
    expect(ids(await feed())).toEqual(["open"]);
    expect(ids(await feed("", token))).toEqual(["open", "@ann/secret"]);
    // and whoever may not see it does not ask for it again and again
    expect((await feed()).last_seq).toBe((await feed("", token)).last_seq);
    const { _rev } = (await here.ask("/@ann%2fsecret", { token })).json();
    const deleted = await here.ask(`/@ann%2fsecret/-rev/${_rev}`, { method: "DELETE", token });
    expect(deleted.status).toBe(200);
    expect(ids(await feed())).toEqual(["open"]);
    expect(ids(await feed("", token))).toEqual(["open", "@ann/secret"]);
    expect((await here.ask("/")).json()).toMatchObject({ doc_count: 1 });
  });

  test("more changes than one stored page holds", async () => {
    await here.publish(token, { name: "first", version: "1.0.0" });
    const { packages } = here.citadel.registry;
    const record = (await packages.read("first"))?.state.versions.get("1.0.0");
    if (!record) throw new Error("not there");
    const names = Array.from({ length: 1100 }, (_, n) => `many-${n}`);
    const event = { type: "publish", version: "1.0.0", record, tags: ["latest"] } as const;
    for (const name of names)
      await packages.change(name, { name: "ann", via: "npm" }, () => [event]);
    const all = await feed();
    expect(all.results.map(({ seq }) => seq)).toEqual(names.map((_, n) => n + 1).concat(1101));
    expect(new Set(ids(all)).size).toBe(1101);
    await here.publish(token, { name: "first", version: "1.1.0" });
    expect(await feed("?since=1101")).toMatchObject({ results: [{ seq: 1102, id: "first" }] });
    expect((await feed("?since=998&limit=4")).results.map(({ seq }) => seq)).toEqual([
      999, 1000, 1001, 1002,
    ]);
  });

  test("GET / says how far it is", async () => {
    await here.publish(token, { name: "one", version: "1.0.0" });
    const root = (await here.ask("/")).json();
    expect(root).toEqual({
      registry: "http://localhost:4873/",
      db_name: "registry",
      doc_count: 1,
      update_seq: 1,
    });
  });

  test("attack 52: nonsense is refused, and limits have an end", async () => {
    await here.publish(token, { name: "one", version: "1.0.0" });
    for (const query of [
      "?since=-1",
      "?since=x",
      "?since=1e9",
      "?limit=-5",
      "?limit=x",
      "?include_docs=true",
      "?feed=continuous",
      "?descending=true",
    ])
      expect((await here.ask(`/_changes${query}`)).status, query).toBe(400);
    expect(await feed("?limit=999999999")).toMatchObject({ last_seq: 1 });
    expect(await feed("?limit=0")).toEqual({ results: [], last_seq: 0 });
    expect(await feed("?since=999999999")).toEqual({ results: [], last_seq: 1 });
  });
});

test("H12 G5 many pages, several servers at once, a lost catalog: the same numbers everywhere", async () => {
  const temp = await tempFolder("changes");
  try {
    const env = {
      CITADEL_STORE: `sqlite:${temp.path}/store.db`,
      CITADEL_SERVER_KEY: Buffer.alloc(32, 3).toString("base64"),
    };
    const start = async (n: number) => serve({ home: join(temp.path, `home-${n}`), env });
    const servers = [await start(1), await start(2)];
    const [one, two] = servers.map(({ url }) => url) as [string, string];
    const token = await signIn(one, "ann");
    const seen = new Map<string, number>();
    let last = 0;
    let done = false;
    // a mirror that follows both servers in turn, while both publish
    const mirror = (async () => {
      for (let n = 0; ; n++) {
        const ending = done;
        const answer = await request(`${n % 2 ? one : two}/_changes?since=${last}&limit=5`);
        const { results, last_seq } = answer.json() as Feed;
        expect(last_seq).toBeGreaterThanOrEqual(last);
        for (const { id, seq } of results) {
          expect(seq).toBeGreaterThan(last);
          seen.set(id, seq);
        }
        if (ending && results.length === 0) return;
        last = last_seq;
      }
    })();
    await Promise.all(
      [one, two].map(async (url, n) => {
        for (let k = 0; k < 25; k++)
          await publish(url, token, { name: `p${n}-${k % 10}`, version: `1.${k}.0` });
      }),
    );
    done = true;
    await mirror;
    expect(seen.size).toBe(20);
    const whole = async (url: string) => (await request(`${url}/_changes`)).json() as Feed;
    const before = await whole(one);
    expect(await whole(two)).toEqual(before);
    for (const { id, seq } of before.results) expect(seen.get(id)).toBe(seq);
    await Promise.all(servers.map((server) => server.stop()));
    await rm(join(temp.path, "home-1/data/catalog"), { recursive: true, force: true });
    const again = await start(1);
    expect(await whole(again.url)).toEqual(before);
    await again.stop();
  } finally {
    await temp.remove();
  }
}, 60_000);
