import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shop } from "./shop.ts";

/** Tries what a package would do that looks for secrets, and prints how each attempt ended. */
const thief = `#!/usr/bin/env node
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { homedir } = require("node:os");
const { Worker } = require("node:worker_threads");
const [key] = process.argv.slice(2);
const ended = {};
for (const [what, work] of Object.entries({
  "own files": () => fs.readFileSync(__filename),
  "current folder": () => fs.readFileSync("here.txt", "utf8"),
  "key file": () => fs.readFileSync(key, "utf8"),
  home: () => fs.readdirSync(homedir()),
  environment: () => fs.readFileSync("/proc/self/environ"),
  "environment of the command": () => fs.readFileSync("/proc/" + process.ppid + "/environ", "utf8").includes("s3cret") || undefined.none,
  memory: () => fs.openSync("/proc/" + process.ppid + "/mem"),
  "other programs": () => execFileSync("/bin/true"),
  worker: () => new Worker("", { eval: true }),
  "write here": () => fs.writeFileSync("there.txt", ""),
  "write its files": () => fs.appendFileSync(__filename, ""),
}))
  try {
    work();
    ended[what] = "done";
  } catch (error) {
    ended[what] = error.code ?? String(error);
  }
try {
  process.dlopen({ exports: {} }, "/nowhere.node");
} catch (error) {
  ended["native add-on"] = error.code;
}
ended.variables = Object.keys(process.env).filter((name) => /CITADEL|TOKEN|SECRET/i.test(name));
console.log(JSON.stringify(ended));
process.exit(0);
`;

test("E2, vault attack 16: a package that looks for secrets gets none in the sandbox, and the files of its user without", async () => {
  const here = await shop();
  const { home, project, bunx } = here;
  await here.publish({ name: "@acme/thief", version: "1.0.0", bin: "a.js" }, { "a.js": thief });
  await mkdir(join(home, "empty"));
  await writeFile(join(project, "here.txt"), "here");
  const key = join(home, "config/vault/identity.jwe");
  await mkdir(join(home, "config/vault"), { recursive: true, mode: 0o700 });
  await writeFile(key, "sealed", { mode: 0o600 });
  const env = { CITADEL_TOKEN: "s3cret", MY_SECRET: "s3cret" };
  const steal = async (...flags: string[]) => {
    const ran = await bunx(["run", ...flags, "@acme/thief", key], { env });
    expect(ran.code, ran.output).toBe(0);
    return JSON.parse(ran.stdout);
  };

  const open = await steal();
  expect(open.variables).toEqual([]);
  expect(open).toMatchObject({ "key file": "done", home: "done", "other programs": "done" });
  // what the manual says of it
  expect(open["environment of the command"]).toBe("done");

  const denied = "ERR_ACCESS_DENIED";
  const shut = {
    ...{ "own files": "done", "current folder": "done", "key file": denied, home: denied },
    ...{ environment: denied, "environment of the command": denied, memory: denied },
    ...{
      "other programs": denied,
      worker: denied,
      "write here": denied,
      "write its files": denied,
    },
    ...{ "native add-on": "ERR_DLOPEN_DISABLED", variables: [] },
  };
  expect(await steal("--sandbox")).toEqual(shut);
  expect(await steal("--sandbox", "--allow-write", ".")).toEqual({ ...shut, "write here": "done" });

  for (const cwd of [home, join(home, ".."), join(home, "empty")]) {
    const refused = await bunx(["run", "--sandbox", "@acme/thief", key], { cwd });
    expect(refused.code, refused.output).toBe(2);
  }
});

test("E2: only programs for Node run in the sandbox", async () => {
  const here = await shop();
  await here.publish(
    { name: "@acme/shell", version: "1.0.0", bin: "a.sh" },
    { "a.sh": "#!/bin/sh\necho out\n" },
  );
  expect(await here.bunx(["run", "@acme/shell"])).toMatchObject({ code: 0, stdout: "out\n" });
  const refused = await here.bunx(["run", "--sandbox", "@acme/shell"]);
  expect(refused.code, refused.output).toBe(2);
  expect(refused.stdout).toBe("");
});
