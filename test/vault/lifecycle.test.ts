import { execFileSync } from "node:child_process";
import { openStore } from "@citadel/core/store";
import { vaultKind, vaultName, type Vault } from "@citadel/core/vault";
import { SignJWT } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { bringBack, contents, place } from "./place.ts";

const text = (value: string) => Buffer.from(value);
const a = { name: "a" };
const day = 86_400_000;

async function vaultOf() {
  const at = await place();
  const vault = at.open();
  await vault.init();
  return { ...at, vault };
}
const read = async (vault: Vault, options = {}) => (await vault.get(a, options)).value.toString();
const statesOf = async (vault: Vault) =>
  (await vault.versions(a)).items.map(({ state }) => state).reverse();

afterEach(() => vi.useRealTimers());

describe("D1: labels and retention", () => {
  test("labels name one version each; what has one is never pruned", async () => {
    const { vault } = await vaultOf();
    for (const value of ["one", "two"]) await vault.set(a, text(value));
    await vault.describe(a, { label: ["blue", 1] });
    await vault.describe(a, { maxVersions: 2 });
    for (const value of ["three", "four"]) await vault.set(a, text(value));
    expect(await statesOf(vault)).toEqual(["live", "destroyed", "live", "live"]);
    expect(await read(vault, { label: "blue" })).toBe("one");
    expect(await read(vault, { label: "previous" })).toBe("three");
    await vault.describe(a, { label: ["blue", 3] });
    await vault.set(a, text("five"));
    expect(await statesOf(vault)).toEqual(["destroyed", "destroyed", "live", "live", "live"]);
    expect(await codeOf(vault.get(a, { label: "green" }))).toBe("E_SECRET_NOT_FOUND");
    for (const label of ["constructor", "__proto__", "toString"])
      expect(await codeOf(vault.get(a, { label }))).toBe("E_SECRET_NOT_FOUND");
    for (const label of ["current", "pending", "3", "a/b", "a\u0000"])
      expect(await codeOf(vault.describe(a, { label: [label, 3] })), label).toMatch(
        /E_USAGE|E_INVALID_SECRET/,
      );
  });

  test("the stricter of scope and secret wins; --cas can be demanded; old versions go with time", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { vault, driver } = await vaultOf();
    await vault.set(a, text("one"), { maxVersions: 5 });
    await vault.describeScope("default", { maxVersions: 2, casRequired: true });
    expect(await codeOf(vault.set(a, text("two")))).toBe("E_USAGE");
    for (const cas of [1, 2]) await vault.set(a, text(`v${cas}`), { cas });
    expect(await statesOf(vault)).toEqual(["destroyed", "live", "live"]);
    await vault.describeScope("default", {
      maxVersions: null,
      casRequired: null,
      deleteAfter: day,
    });
    await vault.set(a, text("four"));
    expect(await statesOf(vault)).toEqual(["destroyed", "live", "live", "live"]);
    vi.setSystemTime(Date.now() + 2 * day);
    const before = [...(await contents(driver)).keys()].filter((key) => key.startsWith("m/"));
    expect(await vault.clean({ grace: 0, dryRun: true })).toMatchObject([{ versions: [2] }]);
    expect(await statesOf(vault)).toEqual(["destroyed", "live", "live", "live"]);
    await vault.clean({ grace: 0, dryRun: false });
    expect(await statesOf(vault)).toEqual(["destroyed", "destroyed", "live", "live"]);
    const after = [...(await contents(driver)).keys()].filter((key) => key.startsWith("m/"));
    expect(after).toHaveLength(before.length - 1);
  });
});

test("D4: what has expired is refused, is handed out on record only, and is destroyed after a grace", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const { vault } = await vaultOf();
  await vault.set(a, text("one"), { expires: Date.now() + day });
  await vault.set(a, text("two"));
  expect(await read(vault, { version: 1 })).toBe("one");
  vi.setSystemTime(Date.now() + day + 1000);
  expect(await codeOf(vault.get(a, { version: 1 }))).toBe("E_SECRET_GONE");
  expect(await read(vault)).toBe("two");
  expect(await statesOf(vault)).toEqual(["expired", "live"]);
  expect(await read(vault, { version: 1, allowExpired: true })).toBe("one");
  const { items } = await vault.audit();
  const reads = items.flatMap((item) => (item.kind === "access" ? [item.entry] : []));
  expect(reads.map(({ n, expired }) => [n, expired])).toEqual([
    [1, undefined],
    [2, undefined],
    [1, true],
  ]);
  // going back to it makes it no younger
  await vault.rollback(a, 1);
  expect(await codeOf(vault.get(a))).toBe("E_SECRET_GONE");
  expect((await vault.list())[0]).toMatchObject({ state: "expired", version: 3 });
  expect(await vault.clean({ grace: day, dryRun: false })).toEqual([]);
  vi.setSystemTime(Date.now() + day);
  expect(await vault.clean({ grace: day, dryRun: false })).toMatchObject([{ versions: [1, 3] }]);
});

describe("D4: types", () => {
  const pem = (days: string, name: string) =>
    execFileSync(
      "openssl",
      // prettier-ignore
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "-", "-days", days, "-subj", `/CN=${name}`],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );

  test("a certificate is read, has its own key, and sets its expiry", async () => {
    const { vault } = await vaultOf();
    const [one, two] = [pem("10", "one"), pem("20", "two")];
    const block = (of: string, what: string) =>
      new RegExp(`-----BEGIN ${what}-----[^-]*-----END ${what}-----\n`).exec(of)?.[0] ?? "";
    await vault.set(a, text(one), { type: "certificate" });
    const [info] = await vault.list();
    expect(((info?.expires ?? 0) - Date.now()) / day).toBeGreaterThan(9);
    expect(((info?.expires ?? 0) - Date.now()) / day).toBeLessThan(11);
    const mixed = block(one, "CERTIFICATE") + block(two, "PRIVATE KEY");
    for (const [value, why] of [
      [mixed, "the private key of another certificate"],
      [block(two, "PRIVATE KEY"), "no PEM block"],
      [block(two, "CERTIFICATE").replaceAll("M", "N"), "cannot be read"],
      ["", "empty"],
    ]) {
      const failed = await vault.set(a, text(value ?? "")).catch((error: Error) => error);
      expect(failed).toMatchObject({ code: "E_INVALID_SECRET" });
      expect((failed as Error).message).toContain(why);
    }
    expect((await vault.versions(a)).items).toHaveLength(1);
  });

  test("JWT, connection, API key and password are what they say, and errors hold nothing of the value", async () => {
    const { vault } = await vaultOf();
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const key = text("k".repeat(32));
    const jwt = await new SignJWT({ exp }).setProtectedHeader({ alg: "HS256" }).sign(key);
    await vault.set({ name: "jwt" }, text(jwt), { type: "jwt" });
    await vault.set({ name: "db" }, text("postgres://app:pw@db.example/shop"), {
      type: "connection",
    });
    await vault.set({ name: "key" }, text("glpat-abcdef"), { type: "api-key" });
    const list = await vault.list();
    expect(list.map(({ name, type, detail, expires }) => [name, type, detail, expires])).toEqual([
      ["db", "connection", "postgres", undefined],
      ["jwt", "jwt", undefined, exp * 1000],
      ["key", "api-key", "GitLab", undefined],
    ]);
    for (const [name, value] of [
      ["jwt", "planted.7f3a9c"],
      ["jwt", "planted.7f3a9c.x"],
      ["db", "planted 7f3a9c"],
      ["key", "planted 7f3a9c"],
    ] as const) {
      const failed = await vault.set({ name }, text(value)).catch((error: Error) => error);
      expect(failed).toMatchObject({ code: "E_INVALID_SECRET" });
      expect(JSON.stringify(failed) + (failed as Error).message).not.toContain("7f3a9c");
    }
  });
});

test("D4: who reads a canary leaves an alert that everybody sees", async () => {
  const { vault, open } = await vaultOf();
  await vault.set(a, text("bait"), { canary: true });
  expect((await vault.list())[0]).toMatchObject({ canary: true });
  await vault.get(a, { use: "run" });
  const { items } = await open().audit({ verify: true });
  expect(items.flatMap((item) => (item.kind === "change" ? item.event.op : []))).toContain("alert");
});

describe("D1 D4: rotation", () => {
  test("a new value is pending until the last step; then labels move, and the old one ends", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { vault } = await vaultOf();
    await vault.set(a, text("old"));
    expect(await codeOf(vault.rotate(a, text("old")))).toBe("E_INVALID_SECRET");
    const { rotation } = await vault.beginRotation(a, text("new"));
    expect(await read(vault)).toBe("old");
    expect(await read(vault, { label: "pending" })).toBe("new");
    expect(await codeOf(vault.beginRotation(a, text("other")))).toBe("E_CONFLICT");
    expect(await codeOf(vault.set(a, text("other")))).toBe("E_CONFLICT");
    expect(await codeOf(vault.step(a, "another", "finish"))).toBe("E_CONFLICT");
    await vault.step(a, rotation.id, "set");
    expect(await vault.rotating(a)).toMatchObject({ n: 2, step: "set" });
    await vault.step(a, rotation.id, "test");
    await vault.step(a, rotation.id, "finish", day);
    expect([await read(vault), await read(vault, { label: "previous" })]).toEqual(["new", "old"]);
    expect(await vault.rotating(a)).toBeUndefined();
    vi.setSystemTime(Date.now() + day + 1);
    expect(await codeOf(vault.get(a, { label: "previous" }))).toBe("E_SECRET_GONE");
  });

  test("a rotation that is given up leaves its version deleted", async () => {
    const { vault } = await vaultOf();
    await vault.set(a, text("old"));
    const { rotation } = await vault.beginRotation(a, text("new"));
    await vault.step(a, rotation.id, "cancel");
    expect([await read(vault), await statesOf(vault)]).toEqual(["old", ["live", "deleted"]]);
    expect((await vault.set(a, text("next"))).version).toBe(3);
  });

  test("due follows schedule, hours and jitter; going back to an old value makes it no younger", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-03-01T12:00:00Z") });
    const { vault } = await vaultOf();
    const schedule = { every: 30 * day, window: "02:00-04:00" };
    await vault.set(a, text("one"), { schedule });
    await vault.set({ name: "b" }, text("one"), { schedule: { every: 30 * day, jitter: day } });
    const dates = async () =>
      Object.fromEntries((await vault.due(Infinity)).map(({ name, at }) => [name, at]));
    const { a: at, b = 0 } = await dates();
    expect(at).toBe(Date.parse("2026-04-01T02:00:00Z"));
    const jitter = b - Date.parse("2026-03-31T12:00:00Z");
    expect(jitter >= 0 && jitter < day).toBe(true);
    expect((await vault.due(Date.now())).length).toBe(0);
    vi.setSystemTime("2026-04-02T00:00:00Z");
    const over = await vault.due(Date.now());
    const overdue = over.map((item) => `${item.name} ${item.over}`);
    expect(new Set(overdue)).toEqual(new Set(["a true", "b true"]));
    await vault.rotate(a, text("two"));
    expect((await dates())["a"]).toBe(Date.parse("2026-05-02T02:00:00Z"));
    await vault.rollback(a, 1);
    expect((await dates())["a"]).toBe(at);
  });
});

test("D1: a scope goes back to what it was, in one event", async () => {
  const { vault } = await vaultOf();
  const in_ = (name: string) => ({ name, scope: "dev" });
  const value = async (name: string) => (await vault.get(in_(name))).value.toString();
  for (const name of ["kept", "changed", "deleted", "lost"]) await vault.set(in_(name), text("1"));
  await new Promise((done) => setTimeout(done, 5));
  const date = Date.now();
  await new Promise((done) => setTimeout(done, 5));
  await vault.set(in_("changed"), text("2"));
  await vault.change("delete", in_("deleted"));
  await vault.set(in_("lost"), text("2"));
  await vault.destroy(in_("lost"), [1]);
  await vault.set(in_("later"), text("1"));
  await vault.set({ name: "other", scope: "staging" }, text("1"));
  const expected = [
    { name: "changed", what: "restore", from: 1 },
    { name: "deleted", what: "undelete", from: 1 },
    { name: "later", what: "delete" },
    { name: "lost", what: "lost", from: 1 },
  ];
  const { items: before } = await vault.audit();
  expect(await vault.restoreScope("dev", date, { dryRun: true })).toEqual(expected);
  expect((await vault.audit()).items).toHaveLength(before.length);
  expect(await vault.restoreScope("dev", date, { dryRun: false })).toEqual(expected);
  expect([await value("kept"), await value("changed"), await value("deleted")]).toEqual([
    ...["1", "1", "1"],
  ]);
  expect(await value("lost")).toBe("2");
  expect(await codeOf(vault.get(in_("later")))).toBe("E_SECRET_GONE");
  const added = (await vault.audit({ verify: true })).items.slice(before.length);
  const seqs = added.flatMap((item) => (item.kind === "change" ? item.event.seq : []));
  expect([seqs.length, new Set(seqs).size]).toEqual([3, 1]);
  // once more changes nothing but what is lost
  expect(await vault.restoreScope("dev", date, { dryRun: false })).toEqual([expected[3]]);
});

test("vault attack 2: a secret of the same name after a purge takes no old record", async () => {
  const { driver, vault, open } = await vaultOf();
  const ledger = openStore({ driver, grace: 60_000, memory: 1e6 }).ledger(vaultKind());
  await vault.set(a, text("old"));
  const old = await contents(driver);
  const [setEvent] = (await Array.fromAsync(ledger.history(vaultName))).flatMap(({ changes }) =>
    changes.flatMap(({ events }) => events),
  );
  await vault.purge(a);
  expect(await codeOf(vault.get(a))).toBe("E_SECRET_NOT_FOUND");
  const left = await contents(driver);
  const gone = [...old.keys()].filter((key) => key.startsWith("m/") && !left.has(key));
  expect(gone).toHaveLength(2); // value and name
  await vault.set(a, text("new"));
  const now = await contents(driver);
  const fresh = [...now.keys()].filter((key) => key.startsWith("m/") && !left.has(key));
  for (const [index, key] of gone.entries()) {
    for (const target of fresh) {
      await driver.put(target, old.get(key) as Buffer);
      expect(await codeOf(open().get(a)), `${index} as ${target}`).toMatch(
        /E_VAULT_DAMAGED|E_INTEGRITY/,
      );
      await driver.put(target, now.get(target) as Buffer);
    }
    // under its own name it is no part of anything
    await driver.put(key, old.get(key) as Buffer);
    expect((await open().get(a)).value.toString()).toBe("new");
  }
  // the event that made the old secret does not come about again
  if (!setEvent) throw new Error("no event");
  const good = await contents(driver);
  await ledger.change(vaultName, { name: "x", via: "cli" }, () => [setEvent]);
  expect(await codeOf(open().get(a))).toBe("E_VAULT_DAMAGED");
  await bringBack(driver, good);
});
