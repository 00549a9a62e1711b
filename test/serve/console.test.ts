// B7: the console's commands, without a terminal around them.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine, type Caller } from "@citadel/core/access";
import { complete, runLine, type ConsoleContext } from "@citadel/plugin-serve";
import { expect, test } from "vitest";
import { authenticator } from "../support/totp.ts";
import { place, type Place } from "./place.ts";

/** Types lines and collects what comes. */
function typing(here: Place, more: Partial<ConsoleContext> = {}) {
  return async (line: string) => {
    let text = "";
    const context = { citadel: here.citadel, who: commandLine, colour: false, ...more };
    const code = await runLine(line, { ...context, write: (part) => (text += part) });
    return { code, text };
  };
}

async function aPackage(folder: string, name: string, version = "1.0.0"): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "package.json"), JSON.stringify({ name, version }));
  return path;
}

test("B7: set, enable and disable change the bytes and stand in the history with who did it", async () => {
  await using here = await place();
  const who: Caller = {
    principal: { kind: "user", name: "root", admin: true },
    ...{ via: "api", address: "10.0.0.7" },
  };
  const type = typing(here, { who });
  const live = await here.citadel.live();
  expect(await type("set rows 30")).toEqual({ code: 0, text: "rows is 30\n" });
  expect(await type("set terminalMode raw")).toMatchObject({ code: 0 });
  expect(await type("enable debug")).toEqual({ code: 0, text: "DEBUG is on\n" });
  expect(await type("disable METRICS")).toEqual({ code: 0, text: "METRICS is off\n" });
  expect(await type("save")).toEqual({ code: 0, text: "saved 0165e89b06000000a6021e5000\n" });
  expect(live.bytes().toString("hex")).toBe("0165e89b06000000a6021e5000");
  const history = here.citadel.store.ledger({ name: "config", reduce: () => 0 }).history("live");
  const entries = (await Array.fromAsync(history)).flatMap(({ changes }) => changes);
  expect(entries.map(({ who: actor, events }) => [actor, events[0]]).toReversed()).toEqual(
    [
      [10, 24, 30],
      [9, 1, 2],
      [8, 0xe2, 0xe6],
      [8, 0xe6, 0xa6],
    ].map(([offset, old, now]) => [
      { name: "root", via: "api", address: "10.0.0.7" },
      { type: "bytes", offset, old: [old], new: [now] },
    ]),
  );
});

test("B7: what means nothing is refused with the code of its error, and changes nothing", async () => {
  await using here = await place();
  const type = typing(here);
  const refused: readonly (readonly [line: string, code: number, text: string])[] = [
    ["sett rows 30", 2, "did you mean set?"],
    ["set rows", 2, "it is set <field> <value>"],
    ["set rows 30 31", 2, "quote an argument"],
    ["set rows 0", 2, "rows is 1 to 255"],
    ["set 0x0c 1", 2, "reserved"],
    ["set colour red", 2, "is no field"],
    ["enable SHELL", 2, "is no feature"],
    ["set rows '30", 2, "a quote has no end"],
    ["help nope", 2, "is no command"],
    ["set rows $(echo 30)", 2, "quote an argument"],
    ["constructor", 2, "is no command"],
    [`help ${"x".repeat(1024)}`, 2, "1024 bytes"],
    ["set\u001b[2J rows", 2, "no control characters"],
    ["publish /nowhere", 2, "there is no folder"],
  ];
  for (const [line, code, text] of refused) {
    const got = await type(line);
    expect(got.code, line).toBe(code);
    expect(got.text, line).toContain(text);
  }
  expect((await here.citadel.live()).generation()).toBe(0);
  for (const line of ["", "   ", "help", "help set", "clear", "exit"])
    expect((await type(line)).code, line).toBe(0);
});

test("B7: only administrators have a console", async () => {
  await using here = await place();
  const principal = { kind: "user", name: "ann", admin: false } as const;
  const got = await typing(here, { who: { principal, via: "api" } })("set rows 30");
  expect([got.code, got.text.includes("E_FORBIDDEN")]).toEqual([8, true]);
});

test("B7: status says what is there, reload sees what others wrote", async () => {
  await using here = await place();
  const type = typing(here);
  const { text } = await type("status");
  expect(text).toContain("0165e89b06000000e201185000");
  expect(text).toMatch(/packages +0 with 0 versions/);
  expect(await type("reload")).toEqual({ code: 0, text: "nothing has changed\n" });
  const bytes = Buffer.from("0165e89b06000000e2012a5000", "hex");
  await writeFile(join(here.folder, "data/citadel.lockb"), bytes);
  expect(await type("reload")).toEqual({ code: 0, text: "changes: 1\n" });
  expect((await here.citadel.live()).getConfig().rows).toBe(42);
});

test("B7: publish takes a folder, and from a browser only one below those that are named, whatever leads there", async () => {
  await using here = await place();
  const inside = join(here.folder, "packages");
  await aPackage(inside, "here", "1.2.3");
  const elsewhere = await aPackage(here.folder, "elsewhere");
  await symlink(elsewhere, join(inside, "link"));
  const type = typing(here, { folders: [inside] });
  expect(await type("publish here")).toEqual({ code: 0, text: "published here@1.2.3\n" });
  expect((await type("publish here")).code).toBe(5);
  for (const way of [elsewhere, "../elsewhere", "link", "/etc", "here/../../elsewhere", "nowhere"])
    expect(await type(`publish '${way}'`), way).toMatchObject({ code: 8 });
  expect((await typing(here, { folders: [] })("publish here")).code).toBe(8);
  expect(await typing(here)(`publish "${elsewhere}"`)).toMatchObject({ code: 0 });
  const items = (await here.citadel.registry.packages.list()).items.map(({ name }) => name);
  expect(items).toEqual(["elsewhere", "here"]);
});

test("B7: publish asks for the one-time code that HTTP would ask for", async () => {
  await using here = await place();
  const { accounts } = here.citadel;
  const operator = { name: "local", via: "cli" } as const;
  await accounts.create({ name: "root", password: "correct horse 1", admin: true }, operator);
  const app = authenticator(await accounts.beginFactor("root", "auth-and-writes", "x", operator));
  await accounts.confirmFactor("root", app.code(), operator);
  const folder = await aPackage(here.folder, "coded");
  const principal = { kind: "user", name: "root", admin: true } as const;
  const type = typing(here, { who: { principal, via: "api" } });
  for (const line of [`publish ${folder}`, `publish ${folder} 000000`]) {
    const got = await type(line);
    expect([got.code, got.text.includes("E_OTP_REQUIRED")], line).toEqual([8, true]);
  }
  expect(await type(`publish ${folder} ${app.code()}`)).toMatchObject({ code: 0 });
});

test("B7: nothing of a name or an error steers the terminal", async () => {
  await using here = await place();
  const evil = join(here.folder, "evil");
  await mkdir(evil);
  const name = "\u001b]0;owned\u0007\u001b[2Jx\u202e";
  await writeFile(join(evil, "package.json"), JSON.stringify({ name, version: "1.0.0" }));
  const { code, text } = await typing(here, { colour: true })(`publish ${evil}`);
  expect(code).toBe(2);
  // oxlint-disable-next-line no-control-regex -- colours are all that may be left
  expect(text.replaceAll(/\u001b\[[\d;]*m/g, "")).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
});

test("B7: completion knows commands, fields, features and modes", () => {
  expect(complete("s")).toEqual(["set", "save", "status"]);
  expect(complete("set r")).toEqual(["set rows", "set registry"]);
  expect(complete("set terminalMode ")).toEqual(["disabled", "cooked", "raw"].map((m) => `set terminalMode ${m}`)); // prettier-ignore
  expect(complete("enable priv")).toEqual(["enable PRIVATE_REGISTRY"]);
  expect(complete("publish ./p", () => ["./pkg", "./other"])).toEqual(["publish ./pkg"]);
  expect(complete("nope x")).toEqual([]);
  expect(complete("set '")).toEqual([]);
});
