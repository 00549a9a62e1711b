import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { pack, publishDocument } from "../support/packages.ts";
import { base, place, type Place } from "./place.ts";

let here: Place;
let token: string;
beforeEach(async () => {
  here = await place();
  token = await here.signIn("ann");
});
afterEach(async () => {
  expect(await readdir(join(here.folder, "data/tmp")).catch(() => [])).toEqual([]);
  expect((await here.citadel.verify()).items).toEqual([]);
  await here[Symbol.asyncDispose]();
});

const large = randomBytes(600_000);
const document = (name: string, version = "1.0.0", files: Record<string, Uint8Array> = {}) =>
  publishDocument(base, { name, version }, pack({ name, version }, files));
const lines = (...documents: object[]) => documents.map((one) => JSON.stringify(one)).join("\n");
const put = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
  here.ask("/-/citadel/v1/batch", {
    method: "PUT",
    token,
    body,
    headers: { "content-type": "application/x-ndjson", ...headers },
  });
const there = async (...names: string[]) =>
  Promise.all(names.map(async (name) => (await here.ask(`/${name.replace("/", "%2f")}`)).status));

describe("H10 PUT /-/citadel/v1/batch", () => {
  test("publishes every line, large and small, whatever the line ends", async () => {
    const body = `\n${lines(document("small"), document("@ann/large", "1.0.0", { large }))}\r\n\n${lines(document("last"))}`;
    const done = await put(body);
    expect(done.status, done.text).toBe(201);
    const { items, id, repeated } = done.json();
    expect(id).toBeTypeOf("string");
    expect(repeated).toBe(false);
    expect(items.map((item: { name: string }) => item.name)).toEqual([
      "@ann/large",
      "last",
      "small",
    ]);
    for (const { name, version, rev } of items) {
      const packument = (await here.ask(`/${name.replace("/", "%2f")}`)).json();
      expect(packument).toMatchObject({ _rev: rev, "dist-tags": { latest: version } });
      expect(packument.versions[version].dist.signatures).toHaveLength(1);
    }
    const file = await here.ask("/@ann/large/-/large-1.0.0.tgz");
    expect(file.bytes.length).toBeGreaterThan(600_000);
    const again = await put(body);
    expect([again.status, again.json().repeated]).toEqual([201, true]);
  });

  test("a compressed body is one like any other", async () => {
    const done = await put(gzipSync(lines(document("one"), document("two"))), {
      "content-encoding": "gzip",
    });
    expect(done.status, done.text).toBe(201);
    expect(await there("one", "two")).toEqual([200, 200]);
  });

  test("one bad line refuses all, and leaves nothing behind", async () => {
    await here.publish(token, { name: "taken", version: "1.0.0" });
    const lying = document("lying");
    lying.versions["1.0.0"] = { ...lying.versions["1.0.0"], dependencies: { evil: "1" } };
    for (const [bad, status] of [
      [lines(document("taken", "1.0.0", { large })), 409],
      [lines(lying), 400],
      [lines(document("../evil")), 400],
      [lines({ ...document("other"), name: "another" }), 400],
      [lines({ versions: {} }), 400],
      [lines(document("good")), 400], // twice
      ["{", 400],
      ["null", 400],
      ["[1]", 400],
    ] as const) {
      const refused = await put(
        `${lines(document("good", "1.0.0", { large }), document("fine"))}\n${bad}`,
      );
      expect(refused.status, bad.slice(0, 60) + refused.text).toBe(status);
      expect(await there("good", "fine"), bad.slice(0, 60)).toEqual([404, 404]);
    }
    expect((await put("")).status).toBe(400);
    expect((await put("\n\n")).status).toBe(400);
  });

  test("without an account, or without the right to one of the packages, nothing", async () => {
    const anonymous = await here.ask("/-/citadel/v1/batch", {
      method: "PUT",
      body: lines(document("one")),
    });
    expect(anonymous.status).toBe(401);
    const ben = await here.signIn("ben");
    await here.publish(ben, { name: "bens", version: "1.0.0" });
    expect((await put(lines(document("mine"), document("bens", "2.0.0")))).status).toBe(403);
    expect(await there("mine")).toEqual([404]);
  });

  test("attack 24: a document beyond the limit of a single publish is refused", async () => {
    await using strict = await place({ "limits.tarball": "100kb" });
    const ann = await strict.signIn("ann");
    const refused = await strict.ask("/-/citadel/v1/batch", {
      method: "PUT",
      token: ann,
      body: lines(document("one"), document("two", "1.0.0", { large })),
    });
    expect(refused.status).toBe(413);
    expect((await strict.ask("/one")).status).toBe(404);
  });
});
