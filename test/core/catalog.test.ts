import { open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openCatalog, type Catalog } from "@citadel/core/catalog";
import type { PackageDocument, Registry } from "@citadel/core/registry";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { pack, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { operator, place, release, user, type Place } from "./registry-harness.ts";

const folder = await tempFolder("catalog");
afterAll(() => folder.remove());
let files = 0;
const newPath = () => join(folder.path, `${++files}`, "catalog.db");

const opened = ({ registry, store }: Place, path = newPath()): Promise<Catalog> =>
  openCatalog({ path, registry, store });

const publish = ({ registry }: Place, manifest: Manifest, caller = operator) =>
  registry.publish(release(manifest), caller);

/** Everything that a catalog can answer, without its row ids. */
function everything(catalog: Catalog) {
  const db = new DatabaseSync(catalog.path, { readOnly: true });
  try {
    const { items } = catalog.list({ limit: 10_000 });
    return {
      items,
      stats: catalog.stats(),
      packages: db.prepare("SELECT * FROM packages ORDER BY name, version").all(),
      etags: db.prepare("SELECT name, etag, versions FROM names ORDER BY name").all(),
      found: ["a", "b", "common", "keywords:k1", "scope:s"].map((text) =>
        catalog
          .search({ text, size: 250 })
          .items.map((hit) => hit.package.name)
          .sort(),
      ),
    };
  } finally {
    db.close();
  }
}

const names = (catalog: Catalog, text: string) =>
  catalog.search({ text, size: 250 }).items.map((hit) => hit.package.name);

describe("A3 lists", () => {
  test("what was published is there after a sync, newest state only, sorted, by scope", async () => {
    await using here = await place("sqlite");
    const catalog = await opened(here);
    await publish(here, { name: "zeta", version: "1.0.0" });
    await publish(here, { name: "@demo/one", version: "1.0.0", description: "first" });
    await publish(here, { name: "@demo/one", version: "1.1.0", description: "second" });
    await publish(here, { name: "@demo-x/one", version: "0.1.0" });
    expect(await catalog.sync()).toEqual({ changed: 3 });
    expect(await catalog.sync()).toEqual({ changed: 0 });
    expect(catalog.list().items.map(({ name }) => name)).toEqual([
      "@demo-x/one",
      "@demo/one",
      "zeta",
    ]);
    const [one] = catalog.list({ scope: "demo" }).items;
    expect(one).toMatchObject({
      name: "@demo/one",
      scope: "demo",
      version: "1.1.0",
      versions: 2,
      description: "second",
      publisher: "local",
      maintainers: ["local"],
    });
    expect(catalog.stats()).toMatchObject({
      packages: 3,
      versions: 4,
      scopes: [
        { scope: "", packages: 1 },
        { scope: "demo", packages: 1 },
        { scope: "demo-x", packages: 1 },
      ],
    });
    catalog.close();
  });

  test(
    "pages of any size add up to the whole list of 10,000 packages",
    { timeout: 120_000 },
    async () => {
      const documents = documentsOf(10_000);
      const catalog = await openCatalog({ path: newPath(), ...documents });
      expect(await catalog.sync()).toEqual({ changed: 10_000 });
      const whole = [...documents.names].sort();
      for (const limit of [999, 1000, 10_000]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = catalog.list({ limit, ...(after !== undefined && { after }) });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          seen.push(...page.items.map(({ name }) => name));
          after = page.next;
        } while (after !== undefined);
        expect(seen).toEqual(whole);
      }
      // Only what changed is read again.
      const read = documents.reads();
      documents.touch("package-00042");
      expect(await catalog.sync()).toEqual({ changed: 1 });
      expect(documents.reads()).toBe(read + 1);
      documents.remove("package-00043");
      await catalog.sync();
      expect(catalog.stats().packages).toBe(9_999);
      expect(names(catalog, "package-00043")).toEqual([]);
      catalog.close();
    },
  );
});

describe("A6 a projection that can be thrown away", () => {
  test(
    "any history folded step by step equals the same folded at once",
    { timeout: 120_000 },
    async () => {
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant("publish" as const),
            name: name(),
            minor: fc.nat(5),
            text: word(),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            do: fc.constant("unpublish" as const),
            name: name(),
            minor: fc.nat(5),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            do: fc.constant("deprecate" as const),
            name: name(),
            minor: fc.nat(5),
          }),
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("owners" as const), name: name() }) },
        {
          weight: 1,
          arbitrary: fc.record({ do: fc.constant("tag" as const), name: name(), minor: fc.nat(5) }),
        },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("sync" as const), name: name() }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("refresh" as const), name: name() }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await using here = await place("memory");
          const live = await opened(here);
          for (const each of steps) await apply(here, live, each);
          await live.sync();
          const fresh = await opened(here);
          await fresh.sync();
          expect(everything(live)).toEqual(everything(fresh));
          live.close();
          fresh.close();
        }),
        { numRuns: 60 },
      );
    },
  );

  test("a deleted, a damaged, a foreign and an outdated file give the same answers again", async () => {
    await using here = await place("sqlite");
    const path = newPath();
    for (let n = 0; n < 30; n++)
      await publish(here, { name: `common-${n}`, version: "1.0.0", keywords: ["k1"] });
    const first = await opened(here, path);
    await first.sync();
    const before = everything(first);
    first.close();
    const harm: Record<string, () => Promise<void>> = {
      deleted: () => rm(path),
      empty: () => writeFile(path, ""),
      foreign: () => writeFile(path, "this is a letter and no database ".repeat(200)),
      damaged: async () => {
        const file = await open(path, "r+");
        for (let at = 4096; at < 65_536; at += 512)
          await file.write(Buffer.alloc(256, 0x5a), 0, 256, at);
        await file.close();
      },
      outdated: async () => {
        const db = new DatabaseSync(path);
        db.exec("PRAGMA user_version = 4711");
        db.close();
      },
      "without a table": async () => {
        const db = new DatabaseSync(path);
        db.exec("DROP TABLE packages");
        db.close();
      },
    };
    for (const [how, harmIt] of Object.entries(harm)) {
      await harmIt();
      const again = await opened(here, path);
      await again.sync();
      expect(everything(again), how).toEqual(before);
      again.close();
    }
  });

  test("a package whose manifest or history is damaged breaks neither list nor search", async () => {
    await using here = await place("memory");
    await publish(here, { name: "sound", version: "1.0.0", description: "common" });
    await publish(here, { name: "@s/torn", version: "1.0.0", description: "common" });
    const document = await here.registry.packages.read("@s/torn");
    const warnings: string[] = [];
    const broken = document?.state.versions.get("1.0.0")?.manifest ?? "";
    const manifests = {
      ...here.store.manifests,
      get: async (hash: string) => (hash === broken ? undefined : here.store.manifests.get(hash)),
    };
    const catalog = await openCatalog({
      path: newPath(),
      registry: here.registry,
      store: { driver: here.store.driver, manifests },
      warn: (message) => warnings.push(message),
    });
    await catalog.sync();
    expect(catalog.list().items.map(({ name }) => name)).toEqual(["@s/torn", "sound"]);
    expect(names(catalog, "common")).toEqual(["sound"]);
    expect(warnings.join()).toContain("@s/torn");
    // When the manifest is back, the next sync finds it.
    const healed = await openCatalog({
      path: catalog.path,
      registry: here.registry,
      store: here.store,
    });
    await healed.sync();
    expect(names(healed, "common").sort()).toEqual(["@s/torn", "sound"]);
    catalog.close();
    healed.close();
  });

  test("the schema is that of the file and holds the tables of A6", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    const db = new DatabaseSync(":memory:");
    for (const { sql } of catalog.schema()) db.exec(sql);
    const columns = (table: string) =>
      db
        .prepare(`SELECT name FROM pragma_table_info('${table}')`)
        .all()
        .map((row) => row["name"]);
    expect(columns("packages")).toEqual(
      expect.arrayContaining(
        "uuid name version scope metadata integrity compressed encrypted created_at updated_at".split(
          " ",
        ),
      ),
    );
    expect(columns("secrets")).toEqual(
      expect.arrayContaining("name type scope created_at updated_at expires_at sealed".split(" ")),
    );
    expect(columns("cache")).toEqual(
      expect.arrayContaining(
        "key size integrity timestamp ttl access_count last_accessed".split(" "),
      ),
    );
    db.close();
    catalog.close();
  });
});

test("two catalogs over one file and one store agree while both write", async () => {
  await using here = await place("sqlite");
  const path = newPath();
  const [a, b] = await Promise.all([opened(here, path), opened(here, path)]);
  await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      const { name } = await publish(here, { name: `p${n % 20}`, version: `1.${n}.0` });
      await (n % 2 ? a : b).refresh(name);
      if (n % 7 === 0) await (n % 2 ? b : a).sync();
    }),
  );
  await a.sync();
  expect(a.stats()).toMatchObject({ packages: 20, versions: 60 });
  expect(everything(a)).toEqual(everything(b));
  a.close();
  b.close();
});

describe("B2 search", () => {
  test("exact names first, then their beginnings, names, keywords, descriptions, then the newest", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    for (const manifest of [
      { name: "about", description: "a text about json" },
      { name: "keyed", keywords: ["json"] },
      { name: "my-json" },
      { name: "json-tools" },
      { name: "@demo/json" },
      { name: "json" },
      { name: "other" },
      { name: "later-json" },
    ])
      await publish(here, { ...manifest, version: "1.0.0" });
    await catalog.sync();
    const found = names(catalog, "json");
    expect(found.slice(0, 3)).toEqual(["json", "@demo/json", "json-tools"]);
    expect(new Set(found.slice(3, 5))).toEqual(new Set(["my-json", "later-json"]));
    expect(found.slice(5)).toEqual(["keyed", "about"]);
    expect(catalog.search({ text: "json" }).total).toBe(7);
    expect(names(catalog, "json tools")[0]).toBe("json-tools");
    expect(names(catalog, "js")).toHaveLength(7);
    expect(names(catalog, "boost-exact:false json").length).toBe(7);
    const scores = catalog.search({ text: "json" }).items.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores.every((score) => score > 0 && score <= 1)).toBe(true);
    catalog.close();
  });

  test("qualifiers", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    await publish(here, {
      name: "@demo/a",
      version: "1.0.0",
      keywords: ["Fast", "c++"],
      author: "Jane Doe <j@x.y>",
    });
    await publish(here, { name: "@demo/b", version: "0.9.0", keywords: ["fast food"] });
    await publish(here, { name: "c", version: "1.0.0", keywords: ["fast"] }, user("mia"));
    await publish(here, { name: "d", version: "1.0.0" });
    await here.registry.deprecate("d", new Map([["1.0.0", "old"]]), operator);
    await catalog.sync();
    const found = (text: string) => names(catalog, text).sort();
    expect(found("keywords:fast")).toEqual(["@demo/a", "c"]);
    expect(found("keywords:c++,nothing")).toEqual(["@demo/a"]);
    expect(found("scope:demo")).toEqual(["@demo/a", "@demo/b"]);
    expect(found("scope:@demo keywords:fast")).toEqual(["@demo/a"]);
    expect(found("author:jane")).toEqual(["@demo/a"]);
    expect(found("author:mia")).toEqual(["c"]);
    expect(found("maintainer:mia")).toEqual(["c"]);
    expect(found("is:deprecated")).toEqual(["d"]);
    expect(found("not:deprecated")).toEqual(["@demo/a", "@demo/b", "c"]);
    expect(found("is:unstable")).toEqual(["@demo/b"]);
    expect(found("is:insecure")).toEqual([]);
    expect(found("")).toEqual(["@demo/a", "@demo/b", "c", "d"]);
    expect(catalog.search({ text: "scope:demo", size: 1 })).toMatchObject({ total: 2 });
    catalog.close();
  });

  test("an unpublished package is found no more, in list, search, or count", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    await publish(here, { name: "gone", version: "1.0.0" });
    await publish(here, { name: "stays", version: "1.0.0" });
    await catalog.sync();
    await here.registry.unpublish("gone", "all", operator);
    await catalog.refresh("gone");
    expect(names(catalog, "gone")).toEqual([]);
    expect(catalog.search({ text: "" }).total).toBe(1);
    expect(catalog.list().items.map(({ name }) => name)).toEqual(["stays"]);
    expect(catalog.stats()).toMatchObject({ packages: 1, versions: 1 });
    expect(await catalog.sync()).toEqual({ changed: 0 });
    catalog.close();
  });

  test("pages of hits add up, sizes are clamped", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    for (let n = 0; n < 25; n++)
      await publish(here, {
        name: n % 2 ? `tool-${n}` : `x-tool-${n}`,
        version: "1.0.0",
        description: "tool",
      });
    await catalog.sync();
    const whole = names(catalog, "tool");
    expect(new Set(whole).size).toBe(25);
    const paged = [0, 10, 20].flatMap((from) =>
      catalog.search({ text: "tool", size: 10, from }).items.map((hit) => hit.package.name),
    );
    expect(paged).toEqual(whole);
    expect(catalog.search({ text: "tool" }).items).toHaveLength(20);
    expect(catalog.search({ text: "tool", size: -5, from: -1 }).items).toHaveLength(0);
    expect(catalog.search({ text: "tool", size: 1e9, from: NaN })).toMatchObject({ total: 25 });
    expect(catalog.search({ text: "tool", from: 1e9 })).toMatchObject({ total: 25, items: [] });
    catalog.close();
  });

  test("no input is a syntax error", async () => {
    await using here = await place("memory");
    const catalog = await opened(here);
    await publish(here, { name: "-", version: "1.0.0" });
    await publish(here, { name: "a", version: "1.0.0" });
    await catalog.sync();
    expect(names(catalog, "-")).toEqual(["-"]);
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom(
        '"',
        "'",
        "*",
        "^",
        "a AND",
        "OR",
        "NOT",
        "NEAR(",
        "a:b",
        "{name}:",
        "keywords:",
        "scope:",
        "is:",
        'author:"',
        ";--",
        "\0",
        "%",
        "_",
        "__proto__",
        "is:__proto__",
        "\ud800",
        "maintainer:,,",
        "a\u0301",
        "\u{1e900}",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
        const { total, items } = catalog.search({ text: parts.join(" ") });
        expect(items.length).toBeLessThanOrEqual(total);
      }),
      { numRuns: 500 },
    );
    for (const text of [
      "a".repeat(1e6),
      "a ".repeat(1e5),
      '"'.repeat(1e5),
      "keywords:".repeat(1e4),
    ])
      catalog.search({ text });
    catalog.close();
  });
});

test("a manifest with fields of any type makes a row", async () => {
  await using here = await place("memory");
  const catalog = await opened(here);
  const odd = {
    name: "odd",
    version: "1.0.0",
    description: ["no", "text"],
    keywords: { not: "a list" },
    author: 7,
    license: [{ type: "MIT" }],
    homepage: "javascript:alert(1)",
    repository: { type: "git", url: "git+https://host.example/x/y.git" },
    bugs: { url: "file:///etc/passwd" },
  };
  await here.registry.publish(
    release(odd as unknown as Manifest, pack(odd as unknown as Manifest)),
    operator,
  );
  await catalog.sync();
  const [row] = catalog.list().items;
  expect(row).toMatchObject({
    description: "",
    keywords: [],
    repository: "https://host.example/x/y",
  });
  expect(row).not.toHaveProperty("homepage");
  expect(row).not.toHaveProperty("bugs");
  expect(row).not.toHaveProperty("author");
  catalog.close();
});

const name = () => fc.constantFrom("a", "b", "a-b", "@s/a", "@s-t/a");
const word = () => fc.constantFrom("common", "rare", "plain words");

interface Step {
  readonly do: "publish" | "unpublish" | "deprecate" | "owners" | "tag" | "sync" | "refresh";
  readonly name: string;
  readonly minor?: number;
  readonly text?: string;
}

async function apply(here: Place, catalog: Catalog, step: Step): Promise<void> {
  const { registry } = here;
  const version = `1.${step.minor ?? 0}.0`;
  const act = (): Promise<unknown> => {
    switch (step.do) {
      case "publish":
        return publish(here, {
          name: step.name,
          version,
          description: step.text ?? "",
          keywords: ["k1"],
        });
      case "unpublish":
        return registry.unpublish(step.name, [version], operator);
      case "deprecate":
        return registry.deprecate(step.name, new Map([[version, "old"]]), operator);
      case "owners":
        return registry.setOwners(step.name, ["local"], operator);
      case "tag":
        return registry.tag(step.name, "latest", version, operator);
      case "sync":
        return catalog.sync();
      case "refresh":
        return catalog.refresh(step.name);
    }
  };
  await act().catch((error: unknown) => {
    if (!String((error as { code?: unknown }).code).startsWith("E_")) throw error;
  });
}

/** Documents made up for tests of size: a registry of this many packages in milliseconds. */
function documentsOf(count: number) {
  let reads = 0;
  const documents = new Map<string, PackageDocument>();
  for (let n = 0; n < count; n++) {
    const bare = `package-${String(n).padStart(5, "0")}`;
    const name = n % 5 === 0 ? `@scope${n % 3}/${bare}` : bare;
    documents.set(name, documentOf(name, n));
  }
  // In the order of keys, as stores list them.
  const sorted = () =>
    [...documents.values()].sort((a, b) => (keyOf(a.name) < keyOf(b.name) ? -1 : 1));
  const packages = {
    read: async (name: string) => (reads++, documents.get(name)),
    async list({ after }: { after?: string } = {}) {
      const all = sorted();
      const start = after === undefined ? 0 : all.findIndex(({ name }) => name === after) + 1;
      const page = all.slice(start, start + 1000);
      const last = start + 1000 < all.length ? page.at(-1)?.name : undefined;
      const items = page.map(({ name, etag, modified }) => ({ name, etag, modified }));
      return { items, ...(last !== undefined && { next: last }) };
    },
  } as unknown as Registry["packages"];
  return {
    names: [...documents.keys()],
    reads: () => reads,
    touch: (name: string) => documents.set(name, { ...documentOf(name, 1), etag: "touched" }),
    remove: (name: string) => documents.delete(name),
    registry: { packages },
    store: {
      driver: { head: async () => undefined },
      manifests: { get: async () => Buffer.from('{"description":"made up"}') },
    } as unknown as Place["store"],
  };
}

const keyOf = (name: string) => name.replace("/", "%2F");

const documentOf = (name: string, n: number): PackageDocument => ({
  name,
  rev: 1,
  etag: `e${n}`,
  tip: "tip",
  modified: 1_700_000_000_000 + n * 1000,
  state: {
    name,
    created: 1_700_000_000_000,
    tags: new Map([["latest", "1.0.0"]]),
    owners: ["local"],
    versions: new Map([
      [
        "1.0.0",
        {
          manifest: "m",
          integrity: `sha512-${Buffer.alloc(64, name).toString("base64")}`,
          size: 100,
          time: 1_700_000_000_000,
          by: "local",
        },
      ],
    ]),
    removed: new Map(),
    stars: [],
  },
});
