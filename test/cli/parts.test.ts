import { joinTopics } from "@citadel/core/argv";
import { formatDuration, formatSize, mask, parseDuration, parseSize } from "@citadel/core/config";
import { logger } from "@citadel/core/log";
import { nearest } from "@citadel/core/nearest";
import { clean, colourLevel, columns, formatTable, palette } from "@citadel/core/terminal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe("G3: space and colon forms", () => {
  const ids = new Set(["config", "local:publish", "registry:token:create"]);
  const topics = new Set(["local", "registry", "registry:token"]);
  const config = {
    findCommand: (id: string) => (ids.has(id) ? {} : undefined),
    findTopic: (id: string) => (topics.has(id) ? {} : undefined),
  };
  test.each([
    ["local publish hello 1.0.0", "local:publish hello 1.0.0"],
    ["local:publish hello", "local:publish hello"],
    ["registry token create --admin", "registry:token:create --admin"],
    ["registry:token create", "registry:token:create"],
    ["help local publish", "help local:publish"],
    ["help", "help"],
    ["local", "local"],
    ["local --help", "local --help"],
    ["local publsh x", "local:publsh x"],
    ["config server.port", "config server.port"],
    ["nope publish", "nope publish"],
    ["--json -q local publish a", "local:publish --json -q a"],
    ["--json", "--json"],
    ["-- local publish", "-- local publish"],
    ["", ""],
  ])("%s → %s", (typed, expected) => {
    const words = (line: string): string[] => line.split(" ").filter(Boolean);
    expect(joinTopics(words(typed), config)).toEqual(words(expected));
  });
});

describe("G3: what stands after the package of bunx:run is for the program", () => {
  const flags = { yes: { type: "boolean", char: "y" }, bin: { type: "option", char: "b" } };
  const config = {
    findCommand: (id: string) => (id === "bunx:run" ? { foreign: true, flags } : undefined),
    findTopic: (id: string) => (id === "bunx" ? {} : undefined),
  };
  test.each([
    ["bunx:run fmt --help -y", "bunx:run fmt -- --help -y"],
    ["bunx run fmt a", "bunx:run fmt -- a"],
    ["--json bunx:run --yes fmt --json", "bunx:run --json --yes fmt -- --json"],
    ["bunx:run --bin x fmt --bin y", "bunx:run --bin x fmt -- --bin y"],
    ["bunx:run -b x --bin=y fmt z", "bunx:run -b x --bin=y fmt -- z"],
    ["bunx:run fmt -- --a -- b", "bunx:run fmt -- --a -- b"],
    ["bunx:run fmt --a -- b", "bunx:run fmt -- --a -- b"],
    ["bunx:run -y -- fmt --a", "bunx:run -y fmt -- --a"],
    ["bunx:run --help", "bunx:run --help"],
    ["bunx:run", "bunx:run"],
    ["bunx:run --", "bunx:run --"],
  ])("%s", (typed, expected) =>
    expect(joinTopics(typed.split(" "), config)).toEqual(expected.split(" ")),
  );
});

describe("21: nearest", () => {
  const names = ["config", "commands", "verify", "local:publish", "local:unpublish"];
  test.each([
    ["confg", ["config"]],
    ["cofnig", ["config"]],
    ["VERIFY", ["verify"]],
    ["comm", ["commands"]],
    ["local:publsh", ["local:publish", "local:unpublish"]],
    ["xyzzy", []],
  ])("%s", (word, expected) => expect(nearest(word, names)).toEqual(expected));

  test("always finds a word with one letter changed", () => {
    const word = fc.stringMatching(/^[a-z]{4,12}$/);
    fc.assert(
      fc.property(word, fc.nat(), (text, at) => {
        const i = at % text.length;
        expect(nearest(`${text.slice(0, i)}#${text.slice(i + 1)}`, ["unrelated", text])).toContain(
          text,
        );
      }),
    );
  });
});

describe("A13: units", () => {
  test.each([
    ["100MB", 100e6],
    ["64 MiB", 64 * 2 ** 20],
    ["1.5kb", 1500],
    [12, 12],
    ["0", 0],
    ["-1", undefined],
    ["1e9", undefined],
    ["MB", undefined],
    ["9999999TB", undefined],
  ])("size %s", (raw, bytes) => expect(parseSize(raw)).toBe(bytes));
  test.each([
    ["48h", 172_800_000],
    ["15 min", 900_000],
    ["2d", 172_800_000],
    ["1 year", undefined],
  ])("duration %s", (raw, ms) => expect(parseDuration(raw)).toBe(ms));
  test("for people", () => {
    expect([formatSize(0), formatSize(999), formatSize(128e6), formatSize(1234)]).toEqual([
      "0 B",
      "999 B",
      "128 MB",
      "1.23 kB",
    ]);
    expect([formatDuration(500), formatDuration(172_800_000)]).toEqual(["500 ms", "48 h"]);
  });
});

describe("12: colour", () => {
  const tty = { isTTY: true };
  const pipe = {};
  test.each([
    [tty, { TERM: "xterm" }, false, 1],
    [tty, { TERM: "xterm-256color" }, false, 2],
    [tty, { COLORTERM: "truecolor" }, false, 3],
    [tty, { NO_COLOR: "1" }, false, 0],
    [tty, { NO_COLOR: "" }, false, 1],
    [tty, { TERM: "dumb" }, false, 0],
    [tty, {}, true, 0],
    [pipe, {}, false, 0],
    [pipe, { FORCE_COLOR: "1" }, false, 1],
    [pipe, { FORCE_COLOR: "3" }, false, 3],
    [pipe, { FORCE_COLOR: "0" }, false, 0],
    [pipe, { CLICOLOR_FORCE: "1" }, false, 1],
    [pipe, { CLICOLOR_FORCE: "0" }, false, 0],
    [pipe, { FORCE_COLOR: "1", NO_COLOR: "1" }, false, 0],
  ])("%o %o --no-color=%s: %i", (stream, env, noColor, level) => {
    expect(colourLevel(stream, env, noColor)).toBe(level);
  });
});

describe("5, 6: tables", async () => {
  const plain = await palette(0);
  const rows = [
    { id: "@acme/utils", version: "1.2.0", text: "a description that is rather long" },
    { id: "b", version: "10.20.30-rc.1", text: "x\ty\n\u001b[31mred\u202e" },
  ];
  const table = [
    { name: "package", value: (row: (typeof rows)[0]) => row.id, importance: 0 },
    { name: "version", value: (row: (typeof rows)[0]) => row.version, importance: 0 },
    { name: "description", value: (row: (typeof rows)[0]) => row.text },
  ];
  const format = (width: number | undefined) =>
    formatTable(rows, table, { width, palette: plain, unicode: true });

  test("in a pipe: tab-separated, nothing cut, no header, no control characters", () => {
    expect(format(undefined)).toEqual([
      "@acme/utils\t1.2.0\ta description that is rather long",
      "b\t10.20.30-rc.1\tx y red",
    ]);
  });

  test("on a terminal: fits, and cuts what matters least", () => {
    expect(format(40)).toEqual([
      "PACKAGE      VERSION        DESCRIPTION",
      "@acme/utils  1.2.0          a descripti…",
      "b            10.20.30-rc.1  x y red",
    ]);
  });

  test("6: a date is shown whole or not at all", () => {
    const dated = [
      { name: "package", value: () => "@acme/utils", importance: 0 },
      { name: "about", value: () => "a description" },
      { name: "modified", value: () => "2026-11-28 13:12", importance: 2, whole: true },
    ] as const;
    const at = (width: number) =>
      formatTable([{}], dated, { width, palette: plain, unicode: true })[1];
    expect(at(44)).toBe("@acme/utils  a description  2026-11-28 13:12");
    expect(at(43)).toBe("@acme/utils  a description");
  });

  test("never cuts ids and versions, whatever the width", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (width) => {
        const lines = format(width);
        expect(lines.join("\n")).toContain("10.20.30-rc.1");
        for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(Math.max(width, 26));
      }),
    );
  });

  test("wide and combining letters take the columns that they take", () => {
    expect([columns("日本"), columns("e\u0301"), columns("🎉"), columns("ab")]).toEqual([
      4, 1, 2, 2,
    ]);
  });
});

test("6: foreign text cannot steer the terminal", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(clean(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

describe("9: DEBUG", () => {
  const lines: string[] = [];
  const log = (namespace: string, DEBUG: string) =>
    logger(namespace, { DEBUG }, (line) => lines.push(line));
  test.each([
    ["citadel:*", true],
    ["registry:*", true],
    ["registry:store", true],
    ["citadel:serve", false],
    ["citadel:*,-citadel:store", false],
    ["*", true],
    ["", false],
  ])("%s", (patterns, on) => expect(log("store", patterns).enabled).toBe(on));

  test("masks secrets by name and by form", () => {
    log("store", "citadel:*")("open redis://u:hunter2@h", {
      url: "s3://id:hunter2@b",
      token: "hunter2",
      headers: { authorization: "hunter2", host: "h" },
      error: new Error("npm_abcdefghijklmnop"),
    });
    expect(lines.join("")).toMatch(
      /citadel:store open redis:\/\/u:\*\*\*@h url=s3:\/\/id:\*\*\*@b/,
    );
    expect(lines.join("")).not.toMatch(/hunter2|npm_abc/);
  });
});

test("9: a URL keeps all but its password", () => {
  expect(mask("postgres://me:p%40ss@h:5432/db?sslmode=require&password=x")).toBe(
    "postgres://me:***@h:5432/db?sslmode=require&password=***",
  );
});
