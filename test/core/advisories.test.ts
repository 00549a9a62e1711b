import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import {
  affectedRanges,
  createAdvisories,
  osvSources,
  type Advisory,
  type Source,
} from "@citadel/core/advisories";
import { observe } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import memory from "@citadel/driver-memory";

import { osv, type OsvInput } from "../support/osv.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { codeOf, drivers, operator, place, user } from "./registry-harness.ts";

async function* sources(...texts: readonly string[]): AsyncGenerator<Source> {
  for (const [n, text] of texts.entries()) yield { path: `${n}.json`, text };
}

const ghsa = (n: number): string => `GHSA-aaaa-bbbb-${n.toString(36).padStart(4, "0")}`;

/** What one record becomes; undefined when it becomes nothing. */
async function parsed(input: OsvInput): Promise<Advisory | undefined> {
  await using here = await place("memory");
  const advisories = createAdvisories(here);
  await advisories.import(operator, sources(osv(input)));
  return (await advisories.list()).items[0];
}

describe("H9: a record becomes what clients read", () => {
  test("the whole of one", async () => {
    const advisory = await parsed({
      id: "GHSA-p6mc-m468-83gw",
      name: "lodash",
      events: [{ introduced: "3.7.0" }, { fixed: "4.17.19" }],
    });
    expect(advisory).toEqual({
      osv: "GHSA-p6mc-m468-83gw",
      id: expect.any(Number),
      name: "lodash",
      title: "Something bad in lodash",
      url: "https://github.com/advisories/GHSA-p6mc-m468-83gw",
      severity: "high",
      vulnerable: ">=3.7.0 <4.17.19",
      patched: ">=4.17.19",
      cwe: ["CWE-79"],
      cves: ["CVE-2026-12345"],
      cvss: { score: 7.5, vectorString: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" },
      published: "2026-04-01T10:00:00.000Z",
      modified: "2026-05-01T10:00:00.000Z",
    });
  });

  const events = (...list: Record<string, string>[]) => ({ events: list });
  test.each<[string, Partial<OsvInput>, vulnerable: string, patched: string]>([
    ["everything", {}, "*", "<0.0.0"],
    ["up to a fix", events({ introduced: "0" }, { fixed: "1.2.3" }), "<1.2.3", ">=1.2.3"],
    [
      "two lines",
      events({ introduced: "2.0.0" }, { fixed: "2.1.0" }, { introduced: "0" }, { fixed: "1.2.3" }),
      "<1.2.3 || >=2.0.0 <2.1.0",
      ">=1.2.3 <2.0.0 || >=2.1.0",
    ],
    [
      "up to the last affected",
      events({ introduced: "1.0.0" }, { last_affected: "1.4.0" }),
      ">=1.0.0 <=1.4.0",
      "<0.0.0",
    ],
    [
      "two lines, each in an item of its own",
      {
        more: {
          affected: [
            affected("p", {
              ranges: [{ type: "SEMVER", events: [{ introduced: "2.0.0" }, { fixed: "2.1.0" }] }],
            }),
            affected("p", {
              ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "1.2.3" }] }],
            }),
          ],
        },
      },
      "<1.2.3 || >=2.0.0 <2.1.0",
      ">=1.2.3 <2.0.0 || >=2.1.0",
    ],
    ["one", events({ introduced: "1.0.0" }, { last_affected: "1.0.0" }), "1.0.0", "<0.0.0"],
    [
      "a list of versions",
      { more: { affected: [affected("p", { versions: ["1.0.0", "1.0.1", "x"] })] } },
      "1.0.0 || 1.0.1",
      "<0.0.0",
    ],
    [
      "a list beside a range that covers some of it",
      {
        more: {
          affected: [
            affected("p", {
              versions: ["1.0.0", "3.0.0"],
              ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "2.0.0" }] }],
            }),
          ],
        },
      },
      "<2.0.0 || 3.0.0",
      ">=2.0.0",
    ],
    [
      "no fix yet, where GitHub says what is affected",
      {
        more: {
          affected: [
            affected("p", {
              ranges: [{ type: "SEMVER", events: [{ introduced: "0" }] }],
              database_specific: { last_known_affected_version_range: "<= 1.9.0" },
            }),
          ],
        },
      },
      "<=1.9.0",
      "<0.0.0",
    ],
    [
      "commits are of no use",
      {
        more: {
          affected: [
            affected("p", {
              ranges: [
                { type: "GIT", repo: "x", events: [{ introduced: "abc" }] },
                { type: "SEMVER", events: [{ introduced: "1.0.0" }] },
              ],
            }),
          ],
        },
      },
      ">=1.0.0",
      "<0.0.0",
    ],
  ])("affected: %s", async (_, input, vulnerable, patched) => {
    expect(await parsed({ id: ghsa(1), name: "p", ...input })).toMatchObject({
      vulnerable,
      patched,
    });
  });

  const v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
  test.each<[string, Record<string, unknown>, severity: string, score: number]>([
    ["what the database says", { database_specific: { severity: "MODERATE" } }, "moderate", 7.5],
    ["the score of CVSS 3", { database_specific: {} }, "high", 7.5],
    [
      "CVSS 4",
      { database_specific: {}, severity: [{ type: "CVSS_V4", score: v4 }] },
      "critical",
      9.3,
    ],
    [
      "nothing that can be read",
      { database_specific: null, severity: [{ type: "CVSS_V3", score: "CVSS:9.9/XX" }] },
      "high",
      0,
    ],
    [
      "malware",
      { database_specific: {}, severity: [], id: "MAL-2026-1", aliases: [] },
      "critical",
      0,
    ],
  ])("severity by %s", async (_, more, severity, score) => {
    const advisory = await parsed({ id: ghsa(1), name: "p", more });
    expect([advisory?.severity, advisory?.cvss.score]).toEqual([severity, score]);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["an alias of GitHub's", { id: "MAL-2026-1", aliases: [ghsa(2)] }, /GHSA-aaaa-bbbb-0002$/],
    [
      "its own page",
      {
        id: "MAL-2026-1",
        aliases: [],
        references: [{ type: "ADVISORY", url: "https://example.invalid/a" }],
      },
      /^https:\/\/example.invalid\/a$/,
    ],
    [
      "OSV's",
      {
        id: "MAL-2026-1",
        aliases: [],
        references: [{ type: "ADVISORY", url: "javascript:alert(1)" }],
      },
      /\/MAL-2026-1$/,
    ],
  ])("attack 31: leads to %s", async (_, more, url) => {
    expect((await parsed({ id: "MAL-2026-1", name: "p", more }))?.url).toMatch(url);
  });

  test("the title is one line of plain text", async () => {
    const more = { summary: "\u001b[31mred\u0000 \u202eturned\nsecond" };
    expect((await parsed({ id: ghsa(1), name: "p", more }))?.title).toBe("[31mred turned");
  });

  test("ranges mean what OSV's own rule for events says", () => {
    const version = fc
      .tuple(fc.nat(2), fc.nat(2), fc.constantFrom("", "-rc.1"))
      .map(([major, minor, pre]) => `${major}.${minor}.0${pre}`);
    const kinds = fc.constantFrom("introduced", "fixed", "last_affected");
    const event = fc.tuple(kinds, version).map(([kind, at]) => ({ [kind]: at }));
    const list = fc.uniqueArray(event, {
      selector: (one) => Object.values(one)[0],
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 3 }), version, (ranges, asked) => {
        const found = affectedRanges(
          ranges.map((events) => ({ ranges: [{ type: "SEMVER", events }] })),
        );
        const affects = ranges.some((events) => {
          let so = false;
          for (const one of events.toSorted((a, b) => semver.compare(at(a), at(b)))) {
            if (one["introduced"] && semver.gte(asked, at(one))) so = true;
            if (one["fixed"] && semver.gte(asked, at(one))) so = false;
            if (one["last_affected"] && semver.gt(asked, at(one))) so = false;
          }
          return so;
        });
        const options = { includePrerelease: true };
        const says = (range: string): boolean => semver.satisfies(asked, range, options);
        expect(found ? says(found.vulnerable) : false).toBe(affects);
        if (found && affects && found.patched !== "<0.0.0") expect(says(found.patched)).toBe(false);
      }),
      { numRuns: 1500 },
    );
  });
});

const at = (event: Readonly<Record<string, string>>): string => Object.values(event)[0] ?? "";

function affected(name: string, rest: Record<string, unknown>): Record<string, unknown> {
  return { package: { ecosystem: "npm", name }, ...rest };
}

describe.each(drivers)("H9: advisories in a store (%s)", (driver) => {
  test("an import counts for every server at once; newer wins, withdrawn goes", async () => {
    await using here = await place(driver);
    const [one, other] = [createAdvisories(here), createAdvisories(here)];
    const old = osv({ id: ghsa(1), name: "a", events: [{ introduced: "0" }, { fixed: "2.0.0" }] });
    const ask = async (version: string) =>
      ((await other.find([["a", [version]]])).get("a") ?? []).map(({ advisory }) => advisory.osv);
    expect(await ask("1.0.0")).toEqual([]);
    expect(await one.import(operator, sources(old, osv({ id: ghsa(2), name: "b" })))).toMatchObject(
      {
        read: 2,
        added: 2,
        total: 2,
      },
    );
    expect([await ask("1.0.0"), await ask("2.0.0"), await ask("2.0.0-rc.1")]).toEqual([
      [ghsa(1)],
      [],
      [ghsa(1)],
    ]);
    expect(await one.import(operator, sources(old))).toMatchObject({ unchanged: 1, added: 0 });
    const newer = osv({ id: ghsa(1), name: "a", more: { modified: "2026-06-01T00:00:00Z" } });
    expect(await one.import(operator, sources(newer, old))).toMatchObject({
      updated: 1,
      skipped: 1,
    });
    expect(await ask("9.0.0")).toEqual([ghsa(1)]);
    expect(await one.import(operator, sources(old))).toMatchObject({ skipped: 1, updated: 0 });
    const withdrawn = osv({
      id: ghsa(1),
      name: "a",
      more: { modified: "2026-07-01T00:00:00Z", withdrawn: "2026-07-01T00:00:00Z" },
    });
    expect(await one.import(operator, sources(withdrawn))).toMatchObject({ removed: 1, total: 1 });
    expect(await ask("1.0.0")).toEqual([]);
  });

  test("ids stay the same on another server, and differ between packages of one record", async () => {
    await using here = await place(driver);
    await using there = await place(driver);
    const two = osv({
      id: ghsa(1),
      name: "a",
      more: {
        affected: ["a", "@s/b"].map((name) =>
          affected(name, { ranges: [{ type: "SEMVER", events: [{ introduced: "0" }] }] }),
        ),
      },
    });
    const ids = async (place: typeof here) => {
      const advisories = createAdvisories(place);
      await advisories.import(operator, sources(two));
      return (await advisories.list()).items.map(({ name, id }) => [name, id]);
    };
    const [mine, theirs] = [await ids(here), await ids(there)];
    expect(mine).toEqual(theirs);
    expect(new Set(mine.map(([, id]) => id)).size).toBe(2);
  });

  test("what is no record is named and harms nothing; other ecosystems are left out", async () => {
    await using here = await place(driver);
    const advisories = createAdvisories(here);
    const texts = [
      "{",
      "[]",
      "null",
      JSON.stringify({ id: "x" }),
      osv({ id: "bad\nid", name: "a" }),
      osv({ id: ghsa(3), name: "a", events: [{ introduced: "one" }] }),
      osv({ id: ghsa(4), name: "a", more: { modified: "yesterday" } }),
      osv({
        id: ghsa(5),
        name: "a",
        more: { affected: [{ package: { ecosystem: "PyPI", name: "a" } }] },
      }),
      osv({ id: ghsa(6), name: "good" }),
      '{"__proto__":{"id":"GHSA-aaaa-bbbb-0009"}}',
    ];
    const report = await advisories.import(operator, sources(...texts));
    expect(report).toMatchObject({ read: 10, added: 1, skipped: 1, invalidCount: 8, total: 1 });
    expect(report.invalid[0]).toEqual({ path: "0.json", reason: "it is not JSON" });
  });

  test("a dry run and a stranger change nothing; replace takes away what is not there", async () => {
    await using here = await place(driver);
    const advisories = createAdvisories(here);
    const [a, b] = [osv({ id: ghsa(1), name: "a" }), osv({ id: ghsa(2), name: "b" })];
    expect(await advisories.import(operator, sources(a), { dryRun: true })).toMatchObject({
      added: 1,
    });
    expect(await advisories.summary()).toEqual({ total: 0, packages: 0, changed: undefined });
    expect(await codeOf(advisories.import(user("dev"), sources(a)))).toBe("E_FORBIDDEN");
    expect(await codeOf(advisories.remove(user("dev"), "all"))).toBe("E_FORBIDDEN");
    await advisories.import(operator, sources(a));
    expect(await advisories.import(operator, sources(b), { replace: true })).toMatchObject({
      added: 1,
      removed: 1,
      total: 1,
    });
    expect(await advisories.remove(operator, [ghsa(1)])).toBe(0);
    expect(await advisories.remove(operator, [ghsa(2)], { dryRun: true })).toBe(1);
    expect(await advisories.remove(operator, "all")).toBe(1);
    expect((await advisories.summary()).total).toBe(0);
  });

  test("imports at the same time lose nothing, and the collector keeps what is in use", async () => {
    await using here = await place(driver);
    const [one, other] = [createAdvisories(here), createAdvisories(here)];
    const some = (from: number) =>
      sources(
        ...Array.from({ length: 20 }, (_, n) => osv({ id: ghsa(from + n), name: `p${from + n}` })),
      );
    await Promise.all([one.import(operator, some(0)), other.import(operator, some(100))]);
    expect(await one.summary()).toMatchObject({ total: 40, packages: 40 });
    const { kinds } = await import("@citadel/core/kinds");
    await here.store.collect({ kinds: kinds(), grace: -60_000 });
    expect((await createAdvisories(here).list({ limit: 100 })).items).toHaveLength(40);
  });

  test("pages list everything once", async () => {
    await using here = await place(driver);
    const advisories = createAdvisories(here);
    const texts = Array.from({ length: 25 }, (_, n) => osv({ id: ghsa(n), name: `p${n % 7}` }));
    await advisories.import(operator, sources(...texts));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await advisories.list({ limit: 4, ...(after === undefined ? {} : { after }) });
      seen.push(...page.items.map(({ name, osv: id }) => `${name}/${id}`));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toHaveLength(25);
    expect(seen).toEqual([...new Set(seen)].toSorted());
    expect((await advisories.list({ name: "p3" })).items).toHaveLength(4);
  });
});

test("H9: a lockfile of 2,000 packages against 50,000 advisories is a few look-ups, then one", async () => {
  const driver = observe(memory(new URL("memory:")));
  await driver.open();
  const store = openStore({ driver, grace: 3_600_000, memory: 2 ** 20 });
  const records = async function* (): AsyncGenerator<Source> {
    for (let n = 0; n < 50_000; n++)
      yield { path: "", text: osv({ id: ghsa(n), name: `package-${n % 30_000}` }) };
  };
  await createAdvisories({ store }).import(operator, records());
  const advisories = createAdvisories({ store });
  const asked = Array.from({ length: 2000 }, (_, n) => [`package-${n * 20}`, ["1.0.0"]] as const);
  const looks = async () => {
    const count = (): number => {
      const { get, head } = driver.observed;
      return get.calls + head.calls;
    };
    const before = count();
    const found = await advisories.find(asked);
    return { found: found.size, looks: count() - before };
  };
  const first = await looks();
  expect(first.found).toBe(1500);
  expect(first.looks).toBeLessThanOrEqual(2 + 256);
  expect(await looks()).toEqual({ found: 1500, looks: 1 });
  await store.close();
});

describe("H9: files, folders and archives", () => {
  const ids = async (path: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { text } of osvSources(path))
      found.push((JSON.parse(text) as { id: string }).id);
    return found.toSorted();
  };

  test("one file, a folder with folders, a zip archive: the same records", async () => {
    const temp = await tempFolder("osv");
    try {
      await mkdir(join(temp.path, "osv/deep"), { recursive: true });
      await writeFile(join(temp.path, "osv/1.json"), osv({ id: ghsa(1), name: "a" }));
      await writeFile(join(temp.path, "osv/deep/2.json"), osv({ id: ghsa(2), name: "b" }));
      await writeFile(join(temp.path, "osv/README.md"), "no record");
      const zip = join(temp.path, "all.zip");
      const script =
        "import sys, shutil; shutil.make_archive(sys.argv[1][:-4], 'zip', sys.argv[2])";
      const ran = await run("python3", ["-c", script, zip, join(temp.path, "osv")]);
      expect(ran.code, ran.output).toBe(0);
      expect(await ids(join(temp.path, "osv/1.json"))).toEqual([ghsa(1)]);
      expect(await ids(join(temp.path, "osv"))).toEqual([ghsa(1), ghsa(2)]);
      expect(await ids(zip)).toEqual([ghsa(1), ghsa(2)]);
    } finally {
      await temp.remove();
    }
  });

  test("attack 24: what is far too large is no record, a broken archive says so", async () => {
    const temp = await tempFolder("osv");
    try {
      const large = join(temp.path, "large.json");
      const out = createWriteStream(large);
      for (let n = 0; n < 20; n++) out.write(" ".repeat(2 ** 20));
      await finished(out.end());
      await using here = await place("memory");
      const report = await createAdvisories(here).import(operator, osvSources(large));
      expect(report).toMatchObject({ read: 1, invalidCount: 1, total: 0 });
      const zip = join(temp.path, "broken.zip");
      await writeFile(zip, Buffer.concat([Buffer.from("PK\u0003\u0004"), Buffer.alloc(1000)]));
      expect(await codeOf(ids(zip))).toBe("E_USAGE");
      expect(await codeOf(ids(join(temp.path, "none")))).toBe("E_USAGE");
    } finally {
      await temp.remove();
    }
  });
});
