import { StoreError, type Driver } from "@citadel/core/driver";
import memory from "@citadel/driver-memory";
import { publicId, type Vault } from "@citadel/core/vault";
import { expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../support/temp.ts";
import { machine } from "./machines.ts";
import { bringBack, contents } from "./place.ts";

const text = (value: string) => Buffer.from(value);
const a = { name: "a", scope: "dev" };
const changing: readonly string[] = ["put", "write", "delete"];

/** A driver whose n-th change and all after it fail: before they are made, or after, so that nobody knows. */
function failing(driver: Driver, nth: number, when: "before" | "after"): Driver {
  let count = 0;
  return new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (!changing.includes(String(name))) return method;
      return async (...args: unknown[]) => {
        const fails = ++count >= nth;
        if (fails && when === "before") throw new StoreError("INVALID", "no more");
        const result = await method(...args);
        if (fails) throw new StoreError("INVALID", "no more");
        return result;
      };
    },
  });
}

const operations: Readonly<Record<string, (vault: Vault) => Promise<unknown>>> = {
  set: (vault) => vault.set(a, text("three")),
  "set in a new scope": (vault) => vault.set({ name: "b", scope: "new" }, text("x")),
  rotate: (vault) => vault.beginRotation(a, text("three")),
  destroy: (vault) => vault.destroy(a, [1]),
  rekey: (vault) => vault.rekey(),
  "member remove": (vault) => vault.removeMember("bob"),
};

test.each(Object.keys(operations))(
  "vault attack 7: %s is done or not when the store fails at any change of it, and can be repeated",
  async (name) => {
    const operation = operations[name] as (vault: Vault) => Promise<unknown>;
    const temp = await tempFolder("vault-faults");
    onTestFinished(() => temp.remove());
    const driver = memory(new URL("memory:"));
    await driver.open();
    const ann = await machine(driver, temp.path);
    const bob = await machine(driver, temp.path);
    await ann.open().init();
    for (const value of ["one", "two"]) await ann.open().set(a, text(value));
    await ann
      .open()
      .addMember(publicId(bob.identity.member), { name: "bob", kind: "person", scopes: ["dev"] });
    const before = await contents(driver);
    let ended = false;
    for (let nth = 1; !ended; nth++)
      for (const when of ["before", "after"] as const) {
        await bringBack(driver, before);
        // each time a machine that has seen nothing else
        const { open } = await machine(driver, temp.path, ann.identity);
        ended = await operation(open(failing(driver, nth, when))).then(
          () => true,
          () => false,
        );
        const what = `${name}, change ${nth}, ${when}`;
        const { problems } = await open().audit({ verify: true });
        expect(problems, what).toEqual([]);
        const { value, version } = await open().get(a);
        expect(value.toString(), what).toBe(["", "one", "two", "three"][version]);
        // what was left half done is finished by doing it again
        await operation(open()).catch((error: { code?: string }) =>
          expect(["E_CONFLICT", "E_INVALID_SECRET"], what).toContain(error.code),
        );
        expect((await open().audit({ verify: true })).problems, what).toEqual([]);
        const { scopes } = await open().status();
        expect(
          scopes.some(({ rekey }) => rekey),
          what,
        ).toBe(false);
      }
  },
);
