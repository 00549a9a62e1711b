import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Driver } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { publicId, vaultKind, vaultName } from "@citadel/core/vault";
import memory from "@citadel/driver-memory";
import { CompactSign, importJWK } from "jose";
import { expect, onTestFinished, test, vi } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { tempFolder } from "../support/temp.ts";
import { machine, type Machine } from "./machines.ts";
import { bringBack, contents } from "./place.ts";

const text = (value: string) => Buffer.from(value);
const dev = { name: "a", scope: "dev" };
const production = { name: "a", scope: "production" };
const day = 24 * 60 * 60 * 1000;

/** Ann, who made the vault with a secret in each of two scopes, and Bob, who has the key of one. */
async function shared() {
  const temp = await tempFolder("vault-members");
  onTestFinished(() => temp.remove());
  const driver = memory(new URL("memory:"));
  await driver.open();
  const seat = () => machine(driver, temp.path);
  const [ann, bob] = await Promise.all([seat(), seat()]);
  await ann.open().init();
  await ann.open().set(dev, text("dev 1"));
  await ann.open().set(production, text("production 1"));
  await add(ann, bob, { name: "bob", role: "developer", scopes: ["dev"] });
  return { driver, ann, bob, seat };
}

const add = (by: Machine, { identity }: Machine, what: object = {}) =>
  by.open().addMember(publicId(identity.member), { name: "bob", kind: "person", ...what });
const valueOf = async (who: Machine, which: typeof dev, driver?: Driver) =>
  (await who.open(driver).get(which)).value.toString();

/** A store with these contents. */
async function storeOf(all: ReadonlyMap<string, Buffer>): Promise<Driver> {
  const driver = memory(new URL("memory:"));
  await driver.open();
  await bringBack(driver, all);
  return driver;
}

test("D1 D4: a member reads and writes the scopes whose keys it has, and no others", async () => {
  const { ann, bob } = await shared();
  expect(await valueOf(bob, dev)).toBe("dev 1");
  await bob.open().set(dev, text("dev 2"));
  expect(await valueOf(ann, dev)).toBe("dev 2");
  expect((await bob.open().list()).map(({ scope }) => scope)).toEqual(["dev"]);
  expect(await codeOf(bob.open().get(production))).toBe("E_SECRET_DENIED");
  expect(await codeOf(bob.open().set(production, text("x")))).toBe("E_SECRET_DENIED");
  expect(await codeOf(bob.open().set({ name: "a", scope: "new" }, text("x")))).toBe(
    "E_SECRET_DENIED",
  );
  const { ann: more, bob: other } = await shared();
  for (const refused of [
    () => bob.open().rekey(),
    () => bob.open().removeMember("founder"),
    () => bob.open().changeMember("bob", { role: "administrator" }),
    () => add(bob, other, { name: "eve" }),
  ])
    expect(await codeOf(refused())).toBe("E_SECRET_DENIED");
  expect(await codeOf(other.open().list())).toBe(undefined);
  expect(await codeOf(more.open().list())).toBe(undefined);
});

test("D1: scopes come and go with a role, names are one each, and somebody always is an administrator", async () => {
  const { ann, bob, seat } = await shared();
  expect(await codeOf(add(ann, bob, { name: "other" }))).toBe("E_CONFLICT");
  expect(await codeOf(add(ann, await seat(), { name: "bob" }))).toBe("E_CONFLICT");
  expect(await codeOf(add(ann, await seat(), { name: "ci", kind: "machine" }))).toBe("E_USAGE");
  expect(await codeOf(ann.open().addMember("age1x.y", { name: "x", kind: "person" }))).toBe(
    "E_USAGE",
  );
  expect(await codeOf(ann.open().removeMember("founder"))).toBe("E_USAGE");
  expect(await codeOf(ann.open().changeMember("founder", { role: "member" }))).toBe("E_USAGE");
  const promoted = await ann.open().changeMember("bob", { role: "administrator" });
  expect(promoted.rekeyed).toEqual([]);
  expect(await valueOf(bob, production)).toBe("production 1");
  const demoted = await ann.open().changeMember("bob", { role: "developer", scopes: ["dev"] });
  expect(demoted.rekeyed.map(({ scope, generation }) => [scope, generation])).toEqual([
    ["production", 2],
  ]);
  expect(await codeOf(bob.open().get(production))).toBe("E_SECRET_DENIED");
  expect(await valueOf(bob, dev)).toBe("dev 1");
  expect(
    (await ann.open().members()).map(({ name, role, scopes }) => [name, role, scopes]),
  ).toEqual([
    ["founder", "administrator", ["dev", "production"]],
    ["bob", "developer", ["dev"]],
  ]);
  expect((await ann.open().audit({ verify: true })).problems).toEqual([]);
});

test("D1: a machine is a member until it expires, and then a new key is due", async () => {
  const { ann, seat } = await shared();
  const ci = await seat();
  const until = Date.now() + day;
  await add(ann, ci, { name: "ci", kind: "machine", scopes: ["dev"], until });
  expect(await valueOf(ci, dev)).toBe("dev 1");
  const { scopes: before } = await ann.open().status();
  expect(before.some(({ rekey }) => rekey)).toBe(false);
  vi.useFakeTimers({ toFake: ["Date"], now: until + 1 });
  onTestFinished(() => void vi.useRealTimers());
  expect(await codeOf(ci.open().list())).toBe("E_VAULT_LOCKED");
  const { scopes: after } = await ann.open().status();
  expect(after.map(({ name, rekey }) => [name, rekey !== undefined])).toEqual([
    ["dev", true],
    ["production", false],
  ]);
  await ann.open().rekey("dev");
  expect((await ann.open().status()).scopes.some(({ rekey }) => rekey)).toBe(false);
});

test("vault attack 5: what only administrators may sign is refused from anybody else, whoever writes to the store", async () => {
  const { driver, ann, bob } = await shared();
  const good = await contents(driver);
  const store = openStore({ driver, grace: 60_000, memory: 1e6 });
  const ledger = store.ledger(vaultKind());
  const { seq, head } = (await ledger.read(vaultName))!.state;
  const { age, kid, sign } = bob.identity.member;
  const some = head;
  const key = await importJWK(bob.identity.sign, "EdDSA");
  const changes = await ann.open().audit();
  const scopes = changes.items.flatMap((item) =>
    item.kind === "change" && item.event.op === "scope" ? item.event.s : [],
  );
  const [, productionId = ""] = scopes;
  const operations = [
    { op: "member.role", kid, admin: true, ss: [], rec: some, slots: [] },
    { op: "member.remove", kid: changes.items[0] && ann.identity.member.kid },
    { op: "scope", s: "mine", slot: some, rec: some },
    { op: "label", s: productionId, rec: some },
    { op: "policy", rec: some },
    { op: "rekey", s: productionId, g: 2, slot: some, recs: [] },
    { op: "fork", heads: [some] },
    { op: "set", s: productionId, id: "new", n: 1, rec: some, meta: some },
    { op: "member.add", sign, age, kind: "person", admin: true, ss: [], rec: some, slots: [] },
  ];
  for (const operation of operations) {
    const event = { ...operation, seq: seq + 1, prev: head, at: Date.now(), by: kid };
    const jws = await new CompactSign(text(JSON.stringify(event)))
      .setProtectedHeader({ alg: "EdDSA", kid, typ: "citadel-vault" })
      .sign(key);
    await ledger.change(vaultName, { name: "x", via: "cli" }, () => [{ jws, keep: [], drop: [] }]);
    expect(await codeOf(ann.open().list()), operation.op).toBe("E_VAULT_DAMAGED");
    await bringBack(driver, good);
    store.doubt();
  }
  expect(await valueOf(ann, production)).toBe("production 1");
});

test("vault attack 6, vault attack 23: who was removed opens old copies, which is listed, and nothing that came later", async () => {
  const { driver, ann, bob, seat } = await shared();
  await bob.open().get(dev);
  await ann.open().set(dev, text("dev 2"));
  const old = await contents(driver);
  const removed = await ann.open().removeMember("bob");
  expect(removed.rekeyed.map(({ scope, records, left }) => [scope, records, left])).toEqual([
    [undefined, 3, []],
    ["dev", 3, []],
  ]);
  expect(removed.exposed.map(({ name, version, current }) => [name, version, current])).toEqual([
    ["a", 2, true],
    ["a", 1, false],
  ]);
  await ann.open().set(dev, text("dev 3"));
  const now = await contents(driver);

  // the vault itself: no
  expect(await codeOf(bob.open().get(dev))).toBe("E_VAULT_LOCKED");
  // an old copy, on a machine that has seen nothing newer: yes, which is why the values have to be changed
  const fresh = await machine(driver, join(bob.folder, ".."), bob.identity);
  expect(await valueOf(fresh, dev, await storeOf(old))).toBe("dev 2");
  // an old copy without its slots: no
  const slots = (all: ReadonlyMap<string, Buffer>, has: boolean) =>
    new Map([...all].filter(([key]) => key.startsWith("slot/") === has));
  const bare = await machine(driver, join(bob.folder, ".."), bob.identity);
  expect(await codeOf(bare.open(await storeOf(slots(old, false))).get(dev))).toBe(
    "E_VAULT_DAMAGED",
  );
  // the new store with the old slots put back: no key in them fits what the history names
  const mixed = await storeOf(new Map([...now, ...slots(old, true)]));
  const another = await machine(driver, join(bob.folder, ".."), bob.identity);
  expect(await codeOf(another.open(mixed).get(dev))).toBe("E_VAULT_LOCKED");
  expect((await ann.open(mixed).get(dev)).value.toString()).toBe("dev 3");
  // nothing of the old generation is left
  const left = [...slots(old, true).keys()].filter((key) => now.has(key));
  expect(left).toEqual([...slots(now, true).keys()].filter((key) => old.has(key)));
  expect(left).toHaveLength(1); // that of the other scope

  // somebody who comes back is a member as of then
  await add(ann, bob, { name: "bob", scopes: ["dev"] });
  expect(await valueOf(bob, dev)).toBe("dev 3");
  expect(await codeOf((await seat()).open().list())).toBe("E_VAULT_LOCKED");
  expect((await ann.open().audit({ verify: true })).problems).toEqual([]);
});

test("vault attack 2: a record of an earlier generation does not take the place of a later one", async () => {
  const { driver, ann } = await shared();
  const old = await contents(driver);
  await ann.open().rekey();
  const now = await contents(driver);
  const records = (all: ReadonlyMap<string, Buffer>) =>
    [...all.keys()].filter((key) => key.startsWith("m/"));
  const [before] = records(old).filter((key) => !now.has(key));
  for (const key of records(now)) {
    await driver.put(key, old.get(before ?? "") ?? Buffer.alloc(0));
    const problems = await ann
      .open()
      .audit({ verify: true })
      .then(
        (audit) => audit.problems.length,
        () => 1,
      );
    expect(problems, key).toBeGreaterThan(0);
    await driver.put(key, now.get(key) ?? Buffer.alloc(0));
  }
  expect((await ann.open().audit({ verify: true })).problems).toEqual([]);
});

test("vault attack 4: a fork is shown with both heads, and given up for another only by who was an administrator in both", async () => {
  const { driver, ann, bob } = await shared();
  await add(ann, await machine(driver, join(ann.folder, "..")), { name: "carl" });
  await ann.open().changeMember("bob", { role: "administrator" });
  await bob.open().list();
  const old = await contents(driver);
  // ann removes bob, and everybody but bob sees it
  await ann.open().removeMember("bob");
  const { pin } = await ann.open().status();
  await bringBack(driver, old);
  // in the history before, bob is an administrator still, and goes on from there
  await bob.open().set(dev, text("by bob"));
  const error = await ann
    .open()
    .list()
    .catch((caught: unknown) => caught as Error);
  expect((error as Error).message).toContain(pin.head);
  expect(await codeOf(ann.open().list())).toBe("E_VAULT_ROLLBACK");
  // bob has no pin of what ann has seen: what bob signs for it counts nowhere
  const kid = bob.identity.member.kid;
  const store = openStore({ driver, grace: 60_000, memory: 1e6 });
  const ledger = store.ledger(vaultKind());
  const { seq, head } = (await ledger.read(vaultName))!.state;
  const event = {
    op: "fork",
    heads: [pin.head],
    seq: seq + 1,
    prev: head,
    at: Date.now(),
    by: kid,
  };
  const jws = await new CompactSign(text(JSON.stringify(event)))
    .setProtectedHeader({ alg: "EdDSA", kid, typ: "citadel-vault" })
    .sign(await importJWK(bob.identity.sign, "EdDSA"));
  await ledger.change(vaultName, { name: "x", via: "cli" }, () => [{ jws, keep: [], drop: [] }]);
  expect(await codeOf(ann.open().list())).toBe("E_VAULT_ROLLBACK");
  // ann says so herself
  expect((await ann.open().acceptFork()).given).toBe(pin.head);
  expect(await valueOf(ann, dev)).toBe("by bob");
  expect((await ann.open().acceptFork()).given).toBeUndefined();
});

test("D3: a checkpoint saves reading the history, and what others write there counts for nothing", async () => {
  const { driver, ann } = await shared();
  for (let n = 2; n < 60; n++) await ann.open().set(dev, text(`dev ${n}`));
  let reads = 0;
  const counting: Driver = new Proxy(driver, {
    get(target, name: keyof Driver) {
      const value = target[name];
      if (name !== "get") return typeof value === "function" ? value.bind(target) : value;
      return (...args: Parameters<Driver["get"]>) => {
        if (args[0].startsWith("h/")) reads++;
        return target.get(...args);
      };
    },
  });
  expect((await ann.open(counting).get(dev)).value.toString()).toBe("dev 59");
  expect(reads).toBeLessThan(40);
  reads = 0;
  expect((await ann.open(counting).audit()).problems).toEqual([]);
  expect(reads).toBeGreaterThan(60);

  const old = await contents(driver);
  await ann.open().set(dev, text("dev 60"));
  const file = join(
    ann.folder,
    (await readdir(ann.folder)).find((name) => name.startsWith("checkpoint-")) ?? "",
  );
  await bringBack(driver, old);
  for (const content of ["", "x".repeat(500)]) {
    await writeFile(file, content);
    expect(await codeOf(ann.open().get(dev))).toBe("E_VAULT_ROLLBACK");
  }
  // one of another identity
  const other = await shared();
  for (let n = 2; n < 40; n++) await other.ann.open().set(dev, text(`dev ${n}`));
  const theirs = (await readdir(other.ann.folder)).find((name) => name.startsWith("checkpoint-"));
  const { readFile } = await import("node:fs/promises");
  await writeFile(file, await readFile(join(other.ann.folder, theirs ?? "")));
  expect(await codeOf(ann.open().get(dev))).toBe("E_VAULT_ROLLBACK");
});
