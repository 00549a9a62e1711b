import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import memory from "@citadel/driver-memory";
import { openStore } from "@citadel/core/store";
import {
  fingerprint,
  newIdentity,
  newRecoveryKit,
  openVault,
  publicId,
  secretText,
  type VaultOptions,
} from "@citadel/core/vault";
import { Decrypter, armor } from "age-encryption";
import { describe, expect, onTestFinished, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { bin } from "../cli/cli.ts";
import { citadel, citadelEnv } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { machine } from "./machines.ts";

const passphrase = "correct horse battery";
const a = { name: "a" };

async function seat() {
  const temp = await tempFolder("vault-identity");
  onTestFinished(() => temp.remove());
  const driver = memory(new URL("memory:"));
  await driver.open();
  const folder = join(temp.path, "vault");
  const open = (from: VaultOptions["from"] = {}) =>
    openVault({
      store: openStore({ driver, grace: 60_000, memory: 1e6 }),
      ...{ folder, storeId: "test", who: { name: "local", via: "cli" }, from },
      passphrase: async () => passphrase,
    });
  return { path: temp.path, driver, folder, open };
}

/** A module that is a keychain of some kind. @param set body of `set(account, text)`, with `file` and `get` at hand */
async function keychain(path: string, name: string, set: string, get = "return read()[account];") {
  const module = join(path, `${name}.mjs`);
  await writeFile(
    module,
    `import { readFileSync, writeFileSync } from "node:fs";
const file = ${JSON.stringify(join(path, `${name}.json`))};
const memory = {};
const read = () => { try { return JSON.parse(readFileSync(file)); } catch { return {}; } };
const write = (all) => writeFileSync(file, JSON.stringify(all));
export const open = async () => ({
  async get(account) { ${get} },
  async set(account, text) { ${set} },
  async delete(account) { const all = read(); delete all[account]; write(all); },
});
`,
  );
  return module;
}
const keeps = "write({ ...read(), [account]: text });";

describe("D2: where the identity is", () => {
  test("a keychain that keeps what it takes holds the identity, and no passphrase is asked", async () => {
    const { path, folder, open } = await seat();
    const module = await keychain(path, "good", keeps);
    const made = await open({ keychain: module }).init();
    expect([made.source, made.made]).toEqual(["keychain", true]);
    await open({ keychain: module }).set(a, Buffer.from("x"));
    expect((await open({ keychain: module }).get(a)).value.toString()).toBe("x");
    expect((await open({ keychain: module }).status()).identity.source).toBe("keychain");
    expect(await codeOf(stat(join(folder, "identity.jwe")))).toBe("ENOENT");
    // nothing of the probe is left, and one entry for the identity, on one line
    const kept = JSON.parse(await readFile(join(path, "good.json"), "utf8")) as object;
    expect(Object.values(kept)).toEqual([
      expect.stringMatching(/^AGE-SECRET-KEY-1\w+\.[\w-]{43}$/),
    ]);
  });

  test("vault attack 11: without a keychain, with a locked one, one that forgets and one that changes, the next place is taken, openly", async () => {
    const kinds = {
      none: undefined,
      locked: ['throw new Error("the keychain is locked");', undefined],
      // what an unpinned Secret Service does on a machine without one: into the kernel, and gone with the process
      forgets: ["memory[account] = text;", "return memory[account];"],
      changes: ['write({ ...read(), [account]: text + "x" });', undefined],
    } as const;
    for (const [name, kind] of Object.entries(kinds)) {
      const { path, open } = await seat();
      const module = kind
        ? await keychain(path, name, kind[0], kind[1])
        : join(path, "missing.mjs");
      const made = await open({ keychain: module }).init();
      expect(made.source, name).toBe("key file");
      expect(made.notInKeychain, name).toMatch(/\w/);
      expect((await open({ keychain: module }).status()).identity.source, name).toBe("key file");
      expect(
        await codeOf((await seat()).open({ keychain: module }).init({ keep: "keychain" })),
      ).toBe("E_VAULT_LOCKED");
    }
  });

  test("vault attack 11: a keychain that is locked later is said to be so, and no other identity is made", async () => {
    const { path, open } = await seat();
    const module = await keychain(path, "later", keeps);
    await open({ keychain: module }).init();
    await keychain(path, "later-locked", keeps, 'throw new Error("locked");');
    const locked = { keychain: join(path, "later-locked.mjs") };
    expect(await codeOf(open(locked).list())).toBe("E_VAULT_LOCKED");
    expect(await codeOf(open(locked).identity())).toBe("E_VAULT_LOCKED");
  });

  test.skipIf(process.platform !== "linux")(
    "vault attack 11: on this Linux without a session, and on a bus without a provider, the key file is taken",
    async () => {
      const { path } = await seat();
      const file = join(path, "passphrase");
      await writeFile(file, passphrase, { mode: 0o600 });
      const places: [string, NodeJS.ProcessEnv][] = [
        ["no bus", { DBUS_SESSION_BUS_ADDRESS: "" }],
        ["no such bus", { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}/none` }],
      ];
      const bus = await sessionBus();
      if (bus) places.push(["a bus without a provider", { DBUS_SESSION_BUS_ADDRESS: bus }]);
      for (const [name, env] of places) {
        const home = join(path, name);
        const made = await citadel(home, ["secrets:init", "--keep", "keychain"], { env });
        expect([made.code, made.output.includes("of no use")], name).toEqual([8, true]);
      }
    },
    120_000,
  );
});

/** The address of a bus of this test's own; undefined where there is no dbus-daemon. */
async function sessionBus(): Promise<string | undefined> {
  const daemon = spawn("dbus-daemon", ["--session", "--nofork", "--print-address"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const started = await Promise.race([
    once(daemon, "spawn").then(() => true),
    once(daemon, "error").then(() => false),
  ]);
  if (!started) return undefined;
  onTestFinished(async () => {
    const gone = once(daemon, "exit");
    daemon.kill();
    await gone;
  });
  const [line] = (await once(createInterface(daemon.stdout), "line")) as [string];
  return line;
}

describe("D2: an identity for a job", () => {
  test("from a file, a descriptor and a variable; one that others can write to is refused", async () => {
    const temp = await tempFolder("vault-job");
    onTestFinished(() => temp.remove());
    const home = join(temp.path, "home");
    const job = join(temp.path, "job");
    const shown = await citadel(home, ["secrets:identity", "--new", job, "--json"]);
    const { publicId: id } = JSON.parse(shown.stdout) as { publicId: string };
    expect((await stat(job)).mode & 0o777).toBe(0o600);
    const text = (await readFile(job, "utf8")).trim();
    expect(shown.output).not.toContain(text);

    const env = { CITADEL_IDENTITY_FILE: job };
    expect((await citadel(home, ["secrets:init"], { env })).code).toBe(0);
    expect((await citadel(home, ["secrets:set", "a"], { env, input: "v" })).code).toBe(0);
    // as Kubernetes mounts it
    const link = join(temp.path, "link");
    await symlink(job, link);
    const sources: [string, readonly string[], NodeJS.ProcessEnv][] = [
      ["file", [], { CITADEL_IDENTITY_FILE: link }],
      ["variable", [], { CITADEL_IDENTITY: text }],
    ];
    for (const [source, args, more] of sources) {
      const ran = await citadel(home, ["secrets:status", "--json", ...args], { env: more });
      const status = JSON.parse(ran.stdout) as { identity: { source: string; id: string } };
      expect(status.identity.source).toBe(source);
      expect(ran.output).not.toContain(text);
    }
    // the shell opens it, so that no name of a file is known to the command
    const shell = (line: string, more: NodeJS.ProcessEnv = {}) =>
      run("sh", ["-c", line, process.execPath, bin, job], { env: citadelEnv(home, more) });
    const other = { CITADEL_IDENTITY: "wrong" };
    const piped = await shell('"$0" "$1" secrets:get a --identity-fd 3 3<"$2"', other);
    expect([piped.code, piped.stdout], piped.output).toEqual([0, "v"]);
    const known = await shell('"$0" "$1" secrets:status --json --identity-fd 4 4<"$2"');
    expect(JSON.parse(known.stdout).identity).toMatchObject({
      ...{ source: "descriptor", where: "descriptor 4" },
    });
    expect(known.output).not.toContain(text);
    const closed = await shell('"$0" "$1" secrets:get a --identity-fd 9');
    expect([closed.code, closed.output.includes("E_VAULT_LOCKED")]).toEqual([8, true]);
    const nothing = await shell('"$0" "$1" secrets:get a --identity-fd 3 3</dev/null');
    expect(nothing.code, nothing.output).toBe(8);
    expect(id).toMatch(/^age1/);
    await chmod(job, 0o622);
    expect((await citadel(home, ["secrets:get", "a"], { env })).code).toBe(8);
  }, 120_000);
});

describe("D2: recovery", () => {
  test("a kit opens with its passphrase, also by age alone, and makes a new administrator when all others are lost", async () => {
    const { path, driver, open } = await seat();
    await open({ known: await newIdentity() }).init();
    const lost = await machine(driver, path);
    const other = await seat();
    const first = await machine(other.driver, path);
    await first.open().init();
    await first.open().set(a, Buffer.from("kept"));
    expect((await first.open().status()).recovery).toBe(false);
    const kit = await newRecoveryKit("kit passphrase");
    await first.open().addMember(kit.publicId, {
      ...{ name: "recovery", role: "administrator", kind: "recovery" },
    });
    expect((await first.open().status()).recovery).toBe(true);
    const file = new Decrypter();
    file.addPassphrase("kit passphrase");
    expect(await file.decrypt(armor.decode(kit.text), "text")).toMatch(/^AGE-SECRET-KEY-1/);

    const fresh = await machine(other.driver, path);
    const recover = (text: string, word: string) =>
      fresh.open().recover(text, async () => word, { name: "new" });
    expect(await codeOf(recover(kit.text, "wrong"))).toBe("E_VAULT_LOCKED");
    expect(await codeOf(recover("no kit", "x"))).toBe("E_VAULT_LOCKED");
    expect(await codeOf(recover(secretText(lost.identity), ""))).toBe("E_VAULT_LOCKED");
    expect((await recover(kit.text, "kit passphrase")).role).toBe("administrator");
    expect((await fresh.open().get(a)).value.toString()).toBe("kept");
    await fresh.open().removeMember("founder");
    expect(await codeOf(first.open().list())).toBe("E_VAULT_LOCKED");
    expect((await fresh.open().audit({ verify: true })).problems).toEqual([]);
  }, 60_000);

  test("a line from paper does the same", async () => {
    const { path, driver } = await seat();
    const first = await machine(driver, path);
    await first.open().init();
    const kit = await newRecoveryKit();
    await first.open().addMember(kit.publicId, {
      ...{ name: "recovery", role: "administrator", kind: "recovery" },
    });
    const fresh = await machine(driver, path);
    await fresh.open().recover(`${kit.text}\n`, () => Promise.reject(new Error("asked")), {
      name: "new",
    });
    expect(await fresh.open().list()).toEqual([]);
  });
});

test("D1: the fingerprint has eight words of the BIP 39 list, and another id has others", async () => {
  const [one, two] = await Promise.all([newIdentity(), newIdentity()]);
  const words = await fingerprint(publicId(one.member));
  expect(words.split(" ")).toHaveLength(8);
  expect(await fingerprint(publicId(two.member))).not.toBe(words);
  // SHA-256 of the empty text begins with e3b0c44298fc1c149afbf4
  expect(await fingerprint("")).toBe(expected());
});

/** The same by hand: 11 bits each. */
function expected(): string {
  const list = execFileSync(process.execPath, [
    "--input-type=module",
    "-e",
    'import { wordlist } from "@scure/bip39/wordlists/english.js"; console.log(wordlist.join(" "))',
  ])
    .toString()
    .trim()
    .split(" ");
  const number = BigInt("0xe3b0c44298fc1c149afbf4");
  return Array.from(
    { length: 8 },
    (_, i) => list[Number((number >> BigInt(77 - 11 * i)) & 2047n)],
  ).join(" ");
}
