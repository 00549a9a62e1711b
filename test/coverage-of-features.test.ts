import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/citadel.ts";

interface Row {
  readonly id: string;
  readonly state: string;
  readonly pages: readonly string[];
}

async function features(): Promise<Row[]> {
  const text = await readFile(join(root, "docs/features.md"), "utf8");
  return text
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, id]) => id !== undefined && /^[A-H]\d+$/.test(id))
    .map(([, id = "", , state = "", pages = ""]) => ({
      id,
      state,
      pages: Array.from(pages.matchAll(/\]\(([\w.-]+)\)/g), ([, page = ""]) => page),
    }));
}

/** The names of all tests, and of the groups that they are in. */
async function testNames(): Promise<string> {
  const files = await readdir(join(root, "test"), { recursive: true });
  const texts = await Promise.all(
    files
      .filter((file) => file.endsWith(".test.ts") && !file.startsWith("coverage-of"))
      .map((file) => readFile(join(root, "test", file), "utf8")),
  );
  const called =
    /\b(?:test|describe|it|suite)(?:\.\w+)*(?:\([^)]*\))?\(\s*(["'`])((?:(?!\1).)*)\1/gs;
  return texts
    .flatMap((text) => Array.from(text.matchAll(called), ([, , name]) => name))
    .join("\n");
}

test("every feature that exists is named by a test and explained on a page", async () => {
  const rows = await features();
  const names = await testNames();
  expect(rows.length).toBeGreaterThan(60);
  for (const { id, state, pages } of rows) {
    expect(["here", "in part", "not yet"], id).toContain(state);
    if (state === "not yet") continue;
    expect(names, `${id}: no test names it`).toMatch(new RegExp(`\\b${id}\\b`));
    expect(pages.length, `${id}: no page explains it`).toBeGreaterThan(0);
    for (const page of pages)
      expect(existsSync(join(root, "docs", page)), `${id}: docs/${page}`).toBe(true);
  }
});

test("every page of the manual is found from the README in two clicks", async () => {
  const text = async (file: string) => readFile(join(root, file), "utf8");
  const one = (await text("README.md")) + (await text("docs/README.md"));
  for (const page of (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")))
    if (page !== "README.md") expect(one, page).toContain(page);
});
