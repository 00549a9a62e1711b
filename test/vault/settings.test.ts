import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { holdsReference, mask } from "@citadel/core";
import { expect, onTestFinished, test } from "vitest";
import { startS3 } from "../servers/s3.ts";
import { seat } from "./seat.ts";

test("D5: keys of a bucket and the key of the server are secrets that the settings refer to", async () => {
  const server = await startS3();
  onTestFinished(() => server.stop());
  const url = new URL(server.bucket());
  const { run, json, fill, env, path } = await seat();
  const key = Buffer.alloc(32, 5);
  await fill({
    "default/s3/secret": decodeURIComponent(url.password),
    "default/server/key": key.toString("base64"),
  });
  url.password = encodeURIComponent("citadel://default/s3/secret");
  const settings = {
    CITADEL_STORE_BLOBS: url.href,
    CITADEL_ENCRYPTION_PACKAGES: "true",
    REGISTRY_SECRET_KEY: "citadel://default/server/key",
  };
  const file = join(path, "big.bin");
  const bytes = Buffer.alloc(300_000).map((_, n) => (n * n * 31) >> 7);
  await writeFile(file, bytes);
  const published = await json(["local:publish", "big", "1.0.0", "s", "-f", file], {
    env: settings,
  });
  expect(published).toMatchObject({ encrypted: true, size: expect.any(Number) });
  const out = join(path, "out.bin");
  const resolved = await run(["local:resolve", "big", "1.0.0", "s", "-o", out], { env: settings });
  expect(resolved.code, resolved.output).toBe(0);

  // shown as a reference, everywhere
  const config = await run(["config", "--json"], { env: settings });
  expect(config.stdout).toContain("citadel%3A%2F%2Fdefault%2Fs3%2Fsecret");
  const stats = await run(["local:stats", "--json"], { env: settings });
  expect(stats.code, stats.output).toBe(0);
  for (const { output } of [config, stats]) {
    expect(output).not.toContain(server.secret);
    expect(output).not.toContain(encodeURIComponent(server.secret));
  }

  // locked: a clear error where it is needed, and nowhere else
  const locked = { ...settings, CITADEL_PASSPHRASE_FILE: "" };
  const refused = await run(["local:publish", "big", "2.0.0", "s", "-f", file], { env: locked });
  expect(refused.stderr).toContain("E_VAULT_LOCKED");
  expect(refused.stderr).toMatch(/(store\.blobs|the key of the server) refers to a secret/);
  expect((await run(["local:list-packages"], { env: locked })).code).toBe(0);
  const down = await run(["local:stats", "--json"], { env: locked });
  expect(down.stdout).toContain("store.blobs refers to a secret");
  const listed = await run(["secrets:list"], { env: { ...settings, ...env } });
  expect(listed.code, listed.output).toBe(0);

  const missing = { ...settings, REGISTRY_SECRET_KEY: "citadel://default/none" };
  const none = await run(["local:publish", "small", "1.0.0", "s", "-f", file], { env: missing });
  expect(none.stderr).toContain("E_SECRET_NOT_FOUND");
  expect(none.stderr).toContain("the key of the server refers to a secret");

  const inside = await run(["local:list-packages", "--store", "citadel://default/url"]);
  expect(inside.code).toBe(2);
  expect(inside.stderr).toContain("the vault lies in it");
});

test("D5: where a reference may stand in an address, and that it is shown", () => {
  for (const [address, holds] of [
    ["citadel://default/redis", true],
    ["redis://:citadel%3A%2F%2Fdefault%2Fredis@host", true],
    ["s3://citadel%3A%2F%2Fa%2Fid:citadel%3A%2F%2Fa%2Fsecret@bucket?region=x", true],
    ["s3://bucket?token=citadel://a/b", true],
    ["s3://id:secret@bucket", false],
    ["file:///citadel://x", false],
  ] as const) {
    expect(holdsReference(address), address).toBe(holds);
    if (holds) expect(mask(address)).toBe(address);
  }
  expect(mask("s3://id:secret@bucket?token=x")).toBe("s3://id:***@bucket?token=***");
});
