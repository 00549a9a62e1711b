import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStore } from "@citadel/core/store";
import { newIdentity, openVault, publicId, secretText } from "@citadel/core/vault";
import file from "@citadel/driver-file";
import { expect, onTestFinished, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

// What was there before, or what was set: at each step of `secrets:set` the process is killed once.
test("vault attack 7: kill -9 at every step of set leaves the old value or the new one", async () => {
  const temp = await tempFolder("vault-crash");
  onTestFinished(() => temp.remove());
  const file = join(temp.path, "identity");
  await writeFile(file, secretText(await newIdentity()), { mode: 0o600 });
  const home = join(temp.path, "home");
  const run = (args: readonly string[], input?: string, crash?: string) =>
    citadel(home, args, {
      ...(input !== undefined && { input }),
      env: { CITADEL_IDENTITY_FILE: file, ...(crash && { CITADEL_CRASH_AT: crash }) },
    });
  expect((await run(["secrets:init"])).code).toBe(0);
  const steps: [crash: string, scope: string, moved: boolean][] = [
    // a new scope: its name, its slot, its event, the pin; then value, name, event, pin
    ["manifest:1", "one", false],
    ["slot:1", "one", false],
    ["entry:1", "one", false],
    ["document:1", "one", false],
    ["manifest:2", "one", false],
    ["document:1", "one", true],
    // a further version
    ["manifest:1", "one", false],
    ["entry:1", "one", false],
    ["document:1", "one", true],
    ["pin:1", "one", true],
  ];
  let old: string | undefined;
  for (const [index, [crash, scope, moved]] of steps.entries()) {
    const value = `value ${index}`;
    const what = `${index} ${crash}`;
    const ran = await run(["secrets:set", "a", "-s", scope], value, crash);
    expect(ran.signal, `${what}\n${ran.output}`).toBe("SIGKILL");
    const got = await run(["secrets:get", "a"]);
    if (moved) old = value;
    expect([got.code, got.stdout], what).toEqual(old === undefined ? [4, ""] : [0, old]);
  }
  expect((await run(["secrets:audit", "--verify"])).code).toBe(0);
  expect((await run(["verify"])).code).toBe(0);
}, 180_000);

// The same for a new key and for the removal of a member: at each step the old value is there, and a repeat finishes it.
test("vault attack 7: kill -9 at steps of rekey and member remove loses nothing, and a repeat finishes", async () => {
  const temp = await tempFolder("vault-crash-keys");
  onTestFinished(() => temp.remove());
  const [file, other] = [join(temp.path, "identity"), await newIdentity()];
  await writeFile(file, secretText(await newIdentity()), { mode: 0o600 });
  const home = join(temp.path, "home");
  const run = (args: readonly string[], input?: string, crash?: string) =>
    citadel(home, args, {
      ...(input !== undefined && { input }),
      env: { CITADEL_IDENTITY_FILE: file, ...(crash && { CITADEL_CRASH_AT: crash }) },
    });
  expect((await run(["secrets:init"])).code).toBe(0);
  expect((await run(["secrets:set", "a", "-s", "one"], "value")).code).toBe(0);
  const add = ["secrets:member:add", publicId(other.member), "--name", "bob", "--scopes", "one"];
  const steps: [crash: string, args: readonly string[]][] = [
    ["slot:1", ["secrets:rekey"]],
    ["manifest:2", ["secrets:rekey", "-s", "one"]],
    ["document:1", ["secrets:rekey"]],
    ["pin:2", ["secrets:rekey"]],
    ["document:1", ["secrets:member:remove", "bob", "--yes"]],
    ["slot:2", ["secrets:member:remove", "bob", "--yes"]],
    ["document:3", ["secrets:member:remove", "bob", "--yes"]],
  ];
  for (const [crash, args] of steps) {
    if (args.includes("bob")) await run(add);
    const ran = await run(args, undefined, crash);
    expect(ran.signal, `${args.join(" ")} ${crash}\n${ran.output}`).toBe("SIGKILL");
    expect((await run(["secrets:get", "a"])).stdout, `${args.join(" ")} ${crash}`).toBe("value");
    expect((await run(args)).code).toBe(0);
    expect((await run(["secrets:status"])).code).toBe(0);
  }
  expect((await run(["secrets:audit", "--verify"])).code).toBe(0);
  expect((await run(["verify"])).code).toBe(0);
}, 180_000);

// Two stores that went on apart: at each change of either the process dies, and the next one makes them the same.
test("vault attack 7: kill -9 at every step of a sync loses nothing on either side, and the next one finishes it", async () => {
  const temp = await tempFolder("vault-crash-sync");
  onTestFinished(() => temp.remove());
  const identity = await newIdentity();
  const key = join(temp.path, "identity");
  await writeFile(key, secretText(identity), { mode: 0o600 });
  const [here, there, machine, laptop] = ["here", "there", "machine", "laptop"].map((name) =>
    join(temp.path, name),
  ) as [string, string, string, string];
  const open = async (path: string, folder: string) => {
    const driver = file(new URL(`file:${path}`));
    await driver.open();
    const store = openStore({ driver, grace: 60_000, memory: 1e6 });
    const options = { store, folder, storeId: "test", who: { name: "local", via: "cli" } } as const;
    return openVault({ ...options, from: { known: identity }, passphrase: async () => "" });
  };
  const replica = async () => {
    const driver = file(new URL(`file:${there}`));
    await driver.open();
    const store = openStore({ driver, grace: 60_000, memory: 1e6 });
    return { url: "file:", id: "replica", store };
  };
  const sync = (steps: number) =>
    run(process.execPath, [
      ...[join(import.meta.dirname, "syncer.ts"), here, there, machine, key],
      String(steps),
    ]);
  const value = async (path: string, folder: string, name: string) =>
    (await (await open(path, folder)).get({ name, scope: "dev" })).value.toString();
  const ann = await open(here, machine);
  await ann.init();
  await ann.set({ name: "a", scope: "dev" }, Buffer.from("0"));
  expect((await sync(0)).code).toBe(0);
  let died = 0;
  for (let nth = 1; ; nth += nth > 8 ? 5 : 1) {
    const what = `step ${nth}`;
    // a value on each side, and a record that is gone here
    await (await open(here, machine)).set({ name: `h${nth}`, scope: "dev" }, Buffer.from(what));
    await (await open(there, laptop)).set({ name: `t${nth}`, scope: "dev" }, Buffer.from(what));
    const ran = await sync(nth);
    if (ran.signal === null) {
      expect(ran.code, ran.output).toBe(0);
      break;
    }
    died++;
    for (const [path, folder, name] of [
      [here, machine, `h${nth}`],
      [there, laptop, `t${nth}`],
    ] as const)
      expect(await value(path, folder, name), what).toBe(what);
    await (await open(here, machine)).sync(await replica());
    for (const name of [`h${nth}`, `t${nth}`]) {
      expect(await value(here, machine, name), what).toBe(what);
      expect(await value(there, laptop, name), what).toBe(what);
    }
    expect(nth).toBeLessThan(200);
  }
  expect(died).toBeGreaterThan(8);
  for (const [path, folder] of [
    [here, machine],
    [there, laptop],
  ] as const)
    expect((await (await open(path, folder)).audit({ verify: true })).problems).toEqual([]);
}, 180_000);
