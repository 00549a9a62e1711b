// B5: the configuration of thirteen bytes: its bytes, its writers, crashes, and what it switches.
import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { loadSettings } from "@citadel/core/config";
import {
  decodeBody,
  decodeHeader,
  defaultHeader,
  encodeBody,
  features,
  hashOf,
  openLive,
  plainUrl,
  repairLive,
  type Change,
  type Live,
} from "@citadel/core/live";

import { citadel, root } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

const defaults = { url: "http://localhost:4873/", proxy: false };
const vector = "0165e89b06000000e201185000";
const writer = join(root, "test/live/writer.js");

async function place(): Promise<string> {
  const temp = await tempFolder("live");
  onTestFinished(() => temp.remove());
  return join(temp.path, "citadel.lockb");
}
async function open(path: string, env: Readonly<Record<string, string>> = {}): Promise<Live> {
  const live = await openLive({ path, defaults, env });
  onTestFinished(() => live.close());
  return live;
}
const header = async (path: string) => (await readFile(path)).subarray(0, 13).toString("hex");

test.each([
  ["http://localhost:4873", "http://localhost:4873/", "65e89b06"],
  ["HTTP://LocalHost:4873/", "http://localhost:4873/", "65e89b06"],
  ["http://127.0.0.1:4873", "http://127.0.0.1:4873/", "3187e541"],
  ["http://[::1]:4873", "http://[::1]:4873/", "9c207ed2"],
  ["https://Example.com:443/npm?x=1#y", "https://example.com/npm/", "3f8e7010"],
  ["https://user:pw@bücher.example/r", "https://xn--bcher-kva.example/r/", "8a0af537"],
])("the hash of %s", (url, plain, hash) => {
  expect(plainUrl(url)).toBe(plain);
  expect(hashOf(url).toString("hex")).toBe(hash);
});

test.each(["", "localhost:4873", "ftp://x/", "file:///etc/passwd"])("%j has no hash", (url) =>
  expect(() => hashOf(url)).toThrow(/no http or https address/),
);

test("the header of a new registry, and the body of one that locks nothing, byte for byte", () => {
  expect(defaultHeader(defaults).toString("hex")).toBe(vector);
  expect(defaultHeader({ ...defaults, proxy: true })[8]).toBe(0xea);
  const empty = Buffer.concat([
    defaultHeader(defaults),
    encodeBody({ lockVersion: 1, packages: {} }),
  ]);
  expect(empty.toString("hex")).toBe(
    "0165e89b06000000e2011850004354444c010000000000001fc5dd6c24" +
      "7b226c6f636b56657273696f6e223a312c227061636b61676573223a7b7d7d",
  );
  expect(empty).toHaveLength(60);
  expect(decodeBody(empty)).toEqual({ lockVersion: 1, packages: {} });
});

test("every header that decodes says what its bytes say", () => {
  const bytes = fc.uint8Array({ minLength: 13, maxLength: 13 });
  fc.assert(
    fc.property(bytes, (each) => {
      const good = (each[9] ?? 0) <= 2 && each[10] !== 0 && each[11] !== 0;
      if (!good) {
        expect(() => decodeHeader(each)).toThrow(/byte 0x0[9ab]/);
        return;
      }
      const { flags, features: state, rows, cols, reserved } = decodeHeader(each);
      expect([rows, cols, reserved]).toEqual([each[10], each[11], each[12]]);
      for (const [bit, name] of features.entries())
        expect(state[name]).toBe(((flags >>> bit) & 1) === 1);
    }),
  );
});

test("B5: no file until the first change; then exactly its byte is written", async () => {
  const path = await place();
  const live = await open(path);
  expect(live.bytes().toString("hex")).toBe(vector);
  await expect(stat(path)).rejects.toThrow(/ENOENT/);
  const heard: Change[] = [];
  live.watch((change) => heard.push(change));
  await live.setByte("rows", 30, { expect: 24 });
  expect(await header(path)).toBe("0165e89b06000000e2011e5000");
  const { ino } = await stat(path);
  await live.toggleFeature("DEBUG", true);
  await live.toggleFeature("DEBUG");
  await live.toggleFeature("PREMIUM_TYPES");
  await live.setByte("terminalMode", 2);
  await live.setRegistry("https://example.com/npm");
  expect(await header(path)).toBe("013f8e7010000000e3021e5000");
  expect((await stat(path)).ino).toBe(ino);
  expect(heard.map(({ offset, generation, source }) => [offset, generation, source])).toEqual([
    [10, 1, "here"],
    [8, 2, "here"],
    [8, 3, "here"],
    [8, 4, "here"],
    [9, 5, "here"],
    [1, 6, "here"],
  ]);
  expect(heard.at(-1)?.old).toEqual([0x65, 0xe8, 0x9b, 0x06]);
});

test("B4, B5: a server makes the file of its own registry once, so that nobody else makes it for another", async () => {
  const path = await place();
  const live = await open(path);
  await live.make();
  expect(await header(path)).toBe(vector);
  await live.setByte("rows", 30);
  await live.make();
  expect(await header(path)).toBe("0165e89b06000000e2011e5000");
  expect(live.generation()).toBe(1);
});

test("what may not stand there is refused, and nothing is written", async () => {
  const path = await place();
  const live = await open(path);
  await live.setByte("cols", 100);
  const before = await header(path);
  for (const [field, value, code] of [
    ["rows", 0, "E_INVALID_DOCUMENT"],
    ["rows", 256, "E_INVALID_DOCUMENT"],
    ["rows", 1.5, "E_INVALID_DOCUMENT"],
    ["rows", Number.NaN, "E_INVALID_DOCUMENT"],
    ["terminalMode", 3, "E_INVALID_DOCUMENT"],
    [1, 0, "E_INVALID_DOCUMENT"],
    [12, 1, "E_INVALID_DOCUMENT"],
    [13, 1, "E_INVALID_DOCUMENT"],
    [-1, 1, "E_INVALID_DOCUMENT"],
    ["constructor", 1, "E_INVALID_DOCUMENT"],
  ] as const)
    await expect(live.setByte(field as "rows", value), `${field}=${value}`).rejects.toMatchObject({
      code,
    });
  await expect(live.setByte("cols", 90, { expect: 80 })).rejects.toMatchObject({
    ...{ code: "E_CONFLICT", message: "byte 0x0b is 100, not 80" },
  });
  await expect(live.toggleFeature("SHELL" as "DEBUG")).rejects.toThrow(/no feature/);
  expect(await header(path)).toBe(before);
  // bits that have no name stay
  await live.setByte(5, 0x80);
  await live.toggleFeature("DEBUG", true);
  expect(live.getConfig().flags >>> 31).toBe(1);
});

test("the environment counts above the file and is never written", async () => {
  const path = await place();
  await (await open(path)).setByte("rows", 30);
  const env = { CITADEL_CONFIG_HEX: "0265e89b06000000e202184000", CITADEL_FEATURE_METRICS: "0" };
  const live = await open(path, env);
  expect(live.getConfig()).toMatchObject({ version: 2, terminalMode: "raw", rows: 24, cols: 64 });
  expect(live.isOn("METRICS")).toBe(false);
  await live.setByte("cols", 90);
  expect(await header(path)).toBe("0165e89b06000000e2011e5a00");
  for (const bad of [{ CITADEL_CONFIG_HEX: "01" }, { CITADEL_FEATURE_DEBUG: "yes" }])
    await expect(openLive({ path, defaults, env: bad as {} })).rejects.toMatchObject({
      code: "E_CONFIG",
    });
});

test("B5: a process hears what another one, or an editor, changes", async () => {
  const path = await place();
  const [one, two] = [await open(path), await open(path)];
  await one.setByte("rows", 30);
  const heard: Change[] = [];
  two.watch((change) => heard.push(change));
  await one.setByte("rows", 31);
  await until(async () => two.getConfig().rows === 31);
  const bytes = await readFile(path);
  bytes[11] = 99;
  await writeFile(path, bytes);
  await until(async () => two.getConfig().cols === 99);
  expect(heard.at(-1)).toMatchObject({ offset: 11, old: [80], new: [99], source: "file" });
  // what is not a configuration changes nothing
  await writeFile(path, "nonsense");
  await expect(two.setByte("rows", 40)).rejects.toMatchObject({ code: "E_CONFIG" });
  expect(two.getConfig().rows).toBe(31);
});

test.each([
  ["cut short", vector.slice(0, 20), /has 10 bytes, not 13/],
  ["a mode that is none", "0165e89b06000000e203185000", /0x09 \(terminalMode\) is 3/],
  ["no rows", "0165e89b06000000e201005000", /0x0a \(rows\) is 0/],
  ["no columns", "0165e89b06000000e201180000", /0x0b \(cols\) is 0/],
  ["a tail", `${vector}00`, /behind its 13 bytes the configuration is cut short/],
  ["another's tail", `${vector}${"00".repeat(20)}`, /is not Citadel's/],
  ["a wrong checksum", `${vector}4354444c01000000000000020000000b7b7d`, /checksum/],
])("%s is refused and repaired only when asked", async (_, bytes, message) => {
  const path = await place();
  await writeFile(path, Buffer.from(bytes, "hex"));
  await expect(openLive({ path, defaults, env: {} })).rejects.toThrow(message);
  const dirs = { data: join(path, ".."), cache: "", config: "" };
  const { settings } = loadSettings({ env: {}, cwd: dirs.data, dirs });
  const plan = await repairLive({ settings, dirs });
  expect(plan.changes).not.toEqual([]);
  expect((await readFile(path)).toString("hex")).toBe(bytes);
  await plan.apply();
  expect((await open(path)).bytes().toString("hex")).toBe(vector);
  expect((await repairLive({ settings, dirs })).changes).toEqual([]);
});

test("B5: four processes count up together: no change is lost", async () => {
  const path = await place();
  await (await open(path)).setByte("version", 0);
  const run = async () => {
    const child = spawn(process.execPath, [writer, path, "25"], { stdio: "inherit" });
    const [code] = await once(child, "close");
    return code as number;
  };
  expect(await Promise.all([run(), run(), run(), run()])).toEqual([0, 0, 0, 0]);
  expect((await open(path)).getConfig().version).toBe(100);
}, 30_000);

test("B5: kill -9 while bytes and body are written: the file is always whole, old or new", async () => {
  const path = await place();
  const locked = { integrity: "sha512-x", size: 1, dependencies: {} };
  await (await open(path)).writePackages({ "@a/b@1.0.0": locked });
  for (let n = 0; n < 12; n++) {
    const child = spawn(process.execPath, [writer, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 10 + 17 * n));
    child.kill("SIGKILL");
    await once(child, "close");
    const live = await open(path);
    expect([24, 30, 31]).toContain(live.getConfig().rows);
    expect(Object.keys((await live.readPackages()) ?? {})).toEqual(["@a/b@1.0.0"]);
    await live.setByte("cols", 80 + n);
  }
}, 60_000);

test("B5: at the command line: seen, changed, exported", async () => {
  const temp = await tempFolder("live-cli");
  onTestFinished(() => temp.remove());
  const ask = (...args: string[]) => citadel(temp.path, args);
  expect((await ask("config:set", "rows", "30")).code).toBe(0);
  expect((await ask("config:enable", "debug")).code).toBe(0);
  expect((await ask("config:set", "terminalMode", "raw")).code).toBe(0);
  const shown = await ask("config:bytes", "--json");
  expect(JSON.parse(shown.stdout).hex).toBe("0165e89b06000000e6021e5000");
  const path = join(temp.path, "data", "citadel.lockb");
  expect(await header(path)).toBe("0165e89b06000000e6021e5000");
  expect((await ask("config:bytes", "--env")).stdout).toContain(
    "CITADEL_CONFIG_HEX=0165e89b06000000e6021e5000\n",
  );
  const conflict = await ask("config:set", "rows", "40", "--expect", "24");
  expect([conflict.code, conflict.stderr]).toEqual([5, expect.stringContaining("0x0a is 30")]);
  for (const [wrong, code] of [
    [["config:set", "colour", "1"], 2],
    [["config:set", "rows", "many"], 2],
    [["config:enable", "SHELL"], 2],
  ] as const)
    expect((await ask(...wrong)).code, wrong.join(" ")).toBe(code);

  const bytes = Buffer.from("0165e89b06000000e2011800", "hex");
  await writeFile(path, bytes);
  const refused = await ask("config:bytes");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("citadel config:repair --dry-run");
  expect((await ask("config:repair", "--dry-run")).stdout).toContain("0x0c");
  expect(await readFile(path)).toEqual(bytes);
  expect((await ask("config:repair", "--yes")).code).toBe(0);
  expect((await ask("config:bytes")).code).toBe(0);

  // what has no meaning here is kept and named, what a variable hides is said
  await writeFile(path, Buffer.from("0165e89b06000102e201185000", "hex"));
  expect((await ask("config:bytes")).stderr).toContain("set: 9, 16");
  const above = await citadel(temp.path, ["config:disable", "DEBUG"], {
    env: { CITADEL_FEATURE_DEBUG: "1" },
  });
  expect([above.code, above.stderr]).toEqual([0, expect.stringContaining("counts above the file")]);
  // nor is a file of somebody else ever repaired
  const bun = Buffer.from("#!/usr/bin/env bun\nbun-lockfile-format-v0\n\u0002\0\0\0");
  await writeFile(path, bun);
  for (const command of ["config:bytes", "config:repair"]) {
    const theirs = await ask(command, ...(command === "config:repair" ? ["--yes"] : []));
    expect([theirs.code, theirs.stderr]).toEqual([2, expect.stringContaining("lockfile of Bun")]);
  }
  expect(await readFile(path)).toEqual(bun);
  const other = { env: { CITADEL_LIVE_FILE: join(temp.path, "other.lockb") } };
  expect((await citadel(temp.path, ["config:set", "rows", "9"], other)).code).toBe(0);
  expect(await header(other.env.CITADEL_LIVE_FILE)).toBe("0165e89b06000000e201095000");
  const theirs = await ask("serve", "--port", "0", "--config-file", path);
  expect([theirs.code, theirs.stderr]).toEqual([2, expect.stringContaining("lockfile of Bun")]);
}, 30_000);
