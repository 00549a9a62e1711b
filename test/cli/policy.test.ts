import { expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

test("H3: rules, a request, its approval, the verdict and undo at the command line", async () => {
  const home = await tempFolder("policy");
  try {
    const run = async (...args: string[]) => {
      const ran = await citadel(home.path, [...args, "--json"]);
      return { code: ran.code, json: JSON.parse(ran.stdout) as any };
    };
    const policy = (verb: string, ...args: string[]) => run(`registry:policy:${verb}`, ...args);

    await policy("set", "age", "3d", "--reason", "most malware is found within days");
    expect((await policy("set", "scripts", "deny", "-n")).json).toMatchObject({
      dryRun: true,
      added: { rules: [{ id: "scripts:*" }] },
    });
    await policy("block", "lodash@<4.17.21", "--reason", "CVE-2020-8203");
    expect((await run("registry:policy")).json).toMatchObject({
      mode: "enforce",
      rules: [{ id: "age:*", age: 259_200_000 }, { id: "block:lodash@<4.17.21" }],
    });

    const facts = ["lodash@4.17.20", "--published", "2020-08-13"];
    const refused = await policy("test", ...facts);
    expect([refused.code, refused.json.verdict]).toEqual([
      9,
      {
        allowed: false,
        rule: "block:lodash@<4.17.21",
        reason: "it is on the block list: CVE-2020-8203",
      },
    ]);
    await policy("request", "lodash@4.17.20", "--reason", "legacy build");
    const approved = await policy("approve", "r1", "--until", "30d");
    expect(approved.json.added.exceptions).toMatchObject([
      { id: "e2", pattern: "lodash", range: "4.17.20", reason: "legacy build", by: "local" },
    ]);
    const allowed = await policy("test", ...facts);
    expect([allowed.code, allowed.json.verdict.allowed]).toEqual([0, true]);

    await policy("undo");
    expect((await policy("test", ...facts)).code).toBe(9);
    const { json } = await run("registry:policy", "--history");
    expect(json.items.map(({ what }: { what: string }) => what)).toEqual([
      "restored 2 rules, 0 exceptions",
      "approved r1: lodash@4.17.20",
      "asked for lodash@4.17.20",
      "set block:lodash@<4.17.21",
      "set age:*",
    ]);
    const wrong = await policy("set", "licenses", "MITT");
    expect([wrong.code, wrong.json.error.code]).toEqual([2, "E_USAGE"]);
    const gone = await policy("remove", "age:lodash");
    expect([gone.code, gone.json.error.code]).toEqual([4, "E_NOT_FOUND"]);
  } finally {
    await home.remove();
  }
});
