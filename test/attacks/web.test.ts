// Rows 30 to 32: what browsers would make of our answers, and what pages of other sites make browsers send.
import { expect, test } from "vitest";

import { base, host, place, type Place } from "../serve/place.ts";
import { pack, publishDocument } from "../support/packages.ts";
import { addressOf, routesInSource } from "../support/routes.ts";

const evil = "<script>alert(document.domain)</script>";
const manifest = {
  name: "one",
  version: "1.0.0",
  description: evil,
  readme: `# ${evil}`,
  keywords: [evil],
  author: { name: evil, url: "javascript:alert(1)" },
};
const files = {
  "index.html": evil,
  "x.svg": `<svg xmlns="http://www.w3.org/2000/svg">${evil}</svg>`,
};

async function stocked(): Promise<{ here: Place; token: string }> {
  const here = await place();
  const token = await here.signIn("ann");
  const got = await here.publish(token, manifest, pack(manifest, files));
  expect(got.status, got.text).toBe(201);
  return { here, token };
}

test("attack 30: nothing that somebody published runs on our origin, however it is asked for", async () => {
  const { here, token } = await stocked();
  await using _ = here;
  const staged = { ...manifest, version: "1.1.0" };
  const document = publishDocument(base, staged, pack(staged, files), "latest");
  const { stageId } = (
    await here.ask("/-/stage/package/one", { method: "POST", token, body: document })
  ).json();
  const accepts = ["text/html", "image/svg+xml", "*/*", "application/json"];
  for (const accept of accepts) {
    for (const path of [
      "/one",
      "/one/1.0.0",
      "/-/v1/search?text=one",
      "/-/package/one/dist-tags",
      "/-/user/ann/package",
      "/_changes",
      `/-/stage/${stageId}`,
    ]) {
      const got = await here.ask(path, { token, headers: { accept } });
      expect([path, got.status]).toEqual([path, 200]);
      expect(got.headers.get("content-type"), path).toMatch(
        /^application\/(vnd\.npm\.install-v1\+)?json/,
      );
      expect(got.headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(got.headers.get("content-security-policy"), path).toMatch(/^default-src 'none'/);
    }
    for (const path of ["/one/-/one-1.0.0.tgz", `/-/stage/${stageId}/tarball`]) {
      const got = await here.ask(path, { token, headers: { accept } });
      expect([path, got.status]).toEqual([path, 200]);
      expect(got.headers.get("content-type"), path).toBe("application/octet-stream");
      expect(got.headers.get("content-disposition"), path).toBe("attachment");
      expect(got.headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(got.headers.get("content-security-policy"), path).toContain("sandbox");
      expect(got.headers.get("content-length"), path).toBe(String(got.bytes.byteLength));
    }
  }
  // and no address leads into a tarball
  for (const path of [
    "/one/1.0.0/index.html",
    "/one/-/index.html",
    "/one/-/x.svg",
    "/one/index.html",
  ])
    expect([path, (await here.ask(path, { token })).status]).toEqual([path, 404]);
});

test.each([
  "javascript:alert(1)",
  " javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,<script>1</script>",
  "vbscript:x",
  "file:///etc/passwd",
  "//evil.example",
  "https:evil",
  'git+https://example.com/x.git" onclick="x',
])("attack 31: a link to %j is none", async (url) => {
  await using here = await place();
  const token = await here.signIn("ann");
  const linked = {
    name: "one",
    version: "1.0.0",
    homepage: url,
    bugs: { url },
    repository: { type: "git", url },
  };
  await here.publish(token, linked, pack(linked));
  const { links } = (await here.ask("/-/v1/search?text=one")).json().objects[0].package;
  for (const link of Object.values(links as Record<string, string>)) {
    expect(link).toMatch(/^https?:\/\/[\w.:-]+\/[\w./-]*$/);
    expect(link).not.toContain("evil");
  }
});

test("attack 32: no page of another site changes anything, on any route, and cookies are nobody", async () => {
  const { here, token } = await stocked();
  await using _ = here;
  const routes = (await routesInSource()).filter(({ method }) => !["GET", "HEAD"].includes(method));
  expect(routes.length).toBeGreaterThan(35);
  const before = (await here.citadel.store.driver.list({ limit: 1000 })).entries.map(
    ({ key, etag }) => [key, etag],
  );
  const senders: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://${host}.evil.example` },
    { origin: `https://${host}` },
    { origin: "http://localhost:4874" },
    { "sec-fetch-site": "same-site" },
    { origin: `http://${host}`, "sec-fetch-site": "cross-site" },
  ];
  for (const route of routes)
    for (const headers of senders) {
      const path = addressOf(route);
      const got = await here.ask(path, { method: route.method, token, headers, body: "{}" });
      expect([route.method, path, headers, got.status]).toEqual([route.method, path, headers, 403]);
      for (const [name] of got.headers) expect(name).not.toMatch(/^access-control|^set-cookie/);
    }
  const after = (await here.citadel.store.driver.list({ limit: 1000 })).entries.map(
    ({ key, etag }) => [key, etag],
  );
  expect(after).toEqual(before);
  for (const cookie of [
    `token=${token}`,
    `authorization=Bearer ${token}`,
    `npm_token=${token}`,
    `session=${token}`,
  ])
    expect((await here.ask("/-/whoami", { headers: { cookie } })).status).toBe(401);
  for (const path of [
    `/-/whoami?token=${token}`,
    `/-/whoami?access_token=${token}`,
    `/-/whoami?authorization=Bearer%20${token}`,
  ])
    expect((await here.ask(path)).status).toBe(401);
});
