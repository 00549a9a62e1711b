import { execFileSync } from "node:child_process";
import { createCipheriv, createHash, randomBytes, randomInt } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import {
  openAge,
  readBundle,
  readDotenv,
  readJson,
  readKv,
  readSops,
  sealAge,
  writeBundle,
  writeDotenv,
  writeJson,
  writeKv,
  writeSops,
  type SopsKind,
} from "@citadel/core/formats";
import {
  armor,
  Decrypter,
  Encrypter,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { codeOf } from "../core/registry-harness.ts";
import { installed } from "../servers/installed.ts";
import { place } from "./place.ts";
import { seat } from "./seat.ts";

const age = await installed("age", ["/usr/bin/age"]);

const item = (name: string, ...values: string[]) => ({
  name,
  values: values.map((value) => Buffer.from(value)),
});
const plain = (items: readonly { name: string; values: readonly Buffer[] }[]) =>
  Object.fromEntries(items.map(({ name, values }) => [name, values.map(String)]));
const code = (work: () => unknown) => codeOf((async () => work())());

const identity = await generateX25519Identity();
const recipient = await identityToRecipient(identity);
const openKey = (file: Uint8Array) =>
  openAge(file, { identities: [identity], passphrase: async () => "" });

describe("D5: .env and JSON", () => {
  test("every value that is written reads back equal, or is refused by its name", () => {
    const letter = fc.constantFrom(
      ...Array.from("ab =#'\"`\\$\n\r\t{}ä/"),
      "\\n",
      "${A}",
      "export ",
    );
    const value = fc.array(letter, { maxLength: 12 }).map((all) => all.join(""));
    let refused = 0;
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), (values) => {
        const items = values.map((one, n) => item(`name/${n}`, one));
        let text: string;
        try {
          text = writeDotenv(items);
        } catch (error) {
          refused++;
          expect((error as Error).message).toMatch(/name\/\d has no form/);
          return;
        }
        const expected = Object.fromEntries(values.map((one, n) => [`NAME_${n}`, one]));
        expect(parseEnv(text)).toEqual(expected);
        expect(plain(readDotenv(text).items)).toEqual(
          Object.fromEntries(Object.entries(expected).map(([name, one]) => [name, [one]])),
        );
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(0);
  });

  test("what would be replaced elsewhere is kept and reported, names that become one are refused", async () => {
    const { items, odd } = readDotenv('A=$HOME/x\nB="${A}"\nC=5$\nexport D=1 # word\n');
    expect(plain(items)).toEqual({ A: ["$HOME/x"], B: ["${A}"], C: ["5$"], D: ["1"] });
    expect(odd).toEqual(["A", "B"]);
    expect(await code(() => writeDotenv([item("a/b", "1"), item("a_b", "2")]))).toBe(
      "E_INVALID_DOCUMENT",
    );
  });

  test("JSON: nested objects are names with slashes, binary values are refused", async () => {
    expect(plain(readJson('{"db":{"url":"x","n":12345678901234567890},"on":true}'))).toEqual({
      ...{ "db/url": ["x"], "db/n": ["12345678901234567890"], on: ["true"] },
    });
    const items = [item("a/b", "1"), item("__proto__", "2")];
    expect(plain(readJson(writeJson(items, false)))).toEqual(plain(items));
    expect(Object.keys(JSON.parse(writeJson(items, true)))).toEqual(["A_B", "__PROTO__"]);
    expect(await code(() => writeJson([{ name: "x", values: [Buffer.from([0xff])] }], false))).toBe(
      "E_USAGE",
    );
  });
});

describe("D5: Vault and OpenBao KV", () => {
  test("answers with versions, of paths with several keys, and of the first engine", () => {
    const at = (version: number, data: object | null) => ({
      request_id: "x",
      data: { data, metadata: { version, created_time: "2026-01-01T00:00:00Z", destroyed: false } },
    });
    const text = JSON.stringify({
      "db/url": [at(2, { value: "new" }), at(1, { value: "old" }), at(3, null)],
      app: [
        at(1, { user: "ann", pass: "one" }),
        at(2, { user: "ann", pass: "two", n: 5, o: { a: 1 } }),
      ],
      old: { data: { key: "first engine" } },
    });
    expect(plain(readKv(text))).toEqual({
      ...{ "db/url": ["old", "new"], "app/user": ["ann"], "app/pass": ["one", "two"] },
      ...{ "app/n": ["5"], "app/o": ['{"a":1}'], "old/key": ["first engine"] },
    });
    const items = [item("a/b", "1", "2"), item("c", "3")];
    expect(plain(readKv(writeKv(items)))).toEqual(plain(items));
  });
});

/** A SOPS file as its documentation describes it, made without any of our code. */
async function sops(
  kind: SopsKind,
  tree: object,
  more: {
    readonly rule?: readonly [string, string];
    readonly only?: boolean;
    readonly change?: (text: string) => string;
  } = {},
): Promise<string> {
  const [name, value] = more.rule ?? ["unencrypted_suffix", "_unencrypted"];
  const key = randomBytes(32);
  const hash = createHash("sha512");
  if (more.only)
    hash.update(
      Buffer.from("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69", "hex"),
    );
  const seal = (text: string, aad: string, type = "str"): string => {
    const iv = randomBytes(32);
    const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: 16 }).setAAD(
      Buffer.from(aad),
    );
    const data = Buffer.concat([cipher.update(text), cipher.final()]).toString("base64");
    return `ENC[AES256_GCM,data:${data},iv:${iv.toString("base64")},tag:${cipher.getAuthTag().toString("base64")},type:${type}]`;
  };
  const hits = (part: string) =>
    name.endsWith("suffix") ? part.endsWith(value) : new RegExp(value).test(part);
  const walk = (node: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(node)) return node.map((one) => walk(one, path));
    if (node === null) return node;
    if (typeof node === "object")
      return Object.fromEntries(
        Object.entries(node).map(([part, one]) => [part, walk(one, [...path, part])]),
      );
    const hidden = path.some(hits) === name.startsWith("encrypted");
    const text = typeof node === "boolean" ? (node ? "True" : "False") : String(node as string);
    if (hidden || !more.only) hash.update(text);
    if (!hidden) return node;
    const type =
      { boolean: "bool", number: "int", string: "str" }[typeof node as "string"] ?? "str";
    return text === "" ? "" : seal(text, `${path.join(":")}:`, type);
  };
  const content = walk(tree, []) as Record<string, string>;
  const lastmodified = "2026-01-02T03:04:05Z";
  const file = new Encrypter();
  file.addRecipient(recipient);
  const enc = armor.encode(await file.encrypt(key));
  const mac = seal(hash.digest("hex").toUpperCase(), lastmodified);
  const rest = {
    lastmodified,
    mac,
    [name]: value,
    version: "3.9.4",
    ...(more.only && { mac_only_encrypted: true }),
  };
  const change = more.change ?? ((text: string) => text);
  if (kind !== "env") {
    const whole = { ...content, sops: { age: [{ recipient, enc }], ...rest } };
    return change(
      kind === "json"
        ? JSON.stringify(whole, null, "\t")
        : stringify(whole, {
            lineWidth: 0,
            defaultStringType: "QUOTE_DOUBLE",
            defaultKeyType: "PLAIN",
          }),
    );
  }
  const flat = { age__list_0__map_recipient: recipient, age__list_0__map_enc: enc, ...rest };
  return change(
    [
      ...Object.entries(content),
      ...Object.entries(flat).map(([one, text]) => [`sops_${one}`, String(text)] as const),
    ]
      .map(([one, text]) => `${one}=${String(text).replaceAll("\n", "\\n")}\n`)
      .join(""),
  );
}

const tree = {
  ...{ plain_unencrypted: "seen", n: 5, on: true, off_unencrypted: false, empty: "", none: null },
  db: { password: "päss\nword", hosts: ["one", { name: "two" }] },
};

describe("D5: SOPS", () => {
  test.each(["yaml", "json"] as const)(
    "%s of others opens, whatever is sealed in it",
    async (kind) => {
      const expected = {
        ...{
          plain_unencrypted: ["seen"],
          off_unencrypted: ["False"],
          n: ["5"],
          on: ["True"],
          empty: [""],
        },
        ...{ "db/password": ["päss\nword"], "db/hosts/0": ["one"], "db/hosts/1/name": ["two"] },
      };
      for (const rule of [
        undefined,
        ["encrypted_suffix", "word"],
        ["unencrypted_regex", "^h.*s$"],
        ["encrypted_regex", "^(db|on)$"],
      ] as const)
        for (const only of [false, true]) {
          const text = await sops(kind, tree, { ...(rule && { rule }), only });
          expect(text).toContain("ENC[AES256_GCM");
          expect(plain(await readSops(text, kind, openKey)), `${rule?.join(" ")} ${only}`).toEqual(
            expected,
          );
        }
    },
  );

  test("env of others opens", async () => {
    const text = await sops("env", { A: "one", B: "two\nlines", C_unencrypted: "x=y" });
    expect(plain(await readSops(text, "env", openKey))).toEqual({
      A: ["one"],
      B: ["two\nlines"],
      C_unencrypted: ["x=y"],
    });
  });

  test.each(["yaml", "json", "env"] as const)(
    "what we write as %s is sealed, and reads back equal",
    async (kind) => {
      const items = [
        item("A", "yes"),
        item(kind === "env" ? "B" : "B_unencrypted", "päss\nword"),
        item("EMPTY", ""),
        item("DATE", "2026-01-01"),
      ];
      const nested = kind === "env" ? items : [...items, item("db/a", "1"), item("db/b/c", "2")];
      const text = await writeSops(nested, kind, [recipient], new Date());
      expect(plain(await readSops(text, kind, openKey))).toEqual(plain(nested));
      expect(text).not.toContain("word");
      const named = kind === "env" ? undefined : [item("db", "1"), item("db/a", "2")];
      if (named)
        expect(await codeOf(writeSops(named, kind, [recipient], new Date()))).toBe("E_USAGE");
      expect(await codeOf(writeSops(items, kind, ["age1xx"], new Date()))).toBe("E_USAGE");
    },
  );

  test("vault attack 17: SOPS files that were changed are refused, whole", async () => {
    const other = { A: "one", B: "two", C_unencrypted: "three" };
    const swap = (text: string) => {
      const [, a = ""] = /A: "?(ENC\[[^\]]*\])/.exec(text) ?? [];
      const [, b = ""] = /B: "?(ENC\[[^\]]*\])/.exec(text) ?? [];
      return text.replace(a, "\0").replace(b, a).replace("\0", b);
    };
    for (const [what, change, expected] of [
      ["values swapped", swap, "E_INTEGRITY"],
      ["a value left out", (text: string) => text.replace(/^B: .*\n/m, ""), "E_INTEGRITY"],
      [
        "a value in the clear changed",
        (text: string) => text.replace("three", "four"),
        "E_INTEGRITY",
      ],
      [
        "values in another order",
        (text: string) => text.replace(/(A: .*\n)(B: .*\n)/, "$2$1"),
        "E_INTEGRITY",
      ],
      ["another date", (text: string) => text.replace("03:04:05", "03:04:06"), "E_INTEGRITY"],
      [
        "only sealed values counted",
        (text: string) => text.replace("  version", "  mac_only_encrypted: true\n  version"),
        "E_INTEGRITY",
      ],
      [
        "a rule that unseals",
        (text: string) => text.replace('_unencrypted"\n', 'A"\n'),
        "E_INVALID_DOCUMENT",
      ],
      ["no MAC", (text: string) => text.replace(/^ {2}mac: .*\n/m, ""), "E_INVALID_DOCUMENT"],
      [
        "a short tag",
        (text: string) => text.replace(/tag:[^,]{8}[^,]*/, "tag:AAAAAA=="),
        "E_INTEGRITY",
      ],
      ["no key", (text: string) => text.replace("age:", "agf:"), "E_INVALID_DOCUMENT"],
      [
        "an expression that never ends",
        (text: string) =>
          text
            .replace("unencrypted_suffix", "encrypted_regex")
            .replace('_unencrypted"\n', '^(\\\\w+\\\\s?)+$"\n')
            .replace("A: ", `${"a".repeat(60)}!: `),
        "E_INVALID_DOCUMENT",
      ],
    ] as const) {
      const text = await sops("yaml", other, { change });
      const found = await codeOf(readSops(text, "yaml", openKey));
      expect([what, found]).toEqual([what, expected]);
    }
    const stranger = await generateX25519Identity();
    const locked = readSops(await sops("yaml", other), "yaml", (file) =>
      openAge(file, { identities: [stranger], passphrase: async () => "" }),
    );
    expect(await codeOf(locked)).toBe("E_VAULT_LOCKED");
  });
});

describe("D5: age bundles", () => {
  const items = [
    { ...item("db/url", "one", "two"), scope: "dev", said: { description: "d", tags: ["t"] } },
  ];

  test("they open with stock age-encryption, for recipients and under a passphrase", async () => {
    const bundle = writeBundle(items, new Date());
    for (const readers of [{ recipients: [recipient] }, { passphrase: "correct horse" }]) {
      const file = new Decrypter();
      if ("passphrase" in readers) file.addPassphrase(readers.passphrase);
      else file.addIdentity(identity);
      const opened = await file.decrypt(armor.decode(await sealAge(bundle, readers)));
      expect(readBundle(opened)).toEqual(items);
    }
  }, 30_000);

  test.skipIf(age === undefined)(
    "Debian's age opens them, and what it seals is opened",
    async () => {
      const { path, run, fill } = await seat();
      await fill({ "default/a": "first value", "staging/b": "other value" });
      const [keys, file] = [join(path, "keys.txt"), join(path, "backup.age")];
      await writeFile(keys, `# created by hand\n${identity}\n`, { mode: 0o600 });
      const made = await run(["secrets:export", file, "--recipient", recipient]);
      expect(made.code, made.output).toBe(0);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const opened = execFileSync(age ?? "", ["-d", "-i", keys, file]);
      expect(readBundle(opened).map(({ scope, name }) => `${scope}/${name}`)).toEqual([
        "default/a",
        "staging/b",
      ]);
      const sealed = execFileSync(age ?? "", ["-r", recipient], { input: opened });
      await writeFile(file, sealed);
      const back = await run(["secrets:import", file, "--identity-file", keys, "--json"]);
      expect(JSON.parse(back.stdout).items.map(({ what }: any) => what)).toEqual([
        "unchanged",
        "unchanged",
      ]);
    },
    60_000,
  );

  test("vault attack 17: damaged, foreign and expensive age files are refused before the work", async () => {
    const text = await sealAge(writeBundle(items, new Date()), { recipients: [recipient] });
    const bytes = Buffer.from(armor.decode(text));
    const opening = (file: Uint8Array) => code(async () => readBundle(await openKey(file)));
    for (let n = 0; n < 40; n++) {
      const broken = Buffer.from(bytes);
      const at = randomInt(22, broken.length);
      broken[at] = (broken[at] ?? 0) ^ (1 << randomInt(8));
      expect(await opening(broken)).toMatch(/^E_(VAULT_LOCKED|INVALID_DOCUMENT)$/);
    }
    expect(await opening(bytes.subarray(0, -5))).toBe("E_VAULT_LOCKED");
    expect(await opening(Buffer.from(text.slice(0, 200)))).toBe("E_INVALID_DOCUMENT");
    const years = Buffer.from(
      `age-encryption.org/v1\n-> scrypt ${"A".repeat(22)} 40\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n`,
    );
    expect(await opening(years)).toBe("E_INVALID_DOCUMENT");
    for (const other of [
      "{}",
      "[]",
      "x",
      '{"format":"citadel-secrets","version":2}',
      '{"format":"citadel-secrets","version":1,"secrets":[{"scope":"a","name":"b","values":["!"]}]}',
    ])
      expect(
        await opening(Buffer.from(await sealAge(Buffer.from(other), { recipients: [recipient] }))),
      ).toBe("E_INVALID_DOCUMENT");
  });
});

describe("vault attack 17: files that are made to hurt", () => {
  const laughs = `a: &a ["x","x"]\n${Array.from("bcdefgh", (one, n) => `${one}: &${one} [${Array(9).fill(`*${"abcdefgh"[n]}`).join()}]`).join("\n")}\n`;
  test.each<[string, string, (text: string) => unknown, RegExp]>([
    ["YAML anchors", laughs, readJson, /INVALID_DOCUMENT/],
    ["a YAML alias of itself", "a: &a\n  b: *a\n", readJson, /INVALID_DOCUMENT/],
    ["a YAML merge", "a: &a {b: 1}\nc:\n  <<: *a\n", readJson, /INVALID_DOCUMENT/],
    ["several YAML documents", "a: 1\n---\nb: 2\n", readJson, /INVALID_DOCUMENT/],
    ["a tag that makes objects", "a: !!js/function 'x'\n", readJson, /INVALID_DOCUMENT/],
    ["brackets without end", `{"a":${"[".repeat(100_000)}`, readJson, /INVALID_DOCUMENT/],
    [
      "indentation without end",
      Array.from({ length: 300 }, (_, n) => `${" ".repeat(n)}a:`).join("\n"),
      readJson,
      /INVALID_DOCUMENT/,
    ],
    ["one key twice", '{"a":"1","a":"2"}', readJson, /INVALID_DOCUMENT/],
    ["one name on two ways", '{"a/b":"1","a":{"b":"2"}}', readJson, /INVALID_DOCUMENT/],
    ["one name in two spellings", '{"\u00e9":"1","e\u0301":"2"}', readJson, /INVALID_DOCUMENT/],
    ["a key that is no text", "1: a\n", readJson, /INVALID_DOCUMENT/],
    ["a path that climbs", '{"../../etc/passwd":"x"}', readJson, /INVALID_SECRET/],
    ["an absolute path", '{"/etc/passwd":"x"}', readJson, /INVALID_SECRET/],
    ["steering characters", '{"a\\u001b[31m":"x"}', readJson, /INVALID_SECRET/],
    [
      "too many",
      JSON.stringify(Object.fromEntries(Array.from({ length: 2001 }, (_, n) => [`n${n}`, "x"]))),
      readJson,
      /TOO_LARGE/,
    ],
    ["too large", JSON.stringify({ a: "x".repeat(5 * 2 ** 20) }), readJson, /TOO_LARGE/],
    ["a KV answer that is none", '{"a":{"data":"x"}}', readKv, /INVALID_DOCUMENT/],
    [
      ".env with a name twice",
      "A=1\nB=2\nexport A=3\n",
      (text) => readDotenv(text),
      /INVALID_DOCUMENT/,
    ],
    [".env without end", "A1=x\n".repeat(500_000), (text) => readDotenv(text), /INVALID_DOCUMENT/],
    [
      ".env with open quotes",
      `A="${"x\n".repeat(200_000)}`,
      (text) => readDotenv(text),
      /undefined/,
    ],
  ])("%s", async (_, text, read, expected) => {
    expect(String(await code(() => read(text)))).toMatch(expected);
  });

  test("names of every object are names like any other", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const text = `{${names.map((name) => `"${name}":"value-of-${name}"`).join()}}`;
    expect(readJson(text).map(({ name }) => name)).toEqual(names);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

test("D5: an import is all or nothing, keeps versions, and changes nothing that is the same", async () => {
  const { open } = await place();
  const vault = open();
  await vault.init();
  await vault.set({ name: "known", scope: "s" }, Buffer.from("before"));
  const items = [item("new", "1", "2", "3"), item("known", "after"), item("typed", "a", "b")].map(
    (one) => ({ ...one, scope: "s" }),
  );
  const said = { description: "what", tags: ["x"], expires: Date.now() + 1e9 };
  const given = items.map((one) => (one.name === "typed" ? { ...one, said } : one));
  const before = (await vault.audit()).items.length;
  expect((await vault.take(given, { dryRun: true })).map(({ what }) => what)).toEqual([
    "added",
    "changed",
    "added",
  ]);
  expect((await vault.audit()).items.length).toBe(before);
  expect(
    await codeOf(
      vault.take([...given, { ...item("big", "x".repeat(70_000)), scope: "s" }], { dryRun: false }),
    ),
  ).toBe("E_TOO_LARGE");
  expect((await vault.list("s")).map(({ name }) => name)).toEqual(["known"]);
  expect((await vault.take(given, { dryRun: false })).map(({ versions }) => versions)).toEqual([
    3, 1, 2,
  ]);
  const again = open();
  expect((await again.take(given, { dryRun: false })).map(({ what }) => what)).toEqual([
    "unchanged",
    "unchanged",
    "unchanged",
  ]);
  for (const [version, value] of ["1", "2", "3"].entries())
    expect(
      String((await again.get({ name: "new", scope: "s" }, { version: version + 1 })).value),
    ).toBe(value);
  const list = await again.list("s");
  expect(list.map(({ name, version }) => [name, version])).toEqual([
    ["known", 2],
    ["new", 3],
    ["typed", 2],
  ]);
  expect(list.at(-1)).toMatchObject({ description: "what", tags: ["x"], expires: said.expires });
  expect((await again.audit({ verify: true })).problems).toEqual([]);
});

test("D5: import and export from the command line, sealed, open, and on record", async () => {
  const { path, run, json, fill } = await seat();
  const file = (name: string) => join(path, name);
  await writeFile(file("app.env"), 'A=one\nB="two words"\n');
  const plan = await run(["secrets:import", file("app.env"), "-s", "dev", "-n"]);
  expect([plan.code, plan.stdout]).toEqual([0, "dev\tA\tadded\t1\ndev\tB\tadded\t1\n"]);
  expect((await json(["secrets:list"])).items).toEqual([]);
  expect((await run(["secrets:import", file("app.env"), "-s", "dev"])).code).toBe(0);
  await fill({ "dev/db/password": "third value" });
  const open = await run(["secrets:export", "-", "-s", "dev", "--format", "env"]);
  expect(open.stdout).toBe("A=one\nB=two words\nDB_PASSWORD=third value\n");
  const sealed = await run([
    "secrets:export",
    file("s.yaml"),
    "-s",
    "dev",
    "--format",
    "sops-yaml",
    "--recipient",
    recipient,
  ]);
  expect(sealed.code, sealed.output).toBe(0);
  const keys = file("keys.txt");
  await writeFile(keys, identity);
  const taken = await json([
    "secrets:import",
    file("s.yaml"),
    "-s",
    "copy",
    "--prefix",
    "x/",
    "--identity-file",
    keys,
  ]);
  expect(taken.items.map(({ name, what }: any) => `${name} ${what}`)).toEqual([
    "x/A added",
    "x/B added",
    "x/db/password added",
  ]);
  const json1 = await run(["secrets:export", file("o.json"), "-s", "dev", "--only", "A"]);
  expect([
    json1.output.includes("in the clear"),
    (await stat(file("o.json"))).mode & 0o777,
  ]).toEqual([true, 0o600]);
  for (const [args, expected] of [
    [["secrets:export", "-", "--format", "env"], 2],
    [["secrets:export", "-", "-s", "none", "--format", "env"], 4],
    [["secrets:export", file("x"), "-s", "dev", "--format", "sops-env"], 2],
    [["secrets:export", file("x.age")], 2],
    [["secrets:export", file("no/where.json"), "-s", "dev"], 2],
    [["secrets:import", file("none.env")], 2],
    [["secrets:import", keys], 2],
  ] as const) {
    const ran = await run(args);
    expect(ran.code, ran.output).toBe(expected);
  }
  expect((await readdir(path)).filter((name) => name.startsWith("x"))).toEqual([]);
  const { items } = await json(["secrets:audit"]);
  const exports = items.filter(({ op }: any) => op === "export").map(({ name }: any) => name);
  expect(exports).toEqual([
    "A",
    "B",
    "db/password",
    "A",
    "B",
    "db/password",
    "A",
    "A",
    "B",
    "db/password",
  ]);
  expect(await readFile(file("s.yaml"), "utf8")).not.toContain("third");
}, 90_000);
