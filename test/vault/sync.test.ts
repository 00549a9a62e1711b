import type { Driver } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { publicId, type Replica, type Vault } from "@citadel/core/vault";
import memory from "@citadel/driver-memory";
import { expect, onTestFinished, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { tempFolder } from "../support/temp.ts";
import { machine, type Machine } from "./machines.ts";
import { bringBack, contents } from "./place.ts";

const text = (value: string) => Buffer.from(value);
const a = { name: "a", scope: "dev" };

async function store(): Promise<Driver> {
  const driver = memory(new URL("memory:"));
  await driver.open();
  return driver;
}

const replica = (driver: Driver): Replica => ({
  ...{ url: "memory:", id: "replica" },
  store: openStore({ driver, grace: 60_000, memory: 1e6 }),
});

/** Ann with a store of hers, and a bucket that has the same vault. */
async function synced() {
  const temp = await tempFolder("vault-sync");
  onTestFinished(() => temp.remove());
  const [own, bucket] = await Promise.all([store(), store()]);
  const ann = await machine(own, temp.path);
  await ann.open().init();
  await ann.open().set(a, text("one"));
  const sync = (who: Machine, options = {}) => who.open().sync(replica(bucket), options);
  await sync(ann);
  /** Another machine with a store of its own, filled from the bucket. */
  const join = async (identity?: Machine["identity"]) => {
    const other = await machine(await store(), temp.path, identity);
    await sync(other);
    return other;
  };
  return { path: temp.path, own, bucket, ann, sync, join };
}
const valueOf = async (vault: Vault, more = {}) => (await vault.get(a, more)).value.toString();

test("D3: a store that is behind gets what the other has, either way, and nothing twice", async () => {
  const { own, bucket, ann, sync, join } = await synced();
  expect(await contents(bucket)).toEqual(await contents(own));
  expect(await sync(ann)).toMatchObject({ ahead: 0, behind: 0, copied: 0 });
  const laptop = await join(ann.identity);
  expect(await valueOf(laptop.open())).toBe("one");
  await laptop.open().set(a, text("two"));
  expect(await sync(laptop, { dryRun: true })).toMatchObject({ ahead: 1, behind: 0 });
  expect(await sync(ann, { dryRun: true })).toMatchObject({ ahead: 0, behind: 0 });
  await sync(laptop);
  expect(await sync(ann, { dryRun: true })).toMatchObject({ ahead: 0, behind: 1 });
  await sync(ann);
  expect(await valueOf(ann.open())).toBe("two");
  // what is destroyed or sealed anew is gone there too
  await ann.open().destroy(a, [1]);
  await ann.open().rekey();
  await sync(ann);
  expect([...(await contents(bucket)).keys()].sort()).toEqual(
    [...(await contents(own)).keys()].sort(),
  );
  expect((await laptop.open(bucket).audit({ verify: true })).problems).toEqual([]);
});

test("D3: what was set here while the other store went on is set there again; two values of one secret are both kept", async () => {
  const { ann, sync, join } = await synced();
  const laptop = await join(ann.identity);
  await ann.open().set(a, text("of ann"));
  await sync(ann);
  await laptop.open().set(a, text("of the laptop, early"));
  await laptop.open().set(a, text("of the laptop"));
  await laptop.open().set({ name: "b", scope: "new" }, text("only here"));
  const done = await sync(laptop);
  expect(done.conflicts).toEqual([{ scope: "dev", name: "a", version: 4 }]);
  await sync(ann);
  for (const who of [ann, laptop]) {
    expect(await valueOf(who.open())).toBe("of ann");
    expect(await valueOf(who.open(), { label: "pending" })).toBe("of the laptop");
    expect((await who.open().get({ name: "b" })).value.toString()).toBe("only here");
    const { items } = await who.open().versions(a);
    expect(items).toHaveLength(4);
    expect((await who.open().audit({ verify: true })).problems).toEqual([]);
  }
  expect(await sync(laptop)).toMatchObject({ ahead: 0, behind: 0 });
});

test("D3: what was said here of a secret is said there again, with the expiry of new versions; not over what was said there", async () => {
  const { ann, sync, join } = await synced();
  const laptop = await join(ann.identity);
  await ann.open().set({ name: "other", scope: "dev" }, text("x"));
  await sync(ann);
  const expires = Date.now() + 86_400_000;
  await laptop.open().set(a, text("two"), { expires, description: "of the laptop", canary: true });
  await laptop.open().describe(a, { tags: ["t"] });
  expect((await sync(laptop)).conflicts).toEqual([]);
  await sync(ann);
  const [row] = (await ann.open().list()).filter(({ name }) => name === "a");
  expect(row).toMatchObject({ description: "of the laptop", tags: ["t"], expires });

  await ann.open().describe(a, { description: "of ann" });
  await sync(ann);
  await laptop.open().describe(a, { description: "of the laptop again" });
  expect(await codeOf(sync(laptop))).toBe("E_CONFLICT");
  await sync(laptop, { acceptFork: true });
  expect((await laptop.open().list())[0]).toMatchObject({ description: "of ann" });
});

test("vault attack 4: a bucket that was rolled back, or forked by somebody else, is refused, with both heads", async () => {
  const { path, bucket, ann, sync } = await synced();
  const bob = await machine(await store(), path);
  await ann.open().addMember(publicId(bob.identity.member), {
    ...{ name: "bob", kind: "person", scopes: ["dev"] },
  });
  await sync(ann);
  await sync(bob);
  const old = await contents(bucket);
  await ann.open().set(a, text("two"));
  await sync(ann);
  await bringBack(bucket, old);
  expect(await codeOf(sync(ann))).toBe("E_VAULT_ROLLBACK");
  // bob has seen nothing newer and goes on in the bucket
  await bob.open().set(a, text("by bob"));
  await sync(bob);
  const error = (await sync(ann).catch((caught: unknown) => caught)) as Error;
  const { pin } = await ann.open().status();
  expect(error.message).toContain(pin.head);
  expect(await codeOf(ann.open(bucket).list())).toBe("E_VAULT_ROLLBACK");
});

test("D3: a store that was rolled back is brought up again from one that has what was seen", async () => {
  const { own, ann, sync } = await synced();
  const old = await contents(own);
  await ann.open().set(a, text("two"));
  await sync(ann);
  await bringBack(own, old);
  expect(await codeOf(ann.open().get(a))).toBe("E_VAULT_ROLLBACK");
  await sync(ann);
  expect(await valueOf(ann.open())).toBe("two");
});

test("D3: a history of somebody else's that parts is given up only by an administrator, signed, and others follow", async () => {
  const { path, ann, sync, bucket } = await synced();
  const bob = await machine(await store(), path);
  await ann.open().addMember(publicId(bob.identity.member), {
    ...{ name: "bob", kind: "person", scopes: ["dev"] },
  });
  await sync(ann);
  await sync(bob);
  // both write into ann's store, while the bucket goes on
  const shared = bob.open.bind(bob);
  const annsStore = await store();
  await bringBack(annsStore, await contents(bucket));
  const guest = await machine(annsStore, path, bob.identity);
  await guest.open().set(a, text("by bob at ann's"));
  const host = await machine(annsStore, path, ann.identity);
  await host.open().list();
  await shared().set(a, text("by bob at home"));
  await sync(bob);
  expect(await codeOf(sync(host))).toBe("E_VAULT_ROLLBACK");
  await sync(host, { acceptFork: true });
  expect(await valueOf(host.open())).toBe("by bob at home");
  // bob has seen exactly the history that was given up
  expect(await valueOf(guest.open())).toBe("by bob at home");
  const { items } = await host.open().audit({ verify: true });
  expect(items.some((item) => item.kind === "change" && item.event.op === "fork")).toBe(true);
});
