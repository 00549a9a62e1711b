// E1: versions by number, the graph of a package, and a rollback through the real command line.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VersionManager } from "@citadel/plugin-version";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

const name = "@demo/hello";
let home: Temp;

beforeAll(async () => {
  home = await tempFolder("version");
  await writeFile(join(home.path, "h.js"), "x");
  for (const version of ["1.0.0", "1.1.0", "2.0.0-beta.1", "2.0.0", "2.0.1"]) {
    const tag = version.includes("-") ? ["--tag", "next"] : [];
    const words = ["local:publish", "hello", version, "demo", "-f", "h.js", ...tag];
    expect((await citadel(home.path, words, { cwd: home.path })).code).toBe(0);
  }
}, 60_000);
afterAll(() => home?.remove());

const version = async (verb: string, ...words: readonly string[]) => {
  const ran = await citadel(home.path, [`version:${verb}`, ...words, "--json"]);
  return { code: ran.code, json: JSON.parse(ran.stdout) };
};

describe("E1 numbers", () => {
  test.each([
    ["1.2.3-beta.4+x", { type: "version", version: "1.2.3-beta.4", prerelease: ["beta", 4] }],
    ["v1.2.3", { version: "1.2.3", loose: true, next: { major: "2.0.0" } }],
    ["^1.2", { type: "range", range: ">=1.2.0 <2.0.0-0", lowest: "1.2.0" }],
  ])("parses %s", (input, expected) =>
    expect(VersionManager.parseVersion(input)).toMatchObject(expected),
  );

  test.each([
    ["1.10.0", "1.9.9", ">", "minor", /minor 10 is higher than 9/],
    ["1.0.0-beta.2", "1.0.0-beta.11", "<", "prerelease", /2 comes before 11/],
    ["1.0.0-beta", "1.0.0", "<", "major", /is a prerelease of 1.0.0/],
    ["1.0.0-1", "1.0.0-a", "<", "prerelease", /a number \(1\) comes before a word \(a\)/],
    ["1.0.0+a", "1.0.0+b", "=", null, /build metadata does not count/],
    ["1.5.0", "^1.2", "in", null, /fits/],
    ["2.0.0", "^1.2", ">", null, /above/],
    ["~1.2.3", "^1.2", "within", null, /admits everything/],
    ["^1", "^2", "apart", null, /no version fits both/],
  ])("compares %s and %s: %s", (a, b, relation, difference, why) => {
    const found = VersionManager.compareVersions(a, b);
    expect(found).toMatchObject({ relation, difference });
    expect(found.why).toMatch(why);
  });

  test("what is no version exits 2 and says what was meant", async () => {
    expect(await version("parse", "abc1.2")).toMatchObject({
      code: 2,
      json: { error: { code: "E_INVALID_VERSION", hint: ["did you mean 1.2.0?"] } },
    });
    expect((await version("compare", "not-one", "1.0.0")).code).toBe(2);
  });

  test("recommends the next free number, and names the nearest kind", async () => {
    expect((await version("recommend", "1.2.3", "minor")).json.next).toBe("1.3.0");
    expect((await version("recommend", "1.2.3", "fix")).json.next).toBe("1.2.4");
    expect((await version("recommend", name, "major")).json).toMatchObject({
      base: "2.0.1",
      next: "3.0.0",
    });
    // 2.0.0-beta.1 is taken
    const beta = ["prerelease", "--preid", "beta", "--against", "1.1.0"];
    expect((await version("recommend", name, "premajor", ...beta.slice(1))).json.next).toBe(
      "2.0.0-beta.0",
    );
    expect((await version("recommend", "1.2.3", "minro")).json.error.hint).toContain(
      "did you mean minor?",
    );
    expect((await version("recommend", "@demo/helo")).json.error).toMatchObject({
      code: "E_PACKAGE_NOT_FOUND",
      hint: ["did you mean @demo/hello?"],
    });
  });
});

describe("E1 graph", () => {
  test("says what is current, ready, archived and ahead", async () => {
    const { json } = await version("graph", name);
    const states = json.nodes.map((node: { id: string; status: string }) => [node.id, node.status]);
    expect(states).toEqual([
      ["1.0.0", "archived"],
      ["1.1.0", "archived"],
      ["2.0.0-beta.1", "archived"],
      ["2.0.0", "rollback"],
      ["2.0.1", "current"],
    ]);
    expect(json.nodes[4]).toMatchObject({ tags: ["latest"], author: "local", line: "2.x" });
    expect(json.nodes[4].date).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(json.links).toHaveLength(4);
  });

  test("a pipe gets plain ASCII, the positional form is the flag, a wrong one is refused", async () => {
    const tree = await citadel(home.path, ["version:graph", name], { env: { LANG: "C.UTF-8" } });
    expect(tree.stdout).toMatch(/^\|-- 2\.x$/m);
    // oxlint-disable-next-line no-control-regex -- nothing but ASCII
    expect(tree.stdout).toMatch(/^[\x00-\x7f]*$/);
    const flag = await citadel(home.path, ["version:graph", name, "--mermaid"]);
    const word = await citadel(home.path, ["version", "graph", name, "mermaid"]);
    expect(word.stdout).toBe(flag.stdout);
    expect(word.stdout).toMatch(/^flowchart LR\n/);
    expect((await version("graph", name, "mermiad")).json.error.hint).toContain(
      "did you mean mermaid?",
    );
  });

  test.each([20, 40, 80, 200])("the tree keeps to %i columns", async (width) => {
    const text = await readFile(join(import.meta.dirname, "../../package.json"), "utf8");
    const times = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => i + 1).map((n) => [`${n}.0.0`, "2026-01-01"]),
    );
    const history = VersionManager.historyOfPackument({
      name: `@scope/${"long".repeat(20)}`,
      "dist-tags": { latest: "9.0.0", next: "8.0.0" },
      time: times,
      versions: Object.fromEntries(
        Object.keys(times).map((v) => [
          v,
          { deprecated: text.slice(0, 500), _npmUser: { name: "someone" } },
        ]),
      ),
    });
    const graph = VersionManager.buildVersionGraph(history);
    for (const unicode of [true, false])
      for (const line of VersionManager.generateAsciiGraph(graph, { width, unicode }).split("\n"))
        expect(line.length, line).toBeLessThanOrEqual(width);
  });
});

describe("E1 rollback", () => {
  const latest = async () =>
    (await version("graph", name)).json.nodes.find(
      (n: { status: string }) => n.status === "current",
    ).id;

  test(
    "moves latest back with reason and deprecation, and undoes both",
    { timeout: 60_000 },
    async () => {
      const dry = await version("rollback", name, "1.1.0", "--dry-run");
      expect(dry.json).toMatchObject({
        from: "2.0.1",
        to: "1.1.0",
        skipped: ["2.0.0-beta.1", "2.0.0"],
      });
      expect(await latest()).toBe("2.0.1");
      const words = ["1.1.0", "--reason", "broken", "--deprecate", "use 1.1.0"];
      expect((await version("rollback", name, ...words)).json).toMatchObject({ changed: true });
      expect(await latest()).toBe("1.1.0");
      const { nodes } = (await version("graph", name)).json;
      expect(nodes.at(-1)).toMatchObject({ id: "2.0.1", status: "ahead", deprecated: "use 1.1.0" });
      expect((await version("rollback", name, "1.0.0", "--expect", "2.0.1")).code).toBe(5);
      expect((await version("rollback", name, "1.0.0")).code).toBe(0);
      // one after the other, as they were made
      expect((await version("rollback", name, "--undo")).json).toMatchObject({ to: "1.1.0" });
      expect((await version("rollback", name, "--undo")).json).toMatchObject({
        to: "2.0.1",
        undeprecated: true,
      });
      expect(await version("rollback", name, "--undo")).toMatchObject({
        code: 4,
        json: { error: { code: "E_NOT_FOUND" } },
      });
      expect(await latest()).toBe("2.0.1");
      expect((await citadel(home.path, ["verify", "-q"])).code).toBe(0);
    },
  );

  test.each([
    [["9.9.9"], 4, "E_VERSION_NOT_FOUND"],
    [[], 2, "E_USAGE"],
    [["2.0.0", "--undo"], 2, "E_USAGE"],
    [["2.0.0", "--reason", "a\nb"], 2, "E_USAGE"],
  ])("refuses %j", async (words, code, error) => {
    expect(await version("rollback", name, ...words)).toMatchObject({
      code,
      json: { error: { code: error } },
    });
  });
});
