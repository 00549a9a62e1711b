import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CitadelError, errorCode, errorObject, errors, type ErrorRow } from "@citadel/core/errors";
import { StoreError } from "@citadel/core/driver";
import { expect, test } from "vitest";
import { root } from "../support/citadel.ts";

const codes = Object.entries<ErrorRow>(errors);
const manual = readFileSync(join(root, "docs/errors.md"), "utf8");
const sources = globSync("{src,drivers/*/src,plugins/*/src}/**/*.ts", {
  cwd: root,
  exclude: (path) => path.includes("node_modules") || path.includes("dist"),
}).map((path) => readFileSync(join(root, path), "utf8"));

test("35, 38: the manual has a section for every code, with its exit code and status, and no other", () => {
  const section = /^### (\w+)\n\n(.+)\n/gm;
  const written = [...manual.matchAll(section)].map(([, code, line]) => [code, line]);
  const expected = codes.map(([code, { exit, status, retryable }]) => [
    code,
    `exit ${exit}, status ${status}${retryable ? ", retryable" : ""}`,
  ]);
  expect(written).toEqual(expected);
});

test("38: every exit code of the table is in the manual's list of exit codes", () => {
  const listed = new Set([...manual.matchAll(/^\| (\d+)/gm)].map(([, code]) => Number(code)));
  for (const [code, { exit }] of codes) expect(listed, code).toContain(exit);
});

test("35: every code is thrown somewhere, and only codes of the table are", () => {
  const all = sources.join("\n");
  const used = new Set([...all.matchAll(/"(E_[A-Z_]+)"/g)].map(([, code]) => code));
  expect([...used].filter((code) => !Object.hasOwn(errors, code ?? ""))).toEqual([]);
  expect(codes.map(([code]) => code).filter((code) => !used.has(code))).toEqual([]);
});

test("35: every code says what to do next", () => {
  for (const [code, { hint }] of codes) expect(hint.length, code).toBeGreaterThan(0);
});

test("36: the public form of an error carries no stack, no cause and no secret", () => {
  const cause = new Error("password hunter2");
  const known = new CitadelError("E_CONFIG", "redis://u:hunter2@host is down", { cause });
  expect(errorObject(known)).toEqual({
    code: "E_CONFIG",
    message: "redis://u:***@host is down",
    hint: errors.E_CONFIG.hint,
    docs: "errors#E_CONFIG",
    exit: 2,
    status: 500,
    retryable: false,
  });
  expect(JSON.stringify(errorObject(new Error("hunter2")))).not.toContain("hunter2");
  expect(JSON.stringify(errorObject("hunter2"))).not.toContain("hunter2");
});

test("G2: errors of another copy of the core are known by their code", () => {
  const foreign = Object.assign(new Error("gone"), { name: "StoreError", code: "UNAVAILABLE" });
  expect(errorCode(foreign)).toBe("E_STORE_UNAVAILABLE");
  expect(errorCode(new StoreError("FULL", "full"))).toBe("E_STORE_FULL");
  expect(errorCode(Object.assign(new Error("x"), { code: "ENOENT" }))).toBeUndefined();
});
