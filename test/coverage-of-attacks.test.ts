import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/citadel.ts";

interface Row {
  readonly number: number;
  readonly met: string;
  readonly files: readonly string[];
}

async function rows(): Promise<Row[]> {
  const text = await readFile(join(root, "docs/security.md"), "utf8");
  return text
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, number = ""]) => /^\d+$/.test(number))
    .map(([, number = "", , met = "", files = ""]) => ({
      number: Number(number),
      met,
      files: Array.from(files.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g), ([, file = ""]) => file),
    }));
}

/** file → numbers of the attacks that its tests, and the groups that they are in, are named after */
async function attacksIn(): Promise<Map<string, Set<number>>> {
  const found = new Map<string, Set<number>>();
  const called =
    // a call of these, or of what one of them returned: test.each([…])("…")
    /(?:\b(?:test|describe|it|suite)(?:\.\w+)*|[\])])\(\s*(["'`])((?:(?!\1).)*)\1/gs;
  for (const file of await readdir(join(root, "test"), { recursive: true })) {
    if (!file.endsWith(".test.ts") || file.startsWith("coverage-of")) continue;
    const text = await readFile(join(root, "test", file), "utf8");
    const numbers = new Set<number>();
    for (const [, , name = ""] of text.matchAll(called))
      for (const [, list = ""] of name.matchAll(/attacks? (\d+(?:(?:, | and )(?:attack )?\d+)*)/g))
        for (const number of list.match(/\d+/g) ?? []) numbers.add(Number(number));
    found.set(`test/${file}`, numbers);
  }
  return found;
}

test("every attack in docs/security.md is tried by a test that is named after it", async () => {
  const all = await rows();
  expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 54 }, (_, n) => n + 1));
  const tried = await attacksIn();
  for (const { number, met, files } of all) {
    expect(met, `${number}: how it is met`).not.toBe("");
    expect(files.length, `${number}: no test file is named`).toBeGreaterThan(0);
    for (const file of files) {
      expect(existsSync(join(root, file)), `${number}: ${file}`).toBe(true);
      expect([...(tried.get(file) ?? [])], `${file} does not try attack ${number}`).toContain(
        number,
      );
    }
  }
});

test("every attack on secrets in docs/security.md is tried by a test that is named after it", async () => {
  const text = await readFile(join(root, "docs/security.md"), "utf8");
  const all = text
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, number = ""]) => /^V\d+$/.test(number));
  expect(all.length).toBeGreaterThan(15);
  for (const [, number = "", , met = "", files = ""] of all) {
    expect(met, number).not.toBe("");
    const named = Array.from(
      files.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g),
      ([, file = ""]) => file,
    );
    expect(named.length, number).toBeGreaterThan(0);
    for (const file of named)
      expect(await readFile(join(root, file), "utf8"), `${file} ${number}`).toMatch(
        new RegExp(`vault attack ${number.slice(1)}\\b`),
      );
  }
});

test("every attack on the vault is tried by a test that is named after it", async () => {
  const text = await readFile(join(root, "docs/security.md"), "utf8");
  const rows = Array.from(
    text.matchAll(/^\| V(\d+) +\|.*\| ([^|]+) \|$/gm),
    ([, number, files]) => ({
      number: Number(number),
      files: Array.from((files ?? "").matchAll(/`(test\/[\w./-]+)`/g), ([, file = ""]) => file),
    }),
  );
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1));
  for (const { number, files } of rows) {
    expect(files.length, `V${number}`).toBeGreaterThan(0);
    for (const file of files) {
      const named = new RegExp(`"[^"\n]*vault attack ${number}\\b[^"\n]*",`);
      expect(await readFile(join(root, file), "utf8"), `V${number} in ${file}`).toMatch(named);
    }
  }
});
