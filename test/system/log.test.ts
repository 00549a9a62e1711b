import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { citadelEnv, root, serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { onTerminal } from "../cli/cli.ts";

const { citadel } = oneProcess();

interface Line {
  time: string;
  kind: string;
  name: string;
  rev: number;
  hash: string;
  prev: string | null;
  who: string;
  via: string;
  events: { type: string; text: string }[];
}

const store = (home: string) => ({ CITADEL_STORE: `file:${join(home, "store")}` });

async function place(): Promise<string> {
  const folder = await tempFolder("log");
  onTestFinished(() => folder.remove());
  await writeFile(join(folder.path, "a.js"), "export default 1;\n");
  return folder.path;
}

async function publishLocal(home: string, name: string, version: string): Promise<void> {
  const args = ["local:publish", name, version, "demo", "-f", join(home, "a.js")];
  const ran = await citadel(home, args, { env: store(home) });
  expect(ran.code, ran.output).toBe(0);
}

/** The changes and the cursor of the next page. */
async function lines(
  home: string,
  ...args: string[]
): Promise<{ all: Line[]; next: string | null; code: number | null }> {
  const ran = await citadel(home, ["log", "--json", ...args], { env: store(home) });
  const parsed = ran.stdout.trim().split("\n").map((line) => JSON.parse(line) as Line & { end?: true; next: string | null }); // prettier-ignore
  const end = parsed.pop();
  expect(end?.end, ran.output).toBe(true);
  return { all: parsed, next: end?.next ?? null, code: ran.code };
}

/** The stored history entries: SHA-256 (base64url) of the bytes, and the bytes. */
async function entries(home: string): Promise<Map<string, { path: string; body: string }>> {
  const found = new Map<string, { path: string; body: string }>();
  const files = await readdir(join(home, "store"), { recursive: true, withFileTypes: true });
  for (const file of files.filter((one) => one.isFile())) {
    const path = join(file.parentPath, file.name);
    const text = await readFile(path, "latin1");
    const start = text.indexOf('{"v":1,"kind":');
    if (start < 0) continue;
    const body = text.slice(start);
    const hash = createHash("sha256").update(body, "latin1").digest("base64url");
    found.set(hash, { path, body });
  }
  return found;
}

test("H1: log shows every change newest first; its hashes are those of what is stored, each naming the one before", async () => {
  const home = await place();
  for (const [name, version] of [
    ["a", "1.0.0"],
    ["b", "1.0.0"],
    ["a", "1.1.0"],
    ["c", "1.0.0"],
    ["b", "2.0.0"],
  ] as const)
    // prettier-ignore
    await publishLocal(home, name, version);
  const { all, next } = await lines(home);
  expect(next).toBeNull();
  const times = all.map(({ time }) => time);
  expect(times).toEqual(times.toSorted().toReversed());
  expect(
    all.filter(({ kind }) => kind === "package").map(({ name, events }) => [name, events[0]?.text]),
  ).toEqual([
    ["@demo/b", "publish 2.0.0 as latest"],
    ["@demo/c", "publish 1.0.0 as latest"],
    ["@demo/a", "publish 1.1.0 as latest"],
    ["@demo/b", "publish 1.0.0 as latest"],
    ["@demo/a", "publish 1.0.0 as latest"],
  ]);
  const stored = await entries(home);
  expect(all.length).toBeGreaterThan(5);
  for (const { hash, prev, rev } of all) {
    expect(stored.has(hash)).toBe(true);
    if (rev === 1) expect(prev).toBeNull();
    else expect(stored.get(prev as string)).toBeDefined();
  }
});

test("H1: pages of any size are the whole log, and filters leave out the rest", async () => {
  const home = await place();
  for (const name of ["a", "b", "a.b", "c"]) await publishLocal(home, name, "1.0.0");
  for (const name of ["c", "a", "b"]) await publishLocal(home, name, "1.0.1");
  const { all } = await lines(home);
  for (const size of [2, 5]) {
    const paged: Line[] = [];
    let after: string | null = null;
    do {
      const page = await lines(home, "--limit", String(size), ...(after === null ? [] : ["--after", after])); // prettier-ignore
      expect(page.all.length).toBeLessThanOrEqual(size);
      paged.push(...page.all);
      after = page.next;
    } while (after !== null);
    expect(paged).toEqual(all);
  }
  const ofA = await lines(home, "--package", "@demo/a");
  expect(ofA.all.map(({ name, rev }) => [name, rev])).toEqual([["@demo/a", 2], ["@demo/a", 1]]); // prettier-ignore
  expect((await lines(home, "--kind", "scope", "--kind", "key")).all.map(({ kind }) => kind).toSorted()).toEqual(["key", "scope"]); // prettier-ignore
  expect((await lines(home, "--who", "nobody")).all).toEqual([]);
  const middle = all[3] as Line;
  expect((await lines(home, "--since", middle.time)).all).toEqual(all.filter(({ time }) => time >= middle.time)); // prettier-ignore
  expect((await lines(home, "--until", middle.time)).all).toEqual(all.filter(({ time }) => time <= middle.time)); // prettier-ignore
  for (const wrong of [
    ["--since", "yesterday-ish"],
    ["--after", "x"],
    ["--kind", "pakage"],
  ])
    expect((await citadel(home, ["log", ...wrong])).code).toBe(2);
});

test("H1: in a copied store, whose dates are all of today, the order is the same", async () => {
  const home = await place();
  for (const name of ["a", "b", "c", "a"].entries()) await publishLocal(home, name[1], `1.0.${name[0]}`); // prettier-ignore
  const { all } = await lines(home);
  const to = `sqlite:${join(home, "copy.db")}`;
  const copied = await citadel(home, ["store:copy", store(home).CITADEL_STORE, to, "--yes"]);
  expect(copied.code, copied.output).toBe(0);
  expect((await lines(home, "--store", to)).all).toEqual(all);
});

test("H1: a changed entry is named, exits with 6, and the rest is shown", async () => {
  const home = await place();
  await publishLocal(home, "good", "1.0.0");
  await publishLocal(home, "bad", "1.0.0");
  await publishLocal(home, "bad", "1.0.1");
  const { all } = await lines(home);
  const first = all.find(({ name, rev }) => name === "@demo/bad" && rev === 1) as Line;
  const { path } = (await entries(home)).get(first.hash) as { path: string };
  const bytes = await readFile(path, "latin1");
  await writeFile(path, bytes.replace('"name":"local"', '"name":"nobod"'), "latin1");

  const ran = await citadel(home, ["log"], { env: store(home) });
  expect(ran.code).toBe(6);
  expect(ran.stderr).toContain("package/@demo/bad");
  const after = await lines(home);
  expect(after.all).toEqual(all.filter(({ hash }) => hash !== first.hash));
  expect((await citadel(home, ["log"], { env: store(home) })).stdout).not.toContain("nobod");
});

test("H1: accounts and tokens are in it, without hashes of passwords or what unlocks anything", async () => {
  const home = await place();
  const server = await serve({ home, env: store(home) });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ada");
  await publish(server.url, token, { name: "@ada/one", version: "1.0.0" });
  const { all } = await lines(home);
  const text = JSON.stringify(all);
  expect(all.findLast(({ kind, name }) => kind === "user" && name === "ada")?.events[0]?.text).toBe("create the account"); // prettier-ignore
  expect(all.find(({ name }) => name === "@ada/one")).toMatchObject({ who: "ada", via: "npm" });
  expect((await lines(home, "--who", "ada")).all.every(({ who }) => who === "ada")).toBe(true);
  expect(text).not.toMatch(/\$argon2|\$2[aby]\$|pbkdf2|scrypt/i);
  expect(text).not.toContain(token);
});

test("H1, attack: what users wrote steers no terminal", async () => {
  const home = await place();
  const server = await serve({ home, env: store(home) });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "eve");
  await publish(server.url, token, { name: "@eve/one", version: "1.0.0" });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const got = await request(`${server.url}/@eve%2fone?write=true`, { headers });
  const packument = JSON.parse(got.text()) as { versions: Record<string, object> };
  const evil = "\u001b]0;owned\u0007\u001b[2Jgone\r\nok \u202etxt";
  packument.versions["1.0.0"] = { ...packument.versions["1.0.0"], deprecated: evil };
  const put = await request(`${server.url}/@eve%2fone`, { method: "PUT", headers, body: JSON.stringify(packument) }); // prettier-ignore
  expect(put.status, put.text()).toBeLessThan(300);
  const args = ["log", "--package", "@eve/one"];
  const piped = await citadel(home, args, { env: store(home) });
  const shown = await onTerminal(home, args, { ...store(home), NO_COLOR: "1" });
  for (const { stdout } of [piped, shown]) {
    expect(stdout).toContain("deprecate 1.0.0");
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(stdout).not.toMatch(/[\u001b\u0007\u202e\r]/);
    expect(stdout.trimEnd().split("\n").length).toBeLessThanOrEqual(3);
  }
});

test("H1: -f goes on with what other processes change, once each, until it is stopped", async () => {
  const home = await place();
  await publishLocal(home, "a", "1.0.0");
  const args = [join(root, "bin/citadel.js"), "log", "-f", "--json", "--kind", "package"];
  const child = spawn(process.execPath, args, { env: citadelEnv(home, store(home)) });
  onTestFinished(() => void child.kill("SIGKILL"));
  const heard = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { name, rev } = JSON.parse((await heard.next()).value as string) as Line;
    return `${name} ${rev}`;
  };
  expect(await next()).toBe("@demo/a 1");
  await publishLocal(home, "b", "1.0.0");
  await publishLocal(home, "a", "1.0.1");
  expect([await next(), await next()]).toEqual(["@demo/b 1", "@demo/a 2"]);
  child.kill("SIGINT");
  expect((await heard.next()).done).toBe(true);
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130);
});

test("H1: --at reads packages as they were", async () => {
  const home = await place();
  await publishLocal(home, "a", "1.0.0");
  const { all } = await lines(home, "--package", "@demo/a");
  const then = all[0]?.time as string;
  await publishLocal(home, "a", "2.0.0");
  await publishLocal(home, "b", "1.0.0");
  const at = async (time: string, ...args: string[]) => {
    const ran = await citadel(home, ["log", "--at", time, "--json", ...args], { env: store(home) });
    return { code: ran.code, json: JSON.parse(ran.stdout) as Record<string, unknown> };
  };
  const old = await at(then, "--package", "@demo/a");
  expect(old.json).toMatchObject({ name: "@demo/a", tags: { latest: "1.0.0" }, versions: [{ version: "1.0.0" }] }); // prettier-ignore
  expect((await at("0s", "--package", "@demo/a")).json).toMatchObject({
    tags: { latest: "2.0.0" },
  });
  expect((await at(then)).json).toMatchObject({ items: [{ name: "@demo/a" }] });
  expect((await at("0s", "--limit", "1")).json).toMatchObject({ items: [{ name: "@demo/a" }], next: "@demo/a" }); // prettier-ignore
  const missing = await at(then, "--package", "@demo/b");
  expect([missing.code, missing.json]).toMatchObject([4, { error: { code: "E_PACKAGE_NOT_FOUND" } }]); // prettier-ignore
});
