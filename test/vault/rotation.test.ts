import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
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
