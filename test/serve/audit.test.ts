import { gzipSync } from "node:zlib";
import { commandLine } from "@citadel/core/access";
import type { Source } from "@citadel/core/advisories";
import { describe, expect, test } from "vitest";

import { osv } from "../support/osv.ts";
import { place, type Place } from "./place.ts";

const bulk = "/-/npm/v1/security/advisories/bulk";
const quick = "/-/npm/v1/security/audits/quick";
const id = "GHSA-p6mc-m468-83gw";

async function bring(here: Place, ...texts: readonly string[]): Promise<void> {
  const sources = async function* (): AsyncGenerator<Source> {
    for (const text of texts) yield { path: "x.json", text };
  };
  await (await here.citadel.advisories()).import(commandLine, sources());
}
const lodash = osv({ id, name: "lodash", events: [{ introduced: "0" }, { fixed: "4.17.19" }] });
const post = (here: Place, path: string, body: unknown, headers = {}) =>
  here.ask(path, { method: "POST", body, headers });

describe("H9: POST /-/npm/v1/security/advisories/bulk", () => {
  test("says what is known against the versions, and nothing else, plain and gzipped", async () => {
    await using here = await place();
    const asked = { lodash: ["4.17.10", "4.17.21"], "left-pad": ["1.3.0"] };
    expect((await post(here, bulk, asked)).json()).toEqual({});
    await bring(here, lodash, osv({ id: "GHSA-aaaa-bbbb-cccc", name: "other" }));
    const expected = {
      lodash: [
        {
          id: expect.any(Number),
          url: `https://github.com/advisories/${id}`,
          title: "Something bad in lodash",
          severity: "high",
          vulnerable_versions: "<4.17.19",
          patched_versions: ">=4.17.19",
          cwe: ["CWE-79"],
          cves: ["CVE-2026-12345"],
          cvss: {
            score: 7.5,
            vectorString: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
          },
        },
      ],
    };
    expect((await post(here, bulk, asked)).json()).toEqual(expected);
    const packed = gzipSync(JSON.stringify(asked));
    const got = await post(here, bulk, packed, { "content-encoding": "gzip" });
    expect([got.status, got.json()]).toEqual([200, expected]);
    expect((await post(here, bulk, { lodash: ["4.17.19", "x", ""] })).json()).toEqual({});
  });

  test("attack 4: names of the language's own are names", async () => {
    await using here = await place();
    await bring(here, osv({ id, name: "constructor" }));
    const got = await post(here, bulk, { constructor: ["1.0.0"], toString: ["1.0.0"] });
    expect(Object.keys(got.json())).toEqual(["constructor"]);
    expect((await post(here, bulk, '{"__proto__":["1.0.0"]}')).status).toBe(400);
  });

  test.each<[string, unknown]>([
    ["a list", []],
    ["null", null],
    ["versions that are text", { lodash: "4.17.10" }],
    ["a version that is a number", { lodash: [4] }],
  ])("attack 28: %s is refused", async (_, body) => {
    await using here = await place();
    expect((await post(here, bulk, body)).status).toBe(400);
  });

  test("attacks 24, 25: bodies, bombs and version lists without end are refused", async () => {
    await using here = await place();
    const many = Array.from({ length: 1001 }, (_, n) => `1.0.${n}`);
    expect((await post(here, bulk, { lodash: many })).status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20, " "));
    expect((await post(here, bulk, bomb, { "content-encoding": "gzip" })).status).toBe(413);
    expect((await post(here, bulk, Buffer.alloc(9 * 2 ** 20, " "))).status).toBe(413);
  });
});

describe("H9: the audit of npm 6 and yarn 1", () => {
  const tree = {
    name: "project",
    version: "1.0.0",
    requires: { a: "^1.0.0", b: "^1.0.0" },
    dependencies: {
      a: { version: "1.0.0", requires: { lodash: "^4.0.0" } },
      b: {
        version: "1.0.0",
        dev: true,
        requires: { lodash: "^3.0.0", c: "1" },
        dependencies: { lodash: { version: "3.10.1", dev: true } },
      },
      c: { version: "1.0.0", dev: true, requires: { lodash: "^4.0.0" } },
      lodash: { version: "4.17.10" },
      unused: { version: "1.0.0", optional: true },
    },
  };

  test("is retired as long as there are no advisories", async () => {
    await using here = await place();
    expect((await post(here, quick, tree)).status).toBe(410);
  });

  test("says which versions, and who needs them", async () => {
    await using here = await place();
    await bring(here, lodash);
    for (const path of [quick, "/-/npm/v1/security/audits"]) {
      const body = (
        await post(here, path, gzipSync(JSON.stringify(tree)), { "content-encoding": "gzip" })
      ).json();
      expect(body).toMatchObject({
        muted: [],
        metadata: {
          vulnerabilities: { info: 0, low: 0, moderate: 0, high: 2, critical: 0 },
          dependencies: 2,
          devDependencies: 3,
          optionalDependencies: 1,
          totalDependencies: 6,
        },
      });
      const [advisory] = Object.values(body.advisories) as any[];
      expect(advisory).toMatchObject({
        module_name: "lodash",
        vulnerable_versions: "<4.17.19",
        patched_versions: ">=4.17.19",
        recommendation: "Upgrade to >=4.17.19",
        severity: "high",
        cves: ["CVE-2026-12345"],
        url: `https://github.com/advisories/${id}`,
        findings: [
          { version: "3.10.1", paths: ["b>lodash"], dev: true },
          { version: "4.17.10", paths: ["a>lodash"], dev: false },
        ],
      });
      expect(body.actions).toEqual([
        {
          action: "review",
          module: "lodash",
          resolves: [
            { id: advisory.id, path: "b>lodash", dev: true, optional: false, bundled: false },
            { id: advisory.id, path: "a>lodash", dev: false, optional: false, bundled: false },
          ],
        },
      ]);
    }
  });

  test("attacks 24, 28: trees made to hurt", async () => {
    await using here = await place();
    await bring(here, lodash);
    for (const body of [null, [], { dependencies: [] }, { dependencies: { a: null } }])
      expect((await post(here, quick, body)).status).toBe(400);
    // a chain of 50,000, each of which needs the next
    const dependencies = Object.fromEntries(
      Array.from({ length: 50_000 }, (_, n) => [
        `p${n}`,
        { version: "1.0.0", requires: { [`p${n + 1}`]: "1" } },
      ]),
    );
    const chain = {
      requires: { p0: "1" },
      dependencies: {
        ...dependencies,
        p50000: { version: "1.0.0", requires: { lodash: "1" } },
        lodash: { version: "1.0.0" },
      },
    };
    const got = await post(here, quick, chain);
    expect(got.status).toBe(200);
    const [advisory] = Object.values(got.json().advisories) as any[];
    expect(advisory.findings[0].paths[0]).toMatch(/^p\d+>.*>p50000>lodash$/);
  });
});
