// D1 D3 D4: what the vault says after many steps, against a plain model; and what it does when there are very many
import { createHmac, hkdfSync } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { publicId } from "@citadel/core/vault";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { machine, type Machine } from "./machines.ts";
import { place } from "./place.ts";

const scopes = ["dev", "production"] as const;
type Scope = (typeof scopes)[number];
const text = (value: string) => Buffer.from(value);

test("D1 D4: members that come, go and change, new keys and values, in any order: each reads what a plain model says", async () => {
  const scope = fc.constantFrom(...scopes);
  const who = fc.integer({ min: 0, max: 1 });
  const held = fc.constantFrom<readonly Scope[]>([], ["dev"], ["production"], scopes);
  const step = fc.oneof(
    fc.record({ op: fc.constant("set" as const), scope, value: fc.constantFrom("x", "y", "z") }),
    fc.record({ op: fc.constantFrom("join" as const, "role" as const), who, held }),
    fc.record({ op: fc.constant("leave" as const), who }),
    fc.record({ op: fc.constant("rekey" as const), scope: fc.option(scope, { nil: undefined }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (steps) => {
      const { driver, folder } = await place();
      const seat = () => machine(driver, dirname(folder));
      const ann = await seat();
      const others = [await seat(), await seat()];
      const vault = ann.open();
      await vault.init();
      const values: Record<Scope, string> = { dev: "first", production: "first" };
      for (const one of scopes) await vault.set({ name: "a", scope: one }, text("first"));
      const members = new Map<number, readonly Scope[]>();
      const ever = new Set<string>();
      let generation: Record<Scope, number> = { dev: 1, production: 1 };
      const lost = (before: readonly Scope[], now: readonly Scope[]): void => {
        for (const gone of before.filter((each) => !now.includes(each)))
          generation = { ...generation, [gone]: generation[gone] + 1 };
      };
      for (const one of steps) {
        if (one.op === "set") {
          await vault.set({ name: "a", scope: one.scope }, text(one.value));
          values[one.scope] = one.value;
        } else if (one.op === "rekey") {
          await vault.rekey(one.scope);
          for (const each of scopes)
            if (one.scope === undefined || one.scope === each) generation[each]++;
        } else {
          const { identity } = others[one.who] as Machine;
          const name = `m${one.who}`;
          const before = members.get(one.who);
          const change =
            one.op === "join"
              ? vault.addMember(publicId(identity.member), {
                  ...{ name, kind: "person", role: "dev", scopes: one.held },
                })
              : one.op === "role"
                ? vault.changeMember(name, { scopes: one.held })
                : vault.removeMember(name);
          const code = await codeOf(change);
          // the removal of who has gone is a repeat, as after a crash
          const right = one.op === "join" ? !before : one.op === "role" ? !!before : ever.has(name);
          expect(code === undefined, `${one.op} ${code}`).toBe(right);
          if (code !== undefined || (one.op === "leave" && !before)) continue;
          ever.add(name);
          const now = one.op === "leave" ? [] : one.held;
          lost(before ?? [], now);
          if (one.op === "leave") members.delete(one.who);
          else members.set(one.who, now);
        }
      }
      for (const each of scopes)
        expect((await vault.get({ name: "a", scope: each })).value.toString()).toBe(values[each]);
      for (const [index, other] of others.entries())
        for (const each of scopes) {
          const got = other.open().get({ name: "a", scope: each });
          const of = members.get(index);
          if (of?.includes(each)) expect((await got).value.toString()).toBe(values[each]);
          else expect(await codeOf(got)).toBe(of ? "E_SECRET_DENIED" : "E_VAULT_LOCKED");
        }
      const status = await vault.status();
      expect(Object.fromEntries(status.scopes.map((each) => [each.name, each.generation]))).toEqual(
        generation,
      );
      expect(status.members).toBe(1 + members.size);
      expect(status.scopes.some(({ rekey }) => rekey)).toBe(false);
      expect((await vault.audit({ verify: true })).problems).toEqual([]);
      // nothing of an older generation is left in the store
      const slots = (await driver.list({ prefix: "slot/" })).entries;
      expect(slots).toHaveLength(1 + scopes.length);
    }),
    { numRuns: 10 },
  );
}, 60_000);

/** The checkpoint of a machine, which its own identity signs. */
async function checkpointOf({ folder, identity }: Machine) {
  const name = (await readdir(folder)).find((one) => one.startsWith("checkpoint-"));
  const path = join(folder, name ?? "none");
  const key = Buffer.from(hkdfSync("sha256", identity.age, "", "citadel vault checkpoint", 32));
  const bytes = await readFile(path);
  return {
    content: deserialize(bytes.subarray(32)) as [number, { state: any }],
    write: async (content: unknown) => {
      const body = serialize(content);
      const mac = createHmac("sha256", key).update(body).digest();
      await writeFile(path, Buffer.concat([mac, body]));
    },
  };
}

test("D3: a checkpoint of thousands of events is small, and opens the vault without reading them", async () => {
  const { driver, folder } = await place();
  const ann = await machine(driver, dirname(folder));
  const vault = ann.open();
  await vault.init();
  const a = { name: "a", scope: "dev" };
  await vault.set(a, text("kept"));
  for (let n = 0; n < 1000; n++) {
    await vault.change("delete", a);
    await vault.change("undelete", a);
  }
  const { pin } = await vault.status();
  expect(pin.seq).toBeGreaterThan(2000);
  let reads = 0;
  const counting = new Proxy(driver, {
    get(target, name: keyof typeof driver) {
      const value = target[name];
      if (name !== "get") return typeof value === "function" ? value.bind(target) : value;
      return (...args: Parameters<typeof driver.get>) => {
        if (args[0].startsWith("h/")) reads++;
        return target.get(...args);
      };
    },
  });
  expect((await ann.open(counting).get(a)).value.toString()).toBe("kept");
  expect(reads).toBeLessThan(100);
  const { content } = await checkpointOf(ann);
  // what happened to one secret costs nothing more however often it happens
  expect(serialize(content).byteLength).toBeLessThan(20_000);
  expect((await ann.open().audit()).problems).toEqual([]);
}, 180_000);

test("D1: a key that has sealed 2^30 records is due for another, and from 2^31 on seals nothing more until it has one", async () => {
  const { driver, folder } = await place();
  const ann = await machine(driver, dirname(folder));
  await ann.open().init();
  const a = { name: "a", scope: "dev" };
  for (let n = 0; n < 60; n++) await ann.open().set(a, text(`value ${n}`));
  /** As if so many had been sealed: no test can wait for that. */
  const sealed = async (seals: number) => {
    const { content, write } = await checkpointOf(ann);
    const [, { state }] = content;
    for (const [id, scope] of state.scopes) state.scopes.set(id, { ...scope, seals });
    await write(content);
  };
  const rekeyOf = async () => (await ann.open().status()).scopes[0]?.rekey;
  await sealed(2 ** 30 - 100);
  expect(await rekeyOf()).toBeUndefined();
  await sealed(2 ** 30);
  expect(await rekeyOf()).toBe("it has sealed too much");
  await ann.open().set(a, text("still"));
  await sealed(2 ** 31);
  expect(await codeOf(ann.open().set(a, text("no more")))).toBe("E_CONFLICT");
  expect((await ann.open().get(a)).value.toString()).toBe("still");
  await ann.open().rekey("dev");
  expect(await rekeyOf()).toBeUndefined();
  await ann.open().set(a, text("again"));
  expect((await ann.open().get(a)).value.toString()).toBe("again");
  expect((await ann.open().audit({ verify: true })).problems).toEqual([]);
});
