// H11: lockfiles of real clients over the configured registry, bundled, carried to a Citadel without any network, and installed from there.
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { citadel, serve } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("bundles");
afterAll(() => folder.remove());

const dependencies = { "is-odd": "3.0.1", alias: "npm:chalk@4.1.2", "@sindresorhus/is": "4.6.0" };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test(
  "H11: npm, pnpm, yarn 1, yarn 4 and bun install from a Citadel without a network what a bundle brought",
  { timeout: 300_000 },
  async () => {
    const registry = execFileSync("npm", ["config", "get", "registry"], {
      stdio: ["ignore", "pipe", "ignore"],
    })
      .toString()
      .trim();
    const { NODE_EXTRA_CA_CERTS, PATH } = process.env;
    const behind = {
      CITADEL_UPSTREAM: registry,
      ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }),
    };
    const [near, far] = [join(folder.path, "near"), join(folder.path, "far")];
    // lockfiles of some clients hold the address: both listen at the same
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const tools = await clientTools();
    const clients = {
      npm: {
        lock: "package-lock.json",
        make: [...tools.npm11, "install", "--package-lock-only"],
        install: [...tools.npm11, "ci"],
        more: ["--ignore-scripts", "--no-audit", "--no-fund", "--registry", url],
      },
      pnpm: {
        lock: "pnpm-lock.yaml",
        make: [...tools.pnpm, "install", "--lockfile-only"],
        install: [...tools.pnpm, "install", "--frozen-lockfile"],
        more: ["--ignore-scripts", "--registry", url],
      },
      yarn1: {
        lock: "yarn.lock",
        make: [...tools.yarn1, "install"],
        install: [...tools.yarn1, "install", "--frozen-lockfile"],
        more: ["--ignore-scripts", "--no-progress", "--registry", url],
      },
      yarn4: {
        lock: "yarn.lock",
        make: [...tools.yarn4, "install", "--mode=update-lockfile"],
        install: [...tools.yarn4, "install", "--immutable"],
        more: [],
      },
      bun: {
        lock: "bun.lock",
        make: [...tools.bun, "install", "--lockfile-only"],
        install: [...tools.bun, "install", "--frozen-lockfile"],
        more: ["--ignore-scripts"],
      },
    };
    const folderOf = async (name: string): Promise<string> => {
      const cwd = join(folder.path, name);
      await mkdir(cwd, { recursive: true });
      await writeFile(
        join(cwd, "package.json"),
        JSON.stringify({ name: "project", version: "1.0.0", private: true, dependencies }),
      );
      return cwd;
    };
    const client = async (cwd: string, [file = "", ...args]: readonly string[]): Promise<void> => {
      const env = {
        PATH,
        HOME: cwd,
        CI: "1",
        npm_config_cache: join(cwd, ".npm"),
        npm_config_store_dir: join(cwd, ".pnpm"),
        YARN_CACHE_FOLDER: join(cwd, ".yarn-cache"),
        YARN_NPM_REGISTRY_SERVER: url.slice(0, -1),
        YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1",
        YARN_ENABLE_TELEMETRY: "0",
        YARN_ENABLE_SCRIPTS: "0",
        YARN_ENABLE_IMMUTABLE_INSTALLS: "0",
        YARN_NODE_LINKER: "node-modules",
        YARN_GLOBAL_FOLDER: join(cwd, ".yarn-global"),
        BUN_CONFIG_REGISTRY: url,
        BUN_INSTALL_CACHE_DIR: join(cwd, ".bun"),
      };
      const ran = await run(file, args, { cwd, env, timeout: 120_000 });
      expect(ran.code, ran.output).toBe(0);
    };

    const outer = await serve({ home: near, env: behind, port });
    try {
      for (const [name, { lock, make, more }] of Object.entries(clients)) {
        const cwd = await folderOf(`make-${name}`);
        // yarn 4 takes a folder for a project when it has one
        if (name === "yarn4") await writeFile(join(cwd, lock), "");
        await client(cwd, [...make, ...more]);
      }
    } finally {
      await outer.stop();
    }

    for (const [name, { lock }] of Object.entries(clients)) {
      const file = join(folder.path, `${name}.tar.zst`);
      const wrote = await citadel(
        near,
        ["sync:bundle", join(folder.path, `make-${name}`, lock), "-o", file],
        { env: behind },
      );
      expect(wrote.code, wrote.output).toBe(0);
      const loaded = await citadel(far, ["local:import", file]);
      expect(loaded.code, loaded.output).toBe(0);
    }
    const sound = await citadel(far, ["verify"]);
    expect(sound.code, sound.output).toBe(0);

    const inner = await serve({ home: far, port });
    try {
      for (const [name, { lock, install, more }] of Object.entries(clients)) {
        const cwd = await folderOf(`install-${name}`);
        await copyFile(join(folder.path, `make-${name}`, lock), join(cwd, lock));
        await client(cwd, [...install, ...more]);
        const { version } = JSON.parse(
          await readFile(join(cwd, "node_modules/alias/package.json"), "utf8"),
        ) as { version: string };
        expect(version, name).toBe("4.1.2");
      }
    } finally {
      await inner.stop();
    }
  },
);
