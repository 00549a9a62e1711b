// H12: what hooks tell of, in which order, and what happens when nobody listens.
import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";

import { until } from "../support/until.ts";
import { hooked, secret } from "./harness.ts";

const never = new AbortController().signal;
const one = { name: "one", version: "1.0.0" };

describe("H12: a hook is called", () => {
  test("for all that npm's hooks tell of, in order, signed both ways", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const { registry } = here.citadel;
    const ann = await here.signIn("ann");
    await here.signIn("bob");
    const caller = { principal: { kind: "user", name: "ann", admin: false }, via: "npm" } as const;
    await here.publish(ann, one);
    await all.hook(ann, "one");
    all.start();
    await here.publish(ann, { ...one, version: "1.1.0" });
    await registry.tag("one", "next", "1.0.0", caller);
    await registry.untag("one", "next", caller);
    await registry.star("one", true, caller);
    await registry.star("one", false, caller);
    await registry.deprecate("one", new Map([["1.0.0", "old"]]), caller);
    await registry.deprecate("one", new Map([["1.0.0", ""]]), caller);
    await registry.setOwners("one", ["ann", "bob"], caller);
    await registry.setOwners("one", ["ann"], caller);
    await registry.unpublish("one", ["1.0.0"], caller);
    await registry.unpublish("one", "all", caller);
    await to.count(11);
    expect(to.got.map(({ json: { event, change } }) => [event, change])).toEqual([
      ["package:publish", { version: "1.1.0", "dist-tag": "latest" }],
      ["package:dist-tag", { "dist-tag": "next", version: "1.0.0" }],
      ["package:dist-tag-rm", { "dist-tag": "next" }],
      ["package:star", { user: "ann" }],
      ["package:unstar", { user: "ann" }],
      ["package:deprecated", { deprecated: "1.0.0" }],
      ["package:undeprecated", { deprecated: "1.0.0" }],
      ["package:owner", { maintainer: "bob" }],
      ["package:owner-rm", { maintainer: "bob" }],
      ["package:unpublish", { version: "1.0.0" }],
      ["package:unpublish", { version: "1.1.0" }],
    ]);
    const [first] = to.got;
    expect(first?.json).toMatchObject({
      ...{ event: "package:publish", name: "one", type: "package", version: "1.0.0" },
      ...{ hookOwner: { username: "ann" }, time: expect.any(Number) },
      payload: { name: "one", maintainers: [{ name: "ann" }] },
    });
    for (const { headers, body } of to.got) {
      const hmac = (text: string) => createHmac("sha256", secret).update(text);
      expect(headers["x-npm-signature"]).toBe(`sha256=${hmac(body).digest("hex")}`);
      const signed = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
      expect(headers["webhook-signature"]).toBe(`v1,${hmac(signed).digest("base64")}`);
    }
    expect(new Set(to.got.map(({ headers }) => headers["webhook-id"])).size).toBe(11);
  });

  test("with the key in a secret of Standard Webhooks", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const key = Buffer.alloc(32, 9);
    await all.hook(token, "one", { secret: `whsec_${key.toString("base64")}` });
    all.start();
    await here.publish(token, one);
    await to.count(1);
    const { headers, body } = to.got[0]!;
    const signed = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
    const wanted = createHmac("sha256", key).update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${wanted}`);
  });

  test("for a scope, and for all that a user owns, also of a batch", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const bob = await here.signIn("bob");
    await all.hook(token, "@ann", { type: "scope", endpoint: `${to.url}scope` });
    await all.hook(token, "bob", { type: "owner", endpoint: `${to.url}owner` });
    all.start();
    await here.publish(token, { name: "@ann/a", version: "1.0.0" });
    await here.publish(token, one);
    await here.publish(bob, { name: "two", version: "1.0.0" });
    const { release } = await import("../core/registry-harness.ts");
    const caller = { principal: { kind: "user", name: "ann", admin: false }, via: "npm" } as const;
    const items = ["@ann/b", "@ann/c"].map((name) => release({ name, version: "1.0.0" }));
    await here.citadel.registry.publishBatch(items, caller);
    await to.count(4);
    await sleep(300);
    expect(to.got.map(({ path, json }) => `${path} ${json.event} ${json.name}`).toSorted()).toEqual(
      [
        "/owner package:publish two",
        "/scope package:publish @ann/a",
        "/scope package:publish @ann/b",
        "/scope package:publish @ann/c",
      ],
    );
  });

  test("for nothing that its owner may not read at that moment", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const ann = await here.signIn("ann");
    const bob = await here.signIn("bob");
    const caller = { principal: { kind: "user", name: "ann", admin: false }, via: "npm" } as const;
    const { registry, accounts } = here.citadel;
    await here.publish(ann, { name: "@ann/secret", version: "1.0.0" });
    await registry.setVisibility("@ann/secret", "restricted", caller);
    await all.hook(bob, "@ann", { type: "scope" });
    await all.hook(bob, "one", { endpoint: `${to.url}bob` });
    const hooks = all.other();
    await registry.star("@ann/secret", true, caller);
    await here.publish(ann, one);
    await hooks.deliver(never);
    expect(to.said).toEqual(["package:publish one"]);
    // and never later on
    await registry.setVisibility("@ann/secret", "public", caller);
    await registry.star("@ann/secret", false, caller);
    await hooks.deliver(never);
    expect(to.said).toEqual(["package:publish one", "package:unstar @ann/secret"]);
    await accounts.setDisabled("bob", true, { name: "local", via: "cli" });
    await registry.star("one", true, caller);
    await hooks.deliver(never);
    expect(to.got.length).toBe(2);
  });

  test("again and again, until it is told; what comes after it waits", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    const hooks = all.other({ pauses: [1, 1, 1] });
    to.react((n) => (n < 3 ? 500 : n === 3 ? { status: 302, headers: { location: "/" } } : 200));
    await here.publish(token, one);
    await here.publish(token, { ...one, version: "1.0.1" });
    await hooks.deliver(never);
    expect(await all.look(token, id)).toMatchObject({ status: "failing", response_code: 500 });
    for (let tries = 0; tries < 5; tries++) {
      await sleep(5);
      await hooks.deliver(never);
    }
    const versions = to.got.map(({ json }) => json.change.version);
    expect(versions).toEqual(["1.0.0", "1.0.0", "1.0.0", "1.0.0", "1.0.1"]);
    expect(new Set(to.got.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
    const after = await all.look(token, id);
    expect(after).toMatchObject({ status: "active", response_code: 200 });
    expect(Date.parse(after.last_delivery)).toBeGreaterThan(0);
  });

  test("not before the time that the receiver asks for", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    await all.hook(token, "one");
    const hooks = all.other({ pauses: [1] });
    to.react(() => ({ status: 503, headers: { "retry-after": "600" } }));
    await here.publish(token, one);
    const due = (await hooks.deliver(never)) ?? 0;
    expect(due - Date.now()).toBeGreaterThan(500_000);
    await sleep(20);
    await hooks.deliver(never);
    expect(to.got.length).toBe(1);
  });

  test("no more once it is gone, until it is updated; then from where it stopped", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    const hooks = all.other({ pauses: [1] });
    to.react(() => 410);
    await here.publish(token, one);
    await hooks.deliver(never);
    await sleep(5);
    await hooks.deliver(never);
    expect(to.got.length).toBe(1);
    expect(await all.look(token, id)).toMatchObject({ status: "disabled", response_code: 410 });
    to.react(() => 204);
    const body = { endpoint: `${to.url}new`, secret };
    await here.ask(`/-/npm/v1/hooks/hook/${id}`, { method: "PUT", token, body });
    expect(await all.look(token, id)).toMatchObject({ status: "active" });
    await here.publish(token, { ...one, version: "1.0.1" });
    await hooks.deliver(never);
    expect(to.got.slice(1).map(({ path, json }) => [path, json.change.version])).toEqual([
      ["/new", "1.0.0"],
      ["/new", "1.0.1"],
    ]);
  });

  test("no more after five days in which every call failed", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    const hooks = all.other({ pauses: [1] });
    to.react(() => 500);
    await here.publish(token, one);
    await hooks.deliver(never);
    // as it is stored after these days
    const { driver } = here.citadel.store;
    const stored = JSON.parse(Buffer.from((await driver.get(`n/hooks/${id}`))!.body).toString());
    const aged = { ...stored, failing: stored.failing - 5 * 24 * 3_600_000, next: 0 };
    await driver.put(`n/hooks/${id}`, Buffer.from(JSON.stringify(aged)));
    await hooks.deliver(never);
    expect(await all.look(token, id)).toMatchObject({ status: "disabled", response_code: 500 });
    await sleep(5);
    await hooks.deliver(never);
    expect(to.got.length).toBe(2);
  });

  test("not for somebody else who got the name of its owner", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const { accounts } = here.citadel;
    const who = { name: "local", via: "cli" } as const;
    await all.hook(await here.signIn("ann"), "one");
    const bob = await here.signIn("bob");
    await accounts.remove("ann", who);
    await sleep(2);
    await accounts.create({ name: "ann", password: "correct horse 1" }, who);
    const { token } = await accounts.issue("ann", {}, who);
    expect((await here.ask("/-/npm/v1/hooks", { token })).json()).toEqual({ objects: [] });
    await here.publish(bob, one);
    await all.other().deliver(never);
    expect(to.got).toEqual([]);
  });

  test("by one server at a time; by another when that one dies in the middle", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    await all.hook(token, "one");
    const [first, second] = [all.other({ leased: 400 }), all.other({ leased: 400 })];
    to.react((n) => (n === 1 ? "silence" : 200));
    await here.publish(token, one);
    const dying = first.deliver(never);
    await to.count(1);
    // the lease holds: the second one keeps away
    const due = (await second.deliver(never)) ?? 0;
    expect([to.got.length, Number.isFinite(due)]).toEqual([1, true]);
    await until(async () => {
      await second.deliver(never);
      return to.got.length === 2;
    });
    expect(to.got[1]?.headers["webhook-id"]).toBe(to.got[0]?.headers["webhook-id"]);
    // the first one comes back to life, and finds that it has lost the hook
    await first.close();
    await dying;
    await Promise.all([first, second].map((hooks) => hooks.deliver(never)));
    expect(to.got.length).toBe(2);
  });
});

test("H12: nothing is loaded while there is no hook", async () => {
  await using all = await hooked();
  const { here, to } = all;
  all.start();
  const token = await here.signIn("ann");
  await here.publish(token, one);
  await sleep(200);
  expect(await here.citadel.hooks.opened()).toBeUndefined();
  expect(await here.citadel.changes.opened()).toBeUndefined();
  await all.hook(token, "one");
  await here.publish(token, { ...one, version: "1.0.1" });
  await to.count(1);
});
