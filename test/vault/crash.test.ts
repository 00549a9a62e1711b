import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";

// What was there before, or what was set: at each step of `secrets:set` the process is killed once.
test("vault attack 7: kill -9 at every step of set leaves the old value or the new one", async () => {
  const temp = await tempFolder("vault-crash");
  onTestFinished(() => temp.remove());
  const file = join(temp.path, "passphrase");
  await writeFile(file, "correct horse battery", { mode: 0o600 });
  const home = join(temp.path, "home");
  const run = (args: readonly string[], input?: string, crash?: string) =>
    citadel(home, args, {
      ...(input !== undefined && { input }),
      env: { CITADEL_PASSPHRASE_FILE: file, ...(crash && { CITADEL_CRASH_AT: crash }) },
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
