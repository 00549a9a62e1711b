// Rows 7 to 20 through a registry in front of another one, as far as test/upstream has not tried them.
import { local } from "@citadel/core/access";
import { expect, test } from "vitest";

import { age, behind, serveDocument, server, short, stock } from "../upstream/behind.ts";

const admin = { principal: local, via: "cli" } as const;

test("attack 7: the name of an upstream is no folder, and an odd one is refused at the start", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  for (const name of ["..", "../../x", "a/b", "a\\b", "", "a\r\nx: y", "a\0", "__proto__"])
    await expect(behind(there, { name }), JSON.stringify(name)).rejects.toMatchObject({
      code: "E_CONFIG",
    });
  const here = await behind(there, { name: "liar" });
  await here.ask("/one");
  const { entries } = await here.citadel.store.driver.list({ prefix: "c/upstream/" });
  expect(entries.length).toBeGreaterThan(0);
  for (const { key } of entries) expect(key).toMatch(/^c\/upstream\/[\w-]{8,}\/[pt]\/one\//);
});

test("attack 10: a packument or tarball that leads to this machine is not fetched, however it is spelled", async () => {
  const [there, inside] = [await server(), await server()];
  const { port } = new URL(inside.url);
  const { document } = stock(there, "one", { versions: { "1.0.0": {} } });
  const hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "017700000001", "%31%32%37.0.0.1"];
  let n = 0;
  for (const host of [...hosts, "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]"]) {
    const here = await behind(there);
    const refused = async (path: string): Promise<void> => {
      const got = await here.ask(path);
      expect([host, path, got.json().code]).toEqual([host, path, "E_REMOTE_ADDRESS"]);
      expect(got.status).toBeGreaterThanOrEqual(502);
    };
    const location = `http://${host}:${port}/secret`;
    const name = `gone-${n++}`;
    there.on(`/${name}`, (_request, response) => response.writeHead(302, { location }).end());
    await refused(`/${name}`);
    there.on("/one/-/one-1.0.0.tgz", (_request, response) =>
      response.writeHead(307, { location }).end(),
    );
    await refused("/one/-/one-1.0.0.tgz");
    const lying = structuredClone(document);
    lying.versions["1.0.0"].dist.tarball = `http://${host}:${port}/one-1.0.0.tgz`;
    lying.name = lying._id = name;
    serveDocument(there, name, lying);
    await age(60 * 60_000, async () => {
      const got = await here.ask(`/${name}/-/${name}-1.0.0.tgz`);
      expect(got.status, host).toBeGreaterThanOrEqual(400);
    });
  }
  expect(inside.count()).toBe(0);
});

test("attack 16: what only some may read from an upstream is for them alone, in caches too, and nobody learns by an etag", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const ann = await here.signIn("ann");
  const paths = ["/one", "/one/1.0.0", "/one/-/one-1.0.0.tgz"];
  for (const path of paths)
    expect((await here.ask(path)).headers.get("cache-control"), path).not.toMatch(/private/);
  await here.citadel.access.set({ pattern: "*", read: ["$authenticated"] }, admin);
  for (const path of [...paths, "/-/npm/v1/attestations/one@1.0.0"]) {
    const got = await here.ask(path, { token: ann });
    if (path.includes("attestations")) {
      expect(got.headers.get("cache-control")).toBe("no-store");
      continue;
    }
    expect([path, got.status]).toEqual([path, 200]);
    expect(got.headers.get("cache-control"), path).toMatch(/private/);
    expect(got.headers.get("vary"), path).toMatch(/authorization/);
    const etag = got.headers.get("etag") ?? "";
    for (const field of [
      { "if-none-match": etag },
      { "if-none-match": "*" },
      { range: "bytes=0-1" },
    ]) {
      const nobody = await here.ask(path, { headers: field });
      expect([path, nobody.status]).toEqual([path, 401]);
      expect(nobody.headers.get("etag")).toBeNull();
      expect(nobody.headers.get("cache-control")).toBe("no-store");
    }
    const again = await here.ask(path, { token: ann, headers: { "if-none-match": etag } });
    expect([path, again.status]).toEqual([path, 304]);
    expect(again.headers.get("cache-control"), path).toMatch(/private/);
  }
});

test("attack 18: of a version that is withheld or was taken back nothing is handed out, attestations neither", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {}, "1.1.0": {} } });
  const here = await behind(there);
  const bundles = JSON.stringify({ attestations: [] });
  for (const version of ["1.0.0", "1.1.0", "9.9.9"])
    there.on(`/-/npm/v1/attestations/one@${version}`, (_request, response) =>
      response.end(bundles),
    );
  const attested = async (version: string) =>
    (await here.ask(`/-/npm/v1/attestations/one@${version}`)).status;
  expect([await attested("1.0.0"), await attested("1.1.0")]).toEqual([200, 200]);
  // nothing is asked about what is no version there
  for (const odd of ["9.9.9", "..%2f1.0.0", "1.0.0%3fx", "latest", "__proto__"])
    expect([odd, [400, 404].includes(await attested(odd))]).toEqual([odd, true]);
  expect(there.count("/-/npm/v1/attestations/one@9.9.9")).toBe(0);

  const policies = await here.citadel.policies();
  const rule = { kind: "block", pattern: "one", range: "1.1.0", reason: "malware" } as const;
  await policies.apply(admin, { type: "rule", rule });
  expect([await attested("1.0.0"), await attested("1.1.0")]).toEqual([200, 403]);
  for (const accept of ["application/json", short])
    expect((await here.ask("/one", { headers: { accept } })).text).not.toContain("1.1.0");

  stock(there, "one", { versions: { "1.1.0": {} } });
  await age(60 * 60_000, async () => {
    await here.ask("/one");
    expect(await attested("1.0.0")).toBe(404);
  });
});
