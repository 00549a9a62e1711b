// H1: any state as of a date, as the address of a registry.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { behind, server as liar, stock } from "../upstream/behind.ts";
import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { packument, publish, signIn } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { place } from "./place.ts";

let temp: Temp;
let server: Server;
beforeAll(async () => {
  temp = await tempFolder("as-of");
  server = await serve({ home: temp.path });
}, 30_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

test("H1: npm makes the install of an earlier day again", async () => {
  const token = await signIn(server.url, "ann");
  await publish(server.url, token, { name: "dep", version: "1.0.0" });
  await publish(server.url, token, {
    name: "@ann/app",
    version: "1.0.0",
    dependencies: { dep: "*" },
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const then = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await publish(server.url, token, { name: "dep", version: "2.0.0" });
  await publish(server.url, token, {
    name: "@ann/app",
    version: "1.1.0",
    dependencies: { dep: "*" },
  });
  expect((await packument(server.url, "dep"))?.["dist-tags"]["latest"]).toBe("2.0.0");

  const project = join(temp.path, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), '{"name":"x","version":"1.0.0"}');
  const registry = `${server.url}/-/as-of/${then}/`;
  const flags = [`--registry=${registry}`, `--cache=${join(temp.path, "npm")}`];
  await mustRun("npm", ["install", "@ann/app", ...flags], { cwd: project });
  const lock = JSON.parse(await readFile(join(project, "package-lock.json"), "utf8"));
  expect(lock.packages["node_modules/dep"].version).toBe("1.0.0");
  expect(lock.packages["node_modules/@ann/app"].version).toBe("1.0.0");
  const refused = await run("npm", ["install", "dep@2", ...flags], { cwd: project });
  expect(refused.output).toContain("ETARGET");
  // what is known to be bad by now is said of old versions too
  await mustRun("npm", ["audit", ...flags], { cwd: project });
  expect((await request(`${registry}-/npm/v1/keys`)).status).toBe(200);
}, 60_000);

test("H1: what was not there then is not there, tarballs too; dates that are none are refused", async () => {
  const at = (date: string, path: string) => request(`${server.url}/-/as-of/${date}/${path}`);
  expect((await at("2020-01-01", "dep")).status).toBe(404);
  expect((await at("2020-01-01", "dep/-/dep-1.0.0.tgz")).status).toBe(404);
  const today = new Date().toISOString().slice(0, 10);
  expect((await at(today, "dep")).json()).toMatchObject({ "dist-tags": { latest: "2.0.0" } });
  expect((await at(today, "@ann/app/-/app-1.0.0.tgz")).status).toBe(200);
  expect((await at(today, "@ann%2fapp/-/app-1.0.0.tgz")).status).toBe(200);
  for (const bad of [
    "yesterday",
    "2020",
    "2020-13-01",
    "2020-02-30",
    "2020-02-30T12:00:00Z",
    "1577836800000",
    "2020-01-01T00:00:00+01:00",
  ])
    expect((await at(encodeURIComponent(bad), "dep")).status, bad).toBe(400);
});

test("H1, attack 46: what somebody may not read now was never there for them", async () => {
  await using here = await place();
  const ann = await here.signIn("ann");
  const eve = await here.signIn("eve");
  await here.publish(ann, { name: "@ann/hidden", version: "1.0.0" });
  await here.citadel.registry.setVisibility("@ann/hidden", "restricted", {
    ...{ principal: { kind: "local", name: "local", admin: true }, via: "cli" },
  });
  const today = new Date().toISOString().slice(0, 10);
  const path = `/-/as-of/${today}/@ann/hidden`;
  expect((await here.ask(path, { token: ann })).status).toBe(200);
  for (const token of [eve, undefined])
    for (const each of [path, `${path}/-/hidden-1.0.0.tgz`])
      expect((await here.ask(each, { token })).status, each).toBe(404);
});

test("H1, B9: of other registries' packages later versions are left out, and latest is what it was", async () => {
  const there = await liar();
  const dates = ["2020-01-02", "2021-01-02", "2022-01-02", "2023-01-02"] as const;
  const versions = ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0"] as const;
  stock(there, "one", {
    versions: Object.fromEntries(versions.map((version) => [version, {}])),
    tags: { latest: "2.0.0", next: "2.0.0-rc.1" },
    time: Object.fromEntries(versions.map((version, n) => [version, `${dates[n]}T00:00:00.000Z`])),
  });
  const here = await behind(there);
  const at = async (date: string) => (await here.ask(`/-/as-of/${date}/one`)).json();
  const past = await at("2022-06-01");
  expect(Object.keys(past.versions)).toEqual(["1.0.0", "1.1.0", "2.0.0-rc.1"]);
  expect(past["dist-tags"]).toEqual({ next: "2.0.0-rc.1", latest: "1.1.0" });
  expect(past.versions["1.1.0"].dist.tarball).toBe(
    "http://localhost:4873/-/as-of/2022-06-01/one/-/one-1.1.0.tgz",
  );
  expect((await at("2023-06-01"))["dist-tags"].latest).toBe("2.0.0");
  expect((await here.ask("/-/as-of/2019-01-01/one")).status).toBe(404);
  expect((await here.ask("/-/as-of/2022-06-01/one/-/one-1.1.0.tgz")).status).toBe(200);
});
