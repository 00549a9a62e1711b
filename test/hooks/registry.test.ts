// H12: hooks of the registry, which tell administrators' programs of everything; tests, deliveries and replays of all hooks.
import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { age, server, stock } from "../upstream/behind.ts";
import { root as home } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { receiver, type Delivery } from "../support/receiver.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { hooked, type Hooked } from "./harness.ts";

const { citadel } = oneProcess();

const operator = { name: "local", via: "cli" } as const;
const secret = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
const all = { type: "registry", secret } as const;
const path = "/-/npm/v1/hooks/hook";

/** Users ann and root, the latter an administrator. */
async function people({ here }: Hooked): Promise<{ ann: string; root: string }> {
  const [ann, root] = [await here.signIn("ann"), await here.signIn("root")];
  await here.citadel.accounts.setAdmin("root", true, operator);
  return { ann, root };
}
const types = ({ to }: Hooked): string[] => to.got.map(({ json }) => json.type);

describe("H12: a hook of the registry", () => {
  test("tells of packages in the form of Standard Webhooks, signed", async () => {
    await using place = await hooked({ "server.publicUrl": "http://localhost:4873/" });
    const { here, to } = place;
    const { ann, root } = await people(place);
    place.start();
    await place.hook(root, "*", all);
    await here.publish(ann, { name: "one", version: "1.0.0" });
    await here.publish(ann, { name: "one", version: "1.1.0" }, undefined, "next");
    const version = { ...(await here.ask("/one")).json() };
    version.versions["1.0.0"].deprecated = "old";
    await here.ask("/one", { method: "PUT", token: ann, body: version });
    await here.ask("/-/package/one/dist-tags/next", { method: "DELETE", token: ann });
    await to.count(4);
    expect(types(place)).toEqual([
      "package.published",
      "package.published",
      "package.deprecated",
      "package.tag_changed",
    ]);
    const [first, second, third, fourth] = to.got.map(({ json }) => json);
    expect(first).toEqual({
      type: "package.published",
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      data: {
        ...{ name: "one", version: "1.0.0", tag: "latest", actor: "ann" },
        ...{ integrity: expect.stringMatching(/^sha512-/), size: expect.any(Number) },
        url: "http://localhost:4873/one/-/one-1.0.0.tgz",
      },
    });
    expect(second.data).toMatchObject({ version: "1.1.0", tag: "next" });
    expect(third.data).toEqual({ name: "one", version: "1.0.0", message: "old", actor: "ann" });
    expect(fourth.data).toEqual({ name: "one", tag: "next", version: null, actor: "ann" });
    const { headers = {}, body = "" } = to.got[0] as Partial<Delivery>;
    const signed = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
    const wanted = createHmac("sha256", Buffer.alloc(24, 7)).update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${wanted}`);
    expect(Buffer.byteLength(body)).toBeLessThan(20_000);
  });

  test("tells of each type that was decided on, signed, when it happens", async () => {
    const there = await server();
    stock(there, "far", { versions: { "1.0.0": {}, "1.0.1": {} } });
    await using place = await hooked({
      ...{ "limits.storage": 50_000, "metrics.collectionInterval": 500, "metrics.historySize": 2 },
      "upstream.registries": [{ name: "liar", url: `${there.url}/` }],
    });
    const { here, to } = place;
    const { ann, root } = await people(place);
    place.start();
    const { id } = await place.hook(root, "*", all);
    const post = async (at: string, body: unknown, method = "POST") => {
      const got = await here.ask(at, { method, token: root, body });
      if (got.status >= 300) throw new Error(got.text);
      return got.text === "" ? undefined : got.json();
    };
    const far = (version: string) => here.ask(`/far/-/far-${version}.tgz`);
    const big = randomBytes(60_000).toString("base64");
    let key = "";
    const burst = async (): Promise<void> => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date", "performance"] });
      const stop = await here.app.monitor.start(() => 0);
      for (let n = 0; n < 31; n++) await here.ask("/-/whoami", { token: `npm_wrong${n}` });
      vi.advanceTimersByTime(500);
      vi.advanceTimersByTime(2000);
      stop();
      vi.useRealTimers();
    };
    onTestFinished(() => void vi.useRealTimers());
    const causes: Readonly<Record<string, () => Promise<unknown>>> = {
      "package.published": () => here.publish(ann, { name: "one", version: "1.0.0" }),
      "package.tag_changed": () => post("/-/package/one/dist-tags/next", '"1.0.0"', "PUT"),
      "package.deprecated": async () => {
        const document = (await here.ask("/one")).json();
        document.versions["1.0.0"].deprecated = "old";
        await post("/one", document, "PUT");
      },
      "package.unpublished": async () => {
        const { _rev } = (await here.ask("/one?write=true", { token: ann })).json();
        await here.ask(`/one/-rev/${_rev}`, { method: "DELETE", token: ann });
      },
      "package.quarantined": async () => {
        await far("1.0.1");
        stock(there, "far", { versions: { "1.0.0": {} } });
        await age(3_600_000, () => far("1.0.1").then(() => {}));
      },
      "package.released": () =>
        post("/-/citadel/v1/policy", {
          type: "except",
          grant: { pattern: "far", range: "1.0.1", reason: "we looked at it" },
        }),
      "key.created": async () => {
        const made = await post("/_api/security/keys", { name: "ci", permissions: ["read"], expires: "2d" }); // prettier-ignore
        key = made.id;
      },
      "key.expiring": () => age(61_000, () => here.app.monitor.look()),
      "key.revoked": () => post(`/_api/security/keys/${key}`, {}, "DELETE"),
      "client.blocked": () =>
        post("/_api/security/blocks", { address: "192.0.2.1", reason: "a test" }),
      "config.changed": () => post("/_dashboard/api/config", { offset: 10, value: 31 }),
      "backup.finished": async () => (await here.citadel.backups()).finished({ ok: false }),
      "storage.quota": () => here.publish(ann, { name: "two", version: "1.0.0", big }),
      "webhook.test": () => post(`${path}/${id}/test`, {}),
      "alert.firing": burst,
      "auth.failed_burst": async () => {},
      "alert.resolved": async () => {},
    };
    const seen = (type: string): boolean => to.got.some(({ json }) => json.type === type);
    for (const [type, cause] of Object.entries(causes)) {
      await cause();
      await until(async () => seen(type), 200).catch(() => {
        throw new Error(`${type} was not told`);
      });
    }
    for (const { headers, body } of to.got) {
      const signed = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
      const wanted = createHmac("sha256", Buffer.alloc(24, 7)).update(signed).digest("base64");
      expect(headers["webhook-signature"]).toBe(`v1,${wanted}`);
    }
    const page = await readFile(join(home, "docs/hooks.md"), "utf8");
    const rows = Array.from(page.matchAll(/^\| ((?:`[a-z_.]+`(?:, )?)+) +\| [^|]*\| `/gm), ([, types = ""]) => types); // prettier-ignore
    const documented = rows.flatMap((row) => Array.from(row.matchAll(/`([a-z_.]+)`/g), ([, type]) => type)); // prettier-ignore
    expect(new Set(documented)).toEqual(new Set(Object.keys(causes)));
  }, 30_000);

  test("tells of keys, blocks, configuration and alerts, in their order", async () => {
    await using place = await hooked();
    const { here, to } = place;
    const { root } = await people(place);
    place.start();
    await place.hook(root, "*", all);
    const keys = await here.citadel.apiKeys();
    const { info } = await keys.generateApiKey("ci", ["read"], { user: "root" });
    await keys.revoke(info.id);
    await (await here.citadel.limits()).blocks.block("192.0.2.1", "a test");
    const live = await here.citadel.live();
    await live.setByte("rows", 30);
    await live.close();
    await to.count(4);
    expect(types(place)).toEqual([
      "key.created",
      "key.revoked",
      "client.blocked",
      "config.changed",
    ]);
    expect(to.got.map(({ json }) => json.data)).toMatchObject([
      { id: info.id, name: "ci", user: "root" },
      { id: info.id, by: "local" },
      { client: "192.0.2.1", reason: "a test" },
      { offset: 10, new: [30], by: "system" },
    ]);
    expect(to.got.map(({ body }) => body).join()).not.toContain("ctdl_");
  });

  test("tells once of an alert, of a burst of failed logins, and of a key that ends", async () => {
    await using place = await hooked({ "metrics.collectionInterval": 500 });
    const { here, to } = place;
    const { root } = await people(place);
    place.start();
    await place.hook(root, "*", { ...all, events: ["alert.*", "auth.failed_burst", "key.expiring"] }); // prettier-ignore
    const keys = await here.citadel.apiKeys();
    await keys.generateApiKey("ci", ["read"], { user: "root", expires: Date.now() + 86_400_000 });
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const stop = await here.app.monitor.start(() => 0);
    for (let n = 0; n < 31; n++) await here.ask("/-/whoami", { token: `npm_wrong${n}` });
    vi.setSystemTime(Date.now() + 60_000);
    await here.app.monitor.look();
    await here.app.monitor.look();
    vi.advanceTimersByTime(500);
    stop();
    vi.useRealTimers();
    await to.count(4);
    expect(types(place).toSorted()).toEqual([
      "alert.firing",
      "alert.firing",
      "auth.failed_burst",
      "key.expiring",
    ]);
    const fired = to.got.filter(({ json }) => json.type === "alert.firing");
    expect(fired.map(({ json }) => String(json.data.rule)).toSorted()).toEqual([
      "failed-logins",
      "key-expiring",
    ]);
  });

  test("tells only of events and packages that it chose, and nothing to who is no administrator any more", async () => {
    await using place = await hooked();
    const { here, to } = place;
    const { ann, root } = await people(place);
    place.start();
    await place.hook(root, "*", { ...all, events: ["package.published"], packages: ["@acme/*"] });
    await here.publish(ann, { name: "one", version: "1.0.0" });
    await (await here.citadel.limits()).blocks.block("192.0.2.1", "a test");
    await here.publish(ann, { name: "@acme/ui", version: "1.0.0" });
    await to.count(1);
    expect(to.got.map(({ json }) => json.data.name)).toEqual(["@acme/ui"]);
    await here.citadel.accounts.setAdmin("ann", true, operator);
    await here.citadel.accounts.setAdmin("root", false, operator);
    await place.hook(ann, "*", all);
    await here.publish(ann, { name: "@acme/ui", version: "1.1.0" });
    await to.count(2);
    expect(to.got[1]?.json.data.version).toBe("1.1.0");
    expect(to.got).toHaveLength(2);
  });

  test("is for administrators, and refuses what is no event, no pattern and no registry", async () => {
    await using place = await hooked();
    const { here, to } = place;
    const { ann, root } = await people(place);
    const make = async (token: string, more: object) => {
      const body = { ...all, name: "*", endpoint: to.url, ...more };
      return (await here.ask(path, { method: "POST", token, body })).status;
    };
    expect(await make(ann, {})).toBe(403);
    expect(await make(root, { name: "one" })).toBe(400);
    expect(await make(root, { events: ["package.exploded"] })).toBe(400);
    expect(await make(root, { packages: ["*/x"] })).toBe(400);
    expect(await make(root, { type: "package", name: "one", events: ["*"] })).toBe(400);
    expect(await make(root, { events: ["key.*"], packages: ["@acme/*"] })).toBe(201);
  });
});

test("H12: notices have numbers without gaps, whoever writes them at once", async () => {
  await using place = await hooked();
  const { notices } = place.here.citadel;
  await Promise.all(Array.from({ length: 20 }, (_, n) => notices.note("client.blocked", { n })));
  const found = await Array.fromAsync(notices.after(0));
  expect(found.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  expect(new Set(found.map(({ data }) => data["n"])).size).toBe(20);
});

describe("H12: calls of a hook", () => {
  test("are listed without what they carried; one is made to try, and one once more", async () => {
    await using place = await hooked();
    const { here, to } = place;
    const { ann, root } = await people(place);
    place.start();
    const { id } = await place.hook(ann, "one", { secret: "very secret" });
    await here.publish(ann, { name: "one", version: "1.0.0" });
    await to.count(1);
    const at = `${path}/${id}`;
    const list = async (token = ann) =>
      (await here.ask(`${at}/deliveries`, { token })).json().items;
    await vi.waitFor(async () => expect(await list()).toHaveLength(1), 5000);
    const [call] = await list();
    expect(call).toEqual({
      ...{ id: to.got[0]?.headers["webhook-id"], event: "package:publish", response_code: 200 },
      ...{ error: null, took: expect.any(Number), at: expect.stringMatching(/Z$/) },
    });
    const post = (to: string, token = ann) => here.ask(`${at}/${to}`, { method: "POST", token });
    to.react((n) => (n === 2 ? 503 : 200));
    const tried = await post("test");
    expect(tried.json()).toMatchObject({ event: "webhook.test", response_code: 503, error: null });
    expect(to.got[1]?.json).toMatchObject({ type: "webhook.test", data: { hook: id, by: "ann" } });
    const again = await post(`deliveries/${call.id}`, root);
    expect(again.json()).toMatchObject({ id: call.id, event: "package:publish", response_code: 200 }); // prettier-ignore
    expect(to.got[2]?.body).toBe(to.got[0]?.body);
    expect(to.got[2]?.headers["webhook-id"]).toBe(call.id);
    expect((await list()).map(({ event }: any) => event)).toEqual([
      "package:publish",
      "webhook.test",
      "package:publish",
    ]);
    const scraped = (await here.ask("/metrics")).text;
    for (const line of ['{result="ok"} 2', '{result="failed"} 1'])
      expect(scraped).toContain(`citadel_webhook_deliveries_total${line}`);
    // a test cannot be told again, nor what is not there; and others see nothing
    expect((await post(`deliveries/${tried.json().id}`)).status).toBe(404);
    expect((await post("deliveries/none")).status).toBe(404);
    const eve = await here.citadel.accounts.issue("root", {}, operator);
    await here.citadel.accounts.setAdmin("root", false, operator);
    expect((await post("test", eve.token)).status).toBe(404);
    expect((await here.ask(`${at}/deliveries`, { token: eve.token })).status).toBe(404);
    // the hook has come no less far for it
    expect(await place.look(ann, id)).toMatchObject({ status: "active", response_code: 200 });
    expect(JSON.stringify(await list())).not.toMatch(/secret|127\.0\.0\.1/);
  });

  test("are made, listed and repeated from the command line", async () => {
    const temp = await tempFolder("hooks");
    onTestFinished(() => temp.remove());
    await using to = await receiver();
    const env = { CITADEL_HOOKS_ALLOW: "127.0.0.1" };
    const ran = async (...words: readonly string[]) => {
      const { code, stdout } = await citadel(temp.path, [...words, "--json"], { env });
      return { code, json: JSON.parse(stdout) };
    };
    expect((await ran("registry:hooks:add", to.url)).json.error.code).toBe("E_USER_NOT_FOUND");
    await ran("token:create", "--admin");
    const made = await ran("registry:hooks:add", to.url, "--event", "package.*");
    expect(made).toMatchObject({ code: 0, json: { type: "registry", events: ["package.*"] } });
    const { id, secret: own } = made.json;
    expect(own).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    const listed = (await ran("registry:hooks")).json.items;
    expect(listed).toMatchObject([{ id, username: "admin", status: "active" }]);
    expect(JSON.stringify(listed)).not.toContain(own);
    expect(await ran("registry:hooks:test", id)).toMatchObject({ code: 0, json: { response_code: 200 } }); // prettier-ignore
    to.react(() => 500);
    const failed = await ran("registry:hooks:test", id);
    expect(failed).toMatchObject({ code: 7, json: { error: { code: "E_REMOTE_ANSWER" } } });
    const { items } = (await ran("registry:hooks:deliveries", id)).json;
    expect(items.map(({ response_code: code }: any) => code)).toEqual([500, 200]);
    expect((await ran("registry:hooks:replay", id, items[0].id)).code).toBe(4);
    expect((await ran("registry:hooks:remove", id)).code).toBe(0);
    expect((await ran("registry:hooks:deliveries", id)).code).toBe(4);
    expect((await ran("registry:hooks")).json.items).toEqual([]);
  }, 60_000);
});
