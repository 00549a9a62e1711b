import { execFileSync } from "node:child_process";
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serve } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { startRelay } from "../servers/relay.ts";

/** About 400 packages, of all ages and with every sort of dependency. */
const dependencies = { express: "4.21.2", jest: "29.7.0", webpack: "5.97.1" };

/** Versions and hashes of a lockfile, and the paths of its addresses. */
function summary(
  text: string,
): Record<string, readonly [version: string, integrity: string, path: string]> {
  const { packages } = JSON.parse(text) as { packages: Record<string, any> };
  return Object.fromEntries(
    Object.entries(packages)
      .filter(([path]) => path !== "")
      .map(([path, { version, integrity, resolved }]) => [
        path,
        [version, integrity, new URL(resolved).pathname] as const,
      ]),
  );
}

test("B9: npm installs a few hundred real packages through two registries, cold, warm and cut off, as it does directly", async () => {
  const registry = execFileSync("npm", ["config", "get", "registry"], {
    stdio: ["ignore", "pipe", "ignore"],
  })
    .toString()
    .trim();
  const temp = await tempFolder("installs");
  const install = async (name: string, from: string, ...more: string[]): Promise<string> => {
    const cwd = join(temp.path, name);
    await mkdir(cwd, { recursive: true });
    await writeFile(
      join(cwd, "package.json"),
      JSON.stringify({ name: "project", version: "1.0.0", dependencies }),
    );
    const args = [
      ...["install", "--registry", from, "--cache", join(cwd, "cache"), "--ignore-scripts"],
      ...["--no-audit", "--no-fund", "--no-omit-lockfile-registry-resolved", ...more],
    ];
    const ran = await run("npm", args, { cwd, timeout: 300_000 });
    expect(ran.code, ran.output).toBe(0);
    return readFile(join(cwd, "package-lock.json"), "utf8");
  };

  // the registry may have a certificate of an authority of this machine
  const { NODE_EXTRA_CA_CERTS } = process.env;
  const env = { CITADEL_UPSTREAM: registry, ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }) };
  const outer = await serve({ home: join(temp.path, "a"), env });
  const relay = await startRelay(Number(new URL(outer.url).port));
  const behind = [{ name: "outer", url: `http://127.0.0.1:${relay.port}/`, freshness: "10min" }];
  const settings = (freshness: string) =>
    JSON.stringify(behind.map((one) => ({ ...one, freshness })));
  const home = join(temp.path, "b");
  let inner = await serve({ home, env: { CITADEL_UPSTREAM: settings("10min") } });
  try {
    const direct = summary(await install("direct", registry, "--package-lock-only"));
    expect(Object.keys(direct).length).toBeGreaterThan(300);
    const cold = await install("cold", inner.url);
    expect(summary(cold)).toEqual(direct);
    expect(cold).toContain(`${inner.url}/`);
    expect(cold).not.toContain(new URL(registry).host);
    const warm = relay.counts.down;
    expect(summary(await install("warm", inner.url, "--package-lock-only"))).toEqual(direct);
    expect(relay.counts.down).toBe(warm);

    // everything is stale now, and nobody is there to ask
    await inner.stop();
    relay.set({ refuse: true });
    relay.cut();
    inner = await serve({ home, env: { CITADEL_UPSTREAM: settings("1ms") } });
    expect(summary(await install("cut", inner.url))).toEqual(direct);
    expect(relay.counts.down).toBe(warm);
    const missing = await fetch(`${inner.url}/left-pad`);
    expect(missing.status).toBe(503);
  } finally {
    await inner.stop();
    await relay.close();
    await outer.stop();
    await temp.remove();
  }
}, 600_000);
