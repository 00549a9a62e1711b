// H7: what clients publish to a server is looked into, by whichever door it comes
import { gzipSync } from "node:zlib";
import { formsOf } from "@citadel/core/mask";
import { newIdentity, openVault, publicId, secretText } from "@citadel/core/vault";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publishDocument, tarOf, type Manifest } from "../support/packages.ts";
import { base, place, type Got, type Place } from "./place.ts";

const value = "served-canary-77b0/with+signs";
const old = "served-value-of-before";

type Vault = ReturnType<typeof openVault>;

/** A server with an identity that opens `production`, where somebody else set a secret. */
async function start(settings: Readonly<Record<string, unknown>> = {}) {
  const here = await place(settings);
  const [me, server] = await Promise.all([newIdentity(), newIdentity()]);
  const vault: Vault = openVault({
    store: here.citadel.store,
    ...{ folder: join(here.folder, "ann"), storeId: "ann", from: { known: me } },
    who: { name: "local", via: "cli" },
    passphrase: () => Promise.reject(new Error("nobody is asked")),
  });
  await vault.init();
  await vault.set(password, Buffer.from(old));
  await vault.addMember(publicId(server.member), {
    ...{ name: "registry", kind: "machine", role: "server", scopes: ["production"] },
    until: Date.now() + 86_400_000,
  });
  const file = join(here.folder, "identity");
  await writeFile(file, secretText(server), { mode: 0o600 });
  process.env["CITADEL_IDENTITY_FILE"] = file;
  return { ...here, vault, token: await here.signIn("bob") };
}

const password = { scope: "production", name: "db/password" };
let here: Place;
let token: string;
let vault: Vault;
beforeAll(async () => {
  ({ vault, token, ...here } = await start());
});
afterAll(async () => {
  delete process.env["CITADEL_IDENTITY_FILE"];
  await here[Symbol.asyncDispose]();
});

const packed = (manifest: Manifest, files: Readonly<Record<string, string | Buffer>>): Buffer =>
  gzipSync(
    tarOf(
      Object.entries({ "package.json": JSON.stringify(manifest), ...files }).map(
        ([path, content]) => ({ path: `package/${path}`, content }),
      ),
    ),
  );
let number = 0;
const next = (): Manifest => ({ name: "@bob/one", version: `1.0.${number++}` });

/** Refused, with the name of file and secret, and nothing of the value. */
function refused(got: Got, path: string): void {
  expect([got.status, got.json().code], got.text).toEqual([400, "E_LEAK"]);
  expect(got.text).toContain(`${path} holds the value of production/db/password`);
  for (const form of formsOf(Buffer.from(value)))
    expect(got.text.includes(form.toString())).toBe(false);
}

describe("H7: the server looks into what is published", () => {
  const text = Buffer.from(`a ${value} b`);
  const leaks: Readonly<Record<string, string | Buffer>> = {
    "plain.js": text,
    "base64.js": text.toString("base64"),
    "hex.txt": text.toString("hex"),
    "url.txt": `http://host/?a=${encodeURIComponent(value)}`,
    "app.js.map": JSON.stringify({ sourcesContent: [value] }),
    "in.tgz": gzipSync(tarOf([{ path: "deep/file", content: text }])),
    "large.bin": Buffer.concat([Buffer.alloc(3_000_000, 7), text]),
  };

  test("vault attack 20: npm publish is refused, whatever form the value has, and nothing of it is kept", async () => {
    // a value that was set after the server had looked for the first time
    const before = next();
    expect((await here.publish(token, before, packed(before, { "a.js": "1" }))).status).toBe(201);
    await vault.set(password, Buffer.from(value));
    for (const [path, content] of Object.entries(leaks)) {
      const manifest = next();
      const found = path === "in.tgz" ? "in.tgz!deep/file" : path;
      refused(await here.publish(token, manifest, packed(manifest, { [path]: content })), found);
    }
    const manifest = next();
    refused(await here.publish(token, manifest, packed(manifest, { "old.js": old })), "old.js");
    const { versions } = (await here.ask("/@bob%2fone")).json();
    expect(Object.keys(versions)).toEqual([before.version]);
  });

  test("vault attack 20: a batch is refused as a whole, and so are a staged version and one of the package API", async () => {
    const [good, bad] = [{ name: "@bob/good", version: "1.0.0" }, next()];
    const lines = [
      publishDocument(base, good, packed(good, {}), "latest"),
      publishDocument(base, bad, packed(bad, { "x.js": text }), "latest"),
    ];
    const batch = await here.ask("/-/citadel/v1/batch", {
      ...{ method: "PUT", token },
      body: lines.map((one) => JSON.stringify(one)).join("\n"),
    });
    refused(batch, "x.js");
    expect((await here.ask("/@bob%2fgood")).status).toBe(404);
    const staged = await here.ask("/-/stage/package/@bob%2fone", {
      ...{ method: "POST", token },
      body: publishDocument(base, bad, packed(bad, { "x.js": text }), "latest"),
    });
    refused(staged, "x.js");
    const api = await here.ask("/api/v1/packages", {
      ...{ method: "POST", token },
      body: { ...bad, tarball: packed(bad, { "x.js": text }).toString("base64") },
    });
    expect([api.status, api.text.includes("production/db/password")], api.text).toEqual([
      400,
      true,
    ]);
    expect(api.text).not.toContain(value);
  });

  test("H7: a version that was staged before the value was set is refused when it is to be let out", async () => {
    const manifest = next();
    const later = "a-value-that-is-set-later";
    const staged = await here.ask("/-/stage/package/@bob%2fone", {
      ...{ method: "POST", token },
      body: publishDocument(base, manifest, packed(manifest, { "x.js": later }), "latest"),
    });
    expect(staged.status, staged.text).toBe(201);
    await vault.set({ scope: "production", name: "late" }, Buffer.from(later));
    const { stageId } = staged.json();
    const approved = await here.ask(`/-/stage/${stageId}/approve`, { method: "POST", token });
    expect([approved.status, approved.json().code]).toEqual([400, "E_LEAK"]);
  });

  test("H7: where it is switched off or warns, and without a vault, packages are published as ever", async () => {
    const manifest = { name: "@bob/one", version: "1.0.0" };
    const tarball = packed(manifest, { "x.js": old });
    for (const mode of ["refuse", "warn", "off"]) {
      await using lax = await start({ "guard.values": mode });
      const { status } = await lax.publish(lax.token, manifest, tarball);
      expect([mode, status]).toEqual([mode, mode === "refuse" ? 400 : 201]);
    }
    await using none = await place();
    expect((await none.publish(await none.signIn("bob"), manifest, tarball)).status).toBe(201);
  });
});
