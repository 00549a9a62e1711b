import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createGuard, type GuardOptions } from "@citadel/core/guard";
import { createFinder, formsOf } from "@citadel/core/mask";
import { describe, expect, onTestFinished, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { tarOf } from "../support/packages.ts";
import { passphrase, place } from "./place.ts";
import { seat } from "./seat.ts";

type Files = Readonly<Record<string, string | Buffer>>;
const packed = (files: Files): Buffer =>
  gzipSync(tarOf(Object.entries(files).map(([path, content]) => ({ path, content }))));

const value = 'pa55/wo+rd="1"-with\nline-two-of-it';
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Files that a package may have been left with. */
const leaks: Files = {
  "plain.txt": `x ${value} y`,
  "base64.txt": base64(`user:${value}`),
  "base64url.txt": Buffer.from(`u:${value}.`).toString("base64url"),
  "hex.txt": Buffer.from(value).toString("hex"),
  "url.txt": `http://host/?a=${encodeURIComponent(value)}`,
  "form.txt": new URLSearchParams({ value }).toString(),
  "index.js.map": JSON.stringify({ sourcesContent: [`const a = ${JSON.stringify(value)};`] }),
  "inline.js": `//# sourceMappingURL=data:application/json;base64,${base64(JSON.stringify({ sourcesContent: [value] }))}`,
  "json.json": JSON.stringify({ password: value }),
  "in.tgz": packed({ "inner/deep.tgz": packed({ "a/b.txt": value }) }),
  "file.gz": gzipSync(`text ${value}`),
  "image.bin": Buffer.concat([Buffer.alloc(3_000_000, 7), Buffer.from(value), Buffer.alloc(9)]),
};

const finder = createFinder(
  formsOf(Buffer.from(value), false).map((bytes) => ({ name: "default/db/password", bytes })),
);

function guard(more: Partial<GuardOptions> = {}) {
  const warnings: string[] = [];
  const options = { values: "refuse", patterns: "refuse", traces: async () => finder } as const;
  return {
    warnings,
    check: createGuard({ ...options, warn: (line) => void warnings.push(line), ...more }),
  };
}

const tarball = (files: Files) =>
  packed(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`package/${path}`, text])),
  );

async function refusal(check: ReturnType<typeof guard>["check"], files: Files) {
  const error = await check("@a/b@1.0.0", tarball(files)).then(
    () => undefined,
    (one: unknown) => one as Error & { code: string; hint: string[] },
  );
  return error && { code: error.code, said: [error.message, ...error.hint].join("\n") };
}

describe("H7: what is published is looked into", () => {
  test.each(Object.entries(leaks))(
    "vault attack 20: a value in %s is found, and not told",
    async (path, content) => {
      const found = await refusal(guard().check, { "index.js": "1", [path]: content });
      expect(found?.code).toBe("E_LEAK");
      expect(found?.said).toContain(path);
      expect(found?.said).toContain("default/db/password");
      for (const form of formsOf(Buffer.from(value)))
        expect(found?.said.includes(form.toString())).toBe(false);
    },
  );

  test("vault attack 20: what looks like a key of a service is refused, with file, line and kind", async () => {
    // put together here, so that this file holds none
    const token = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");
    const found = await refusal(guard().check, {
      "a.js": `\nconst a = "${token}"`,
      "in.tgz": packed({ "x/b.env": `TOKEN=${token}` }),
    });
    expect(found?.said).toContain("a.js:2 looks like a secret: GITHUB_TOKEN (github)");
    expect(found?.said).toContain("in.tgz!x/b.env:1");
    expect(found?.said).not.toContain(token);
    const lenient = guard({ patterns: "warn" });
    expect(await refusal(lenient.check, { "a.js": token })).toBeUndefined();
    expect(lenient.warnings.join()).toContain("a.js:1");
    const off = guard({ patterns: "off", values: "off" });
    expect(await refusal(off.check, { "a.js": token + value })).toBeUndefined();
    expect(off.warnings).toEqual([]);
  });

  test("what is no secret is published: code, words, certificates, damaged archives", async () => {
    const { check, warnings } = guard();
    const files = {
      "index.js": "export const password = process.env.PASSWORD; // user:pass",
      "cert.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
      "half.tgz": packed({ "a/b": "x".repeat(5000) }).subarray(0, 40),
      "zero.gz": Buffer.from([0x1f, 0x8b]),
      "bomb.gz": gzipSync(Buffer.alloc(600 * 2 ** 20)),
      "README.md": "postgres://user:password@localhost/db AKIAIOSFODNN7EXAMPLE",
    };
    expect(await refusal(check, files)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test("values that are short or a word, deleted ones and old ones are not looked for; each of the newest three is", async () => {
    const { open } = await place();
    const vault = open();
    await vault.init();
    const set = (name: string, text: string) => vault.set({ name }, Buffer.from(text));
    for (const text of ["1234567", "password", "12345678", "PRODUCTION"])
      await set(`w/${text}`, text);
    for (const n of [1, 2, 3, 4]) await set("v", `value-number-${n}`);
    await set("gone", "value-that-is-gone");
    await vault.change("delete", { name: "gone" });
    const traces = await vault.traces();
    const found = (text: string) => traces.find(Buffer.from(text)).map(({ name }) => name);
    expect(found("1234567 password 12345678 PRODUCTION value-that-is-gone value-number-1")).toEqual(
      [],
    );
    expect(found("value-number-2 value-number-3 value-number-4")).toEqual(
      Array(3).fill("default/v"),
    );
    const { items } = await vault.audit();
    expect(items.filter(({ kind }) => kind === "access")).toEqual([]);
    const locked = open({ passphrase: `${passphrase}!` });
    expect(await codeOf(locked.traces())).toBe("E_VAULT_LOCKED");
  });

  test("vault attack 20: local:publish and registry:publish refuse, and name file and secret", async () => {
    const { path, run, fill, home } = await seat();
    await fill({ "production/db/password": "leaky-value-0815" });
    const folder = join(path, "package");
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, "dist"), { recursive: true });
    const write = (name: string, text: string) => writeFile(join(folder, name), text);
    await write("package.json", JSON.stringify({ name: "@d/one", version: "1.0.0" }));
    await write("dist/app.js", `auth("${base64("ann:leaky-value-0815")}")`);
    const publishing = [
      ["local:publish", "one", "1.0.0", "d", "-f", folder],
      ["registry:publish", folder],
    ];
    for (const args of publishing)
      for (const more of [[], ["--dry-run"], ["--allow-patterns"]]) {
        const ran = await run([...args, ...more]);
        expect([ran.code, ran.output.includes("E_LEAK")], ran.output).toEqual([9, true]);
        expect(ran.output).toContain("dist/app.js holds the value of production/db/password");
        expect(ran.output).not.toContain("leaky-value");
      }
    expect((await run(["local:list-packages", "--json"])).stdout).toContain('"items": []');
    // without what opens the vault it is said that nobody looked
    const [first = []] = publishing;
    const locked = await run([...first, "-n"], { env: { CITADEL_PASSPHRASE_FILE: "" } });
    expect([locked.code, locked.output.includes("were not looked for")]).toEqual([0, true]);
    const warned = await run(first, { env: { CITADEL_GUARD_VALUES: "warn" } });
    expect([
      warned.code,
      warned.output.includes("holds the value of production/db/password"),
    ]).toEqual([0, true]);
    expect(home).not.toBe("");
  }, 60_000);
});
