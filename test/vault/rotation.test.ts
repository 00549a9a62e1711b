import { chmod, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readRotationRules, rotateDue } from "@citadel/core/rotation";
import { readSchedule } from "@citadel/core/vault";
import { expect, onTestFinished, test, vi } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { serve } from "../support/citadel.ts";
import { until } from "../support/until.ts";
import { machine } from "./machines.ts";
import { place } from "./place.ts";
import { seat, type Seat } from "./seat.ts";

/** A policy whose programs are scripts of ours. */
async function scripts({ path }: Seat, set: string, check: string) {
  const script = async (name: string, body: string) => {
    const file = join(path, name);
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
    return [file];
  };
  const file = join(path, "rotate.json");
  const policy = {
    generate: { length: 24 },
    set: await script("set.sh", set),
    test: await script("test.sh", check),
    timeout: "20s",
  };
  await writeFile(file, JSON.stringify(policy));
  return file;
}

test("D1 D4: four steps: the program gets the value on its standard input, a failure leaves the value in use, the same again goes on", async () => {
  const at = await seat();
  const { path, run, json } = at;
  const value = async (label: string) =>
    (await run(["secrets:get", "db", "--label", label])).stdout;
  await at.fill({ "production/db": "old" });
  const [got, calls, gate] = ["got", "calls", "gate"].map((name) => join(path, name));
  const file = await scripts(
    at,
    `cat > ${got}; echo "$CITADEL_ROTATION_STEP $CITADEL_SECRET_SCOPE/$CITADEL_SECRET $CITADEL_SECRET_VERSION $CITADEL_PASSPHRASE_FILE" >> ${calls}`,
    `cmp ${got} - && test -e ${gate}`,
  );
  const failed = await run(["secrets:rotate", "db", "--policy", file, "--json"]);
  expect([failed.code, JSON.parse(failed.stdout).error.code]).toEqual([1, "E_ROTATION"]);
  expect([await value("current"), await value("pending")]).toEqual([
    "old",
    await readFile(got ?? "", "utf8"),
  ]);
  expect((await json(["secrets:list"])).items[0]).toMatchObject({ version: 1, rotating: true });
  // neither a value nor a rotation comes in between
  expect((await run(["secrets:set", "db", "-s", "production"], { input: "other" })).code).toBe(5);
  expect((await run(["secrets:rotate", "db", "--generate"])).code).toBe(5);
  await writeFile(gate ?? "", "");
  const done = await json(["secrets:rotate", "db", "--policy", file]);
  expect(done).toMatchObject({ scope: "production", name: "db", version: 2 });
  expect([await value("current"), await value("previous")]).toEqual([
    await readFile(got ?? "", "utf8"),
    "old",
  ]);
  // the step that was done is not done again, and the passphrase is not passed on
  expect(await readFile(calls ?? "", "utf8")).toBe("set production/db 2 \n");
  const { items } = await json(["secrets:audit", "--secret", "db"]);
  const steps = items.filter((item: any) => item.kind === "change").map(({ op }: any) => op);
  expect(steps).toEqual([
    ...["set", "rotate create", "rotate set", "rotate test", "rotate finish"],
  ]);
}, 60_000);

test("vault attack 7: kill -9 at every step of a rotation leaves the old value in use or the new one, and it goes on", async () => {
  const at = await seat();
  const { run } = at;
  await at.fill({ "production/db": "old" });
  const file = await scripts(at, "cat > /dev/null", "cat > /dev/null");
  let old = "old";
  // value, event and pin of each of the four steps
  const points = ["manifest:1", "entry:1", "document:1", "pin:1", "document:2"];
  points.push("entry:3", "document:3", "document:4");
  for (const point of points) {
    const args = ["secrets:rotate", "db", "--policy", file];
    const ran = await run(args, { env: { CITADEL_CRASH_AT: point } });
    expect(ran.signal, `${point}\n${ran.output}`).toBe("SIGKILL");
    const now = await run(["secrets:get", "db"]);
    expect(now.code, point).toBe(0);
    const finished = point === "document:4";
    expect(now.stdout !== old, point).toBe(finished);
    if (finished) {
      old = now.stdout;
      continue;
    }
    const again = await run(args);
    expect(again.code, `${point}\n${again.output}`).toBe(0);
    const next = (await run(["secrets:get", "db"])).stdout;
    expect(next).not.toBe(old);
    old = next;
  }
  expect((await run(["secrets:audit", "--verify"])).code).toBe(0);
  expect((await run(["verify"])).code).toBe(0);
}, 240_000);

test("D1 D4: due exits with 3, rotate --generate in one step, and a rotation policy that is not understood is refused", async () => {
  const { run, json, path, fill } = await seat();
  await fill({ "dev/a": "one" });
  expect((await run(["secrets:due"])).code).toBe(0);
  await run(["secrets:edit", "a", "--every", "1ms"]);
  const due = await run(["secrets:due", "--json"]);
  expect([due.code, JSON.parse(due.stdout).items]).toMatchObject([
    3,
    [{ scope: "dev", name: "a", why: "rotation", over: true }],
  ]);
  await run(["secrets:edit", "a", "--every", "30d", "--window", "02:00-04:00"]);
  expect(await json(["secrets:rotate", "a", "--generate", "--length", "12"])).toMatchObject({
    version: 2,
  });
  expect((await run(["secrets:get", "a"])).stdout).toMatch(/^[A-Za-z0-9]{12}$/);
  expect((await run(["secrets:due"])).code).toBe(0);
  expect((await run(["secrets:rotate", "none", "--generate"])).code).toBe(4);
  const file = join(path, "policy.json");
  for (const policy of [{ sett: [] }, { set: "a | b" }, { grace: 7 }, { generate: {} }, []]) {
    await writeFile(file, JSON.stringify(policy));
    expect((await run(["secrets:rotate", "a", "--policy", file])).code).toBe(2);
  }
  const program = { set: ["/nowhere/program"], generate: { length: 12 } };
  await writeFile(file, JSON.stringify(program));
  const failed = await run(["secrets:rotate", "a", "--policy", file]);
  expect([failed.code, failed.stderr.includes("cannot be started")]).toEqual([1, true]);
  expect((await run(["secrets:rotate", "a", "--cancel"])).code).toBe(0);
  expect((await run(["secrets:rotate", "a", "--cancel"])).code).toBe(4);
}, 60_000);

const signal = new AbortController().signal;
const what = (items: readonly { name: string; what: string }[]) =>
  Object.fromEntries(items.map((item) => [item.name, item.what]));

test("D4: what is due is rotated by the first rule that fits, in its hours; one that fails goes on later and stops no other", async () => {
  const noon = Date.UTC(2026, 2, 1, 12);
  vi.useFakeTimers({ toFake: ["Date"], now: noon });
  onTestFinished(() => void vi.useRealTimers());
  const { driver, folder } = await place();
  const vault = (await machine(driver, dirname(folder))).open();
  await vault.init();
  const value = async (name: string, label = "current") =>
    (await vault.get({ name }, { label })).value.toString();
  for (const name of ["db", "other", "late", "b", "rest"]) {
    await vault.set({ name, scope: name === "b" ? "dev" : "production" }, Buffer.from("old"));
    const window = name === "late" ? "02:00-04:00" : undefined;
    if (name !== "rest") await vault.describe({ name }, { schedule: readSchedule("1d", window) });
  }
  const gate = join(dirname(folder), "gate");
  const file = join(dirname(folder), "rules.json");
  const rules = {
    "production/db": { generate: { length: 20 }, test: ["/usr/bin/test", "-e", gate] },
    "production/*": { generate: { length: 30 }, grace: "1h" },
  };
  await writeFile(file, JSON.stringify(rules), { mode: 0o600 });
  const options = { rules: await readRotationRules(file), signal };
  expect(await rotateDue(vault, options)).toEqual([]);
  // late was due at two, and nobody did it
  vi.setSystemTime(noon + 2 * 86_400_000);
  const expected = { db: "failed", other: "rotated", late: "waits", b: "left" };
  const plan = await rotateDue(vault, { ...options, dryRun: true });
  expect(what(plan)).toEqual({ ...expected, db: "rotated" });
  const none = await rotateDue(vault, { ...options, before: async () => false });
  expect(none.some((item) => item.what === "rotated")).toBe(false);
  expect(await value("other")).toBe("old");
  expect(what(await rotateDue(vault, options))).toEqual(expected);
  expect([await value("db"), await value("rest"), await value("b")]).toEqual(["old", "old", "old"]);
  expect(await value("other")).toMatch(/^[A-Za-z0-9]{30}$/);
  const pending = await value("db", "pending");
  await writeFile(gate, "");
  vi.setSystemTime(noon + 2 * 86_400_000 + 15 * 3_600_000);
  expect(what(await rotateDue(vault, options))).toEqual({
    ...{ db: "rotated", late: "rotated", b: "left" },
  });
  expect(await value("db")).toBe(pending);
});

test("D4: rotate --due from the command line, and rules that are not understood or that others can write", async () => {
  const { run, path, fill } = await seat();
  await fill({ "production/db": "old", "dev/a": "old" });
  for (const name of ["db", "a"]) await run(["secrets:edit", name, "--every", "1ms"]);
  const file = join(path, "rules.json");
  const rules = { "production/*": { generate: { length: 30 } } };
  await writeFile(file, JSON.stringify(rules), { mode: 0o600 });
  const due = ["secrets:rotate", "--due", "--policy", file];
  const done = await run([...due, "--json"]);
  expect([done.code, what(JSON.parse(done.stdout).items)]).toEqual([
    3,
    { db: "rotated", a: "left" },
  ]);
  for (const args of [["--due"], ["db", "--due", "--policy", file], []])
    expect((await run(["secrets:rotate", ...args])).code, args.join(" ")).toBe(2);
  for (const wrong of [{ "dev/*": { grace: "1h" } }, [], { "dev/*": [] }, { "dev/*": { x: 1 } }]) {
    await writeFile(file, JSON.stringify(wrong));
    expect(await codeOf(readRotationRules(file)), JSON.stringify(wrong)).toBe("E_USAGE");
  }
  await writeFile(file, JSON.stringify(rules));
  await chmod(file, 0o666);
  expect(await codeOf(readRotationRules(file))).toBe("E_USAGE");
}, 60_000);

test("D4: a server rotates what is due, when it is told to and has an identity", async () => {
  const at = await seat();
  const { run, path, home, env } = at;
  await at.fill({ "production/db": "old", "production/bad": "old" });
  for (const name of ["db", "bad"]) await run(["secrets:edit", name, "--every", "1ms"]);
  const got = join(path, "got");
  const file = await scripts(at, `cat > ${got}`, "true");
  const policy: object = JSON.parse(await readFile(file, "utf8"));
  await writeFile(
    file,
    JSON.stringify({
      "production/bad": { generate: { length: 20 }, test: ["/usr/bin/false"] },
      "production/*": policy,
    }),
    { mode: 0o600 },
  );
  const told = { CITADEL_SECRETS_ROTATION: file, CITADEL_SECRETS_ROTATE: "true" };
  const server = await serve({ home, env: { ...env, ...told } });
  await until(async () => {
    const value = (await run(["secrets:get", "db"])).stdout;
    return value !== "old" && value === (await readFile(got, "utf8"));
  });
  await until(async () =>
    server.log().includes("ALERT production/bad was not rotated: E_ROTATION"),
  );
  await server.stop();
  // its own key is on record as the one that did it, and no value in what it said
  expect(server.log()).not.toContain(await readFile(got, "utf8"));
}, 60_000);
