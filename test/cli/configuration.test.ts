import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { settingKeys, settingsTable, variablesOf } from "@citadel/core/config";
import { expect, test } from "vitest";
import { root } from "../support/citadel.ts";
import { commands } from "./cli.ts";

const manual = readFileSync(join(root, "docs/configuration.md"), "utf8");
const words = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? "");

test("A13: the manual has a row for every setting, as the table has it, and no other", () => {
  const rows = manual
    .split("\n")
    .filter((line) => /^\| `[a-z]+\.\w+` *\|/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, key = "", , description, variables = ""]) => ({
      key: words(key)[0],
      description,
      variables: words(variables),
    }));
  expect(rows).toEqual(
    settingKeys.map((key) => ({
      key,
      description: settingsTable[key].description,
      variables: variablesOf(key),
    })),
  );
});

test("A13: the manual names every variable that is read", () => {
  const sources = globSync("src/config/*.ts", { cwd: root });
  const read = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/"((?:[A-Z][A-Z0-9]+_)+[A-Z]+)"/g)].map(
      ([, name]) => name ?? "",
    ),
  );
  for (const name of read.filter(
    (name) => !/^XDG_|_$/.test(name) && name !== "E_CONFIG" && name !== "E_USAGE",
  ))
    if (name !== "LOCALAPPDATA") expect(manual, name).toContain(name);
});

test("20: the manual names every command", () => {
  const pages = globSync("docs/*.md", { cwd: root });
  const text = pages.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
  const missing = commands.filter(({ id }) => !text.includes(`citadel ${id}`));
  expect(missing.map(({ id }) => id)).toEqual([]);
});
