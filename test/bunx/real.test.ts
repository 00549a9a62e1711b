import { execFileSync } from "node:child_process";
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { citadel, serve } from "../support/citadel.ts";
import type { Ran } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

/** How a program ended, and what it printed; what the runner says stands on stderr. */
const ending = ({ code, stdout }: Ran) => ({ code, stdout });

test("E2: a formatter and a scaffolder run through a registry, and alike when it, or what is behind it, is gone", async () => {
  const npm = execFileSync("npm", ["config", "get", "registry"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { NODE_EXTRA_CA_CERTS: authority } = process.env;
  const env = {
    CITADEL_UPSTREAM: npm.toString().trim(),
    ...(authority && { NODE_EXTRA_CA_CERTS: authority }),
  };
  const temp = await tempFolder("bunx");
  const outer = await serve({ home: join(temp.path, "outer"), env });
  const cwd = join(temp.path, "project");
  await mkdir(cwd);
  await writeFile(join(cwd, "good.js"), "const a = { b: 1 };\n");
  await writeFile(join(cwd, "bad.js"), "const a = {b:1}\n");

  /** from a registry elsewhere, and from a store of its own with that registry behind it */
  const places = {
    remote: { CITADEL_BUNX_REGISTRY: outer.url },
    store: { CITADEL_UPSTREAM: `${outer.url}/` },
  };
  const bunx = (place: keyof typeof places, ...args: string[]): Promise<Ran> =>
    citadel(join(temp.path, place), ["bunx:run", ...args], { cwd, env: places[place] });
  const tools = [
    ["prettier@3", "--check", "good.js"],
    ["prettier@3", "--check", "bad.js"],
    ["prettier@3", "bad.js"],
    ["create-vite@latest", "app", "--template", "vanilla", "--overwrite", "--no-interactive"],
  ];
  const all = async (...flags: string[]) => {
    const ended: ReturnType<typeof ending>[] = [];
    for (const place of ["remote", "store"] as const)
      for (const tool of tools) ended.push(ending(await bunx(place, ...flags, ...tool)));
    return ended;
  };

  try {
    const unasked = await bunx("remote", "prettier@3", "good.js");
    expect(unasked.code, unasked.output).toBe(9);
    expect(unasked.stderr).toMatch(/E_RUN_UNCONFIRMED[\s\S]*--yes[\s\S]*prettier@3/);

    const online = await all("--yes");
    expect(online.map(({ code }) => code)).toEqual([0, 1, 0, 0, 0, 1, 0, 0]);
    expect(online[2]?.stdout).toBe("const a = { b: 1 };\n");
    expect(await readdir(join(cwd, "app"))).toContain("package.json");

    await outer.stop();
    expect(await all()).toEqual(online);
    expect(ending(await bunx("store", "--offline", ...(tools[1] ?? [])))).toEqual(online[1]);
    const cut = await bunx("remote", "prettier@latest", "--version");
    expect(cut.code, cut.output).toBe(0);
    expect(cut.stderr).toMatch(/cannot be reached.*prettier@3/);
    const never = await bunx("remote", "--offline", "is-odd");
    expect(never.code, never.output).toBe(4);

    // what was changed is made anew, from the lockfile and the content that is here
    const entries = join(temp.path, "remote/cache/bunx/entries");
    const [id = ""] = (await readdir(entries)).filter((name) => name.startsWith("prettier"));
    const entry = async () => [
      JSON.parse(await readFile(join(entries, id, "entry.json"), "utf8")).files,
      await readFile(join(entries, id, "package-lock.json"), "utf8"),
    ];
    const before = await entry();
    await appendFile(join(entries, id, "node_modules/prettier/bin/prettier.cjs"), "\nnonsense(");
    const again = await bunx("remote", "prettier@3", "bad.js");
    expect(again, again.output).toMatchObject({ code: 0, stdout: "const a = { b: 1 };\n" });
    expect(again.stderr).toContain("made anew");
    expect(await entry()).toEqual(before);
  } finally {
    await outer.stop();
    await temp.remove();
  }
}, 300_000);
