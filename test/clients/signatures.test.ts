// H2: the registry's signatures as the clients check them, without the internet.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { clientTools, type ClientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { startTufMirror, type TufMirror } from "../servers/tuf.ts";
import { seat } from "./client.ts";

let temp: Temp;
let tools: ClientTools;
let server: Server;
let mirror: TufMirror;
let token: string;

beforeAll(async () => {
  tools = await clientTools();
  temp = await tempFolder("audit-signatures");
  mirror = await startTufMirror();
  server = await serve({ home: join(temp.path, "registry") });
  token = await signIn(server.url, "ann");
  await publish(server.url, token, { name: "signed-leaf", version: "1.0.0" });
  await publish(server.url, token, {
    name: "@ann/signed-top",
    version: "1.2.0",
    dependencies: { "signed-leaf": "1.0.0" },
  });
}, 400_000);
afterAll(async () => {
  await server?.stop();
  await mirror?.[Symbol.asyncDispose]();
  await temp?.remove();
});

/** The registry, but for one character of every signature. */
async function forging(url: string) {
  const front = createServer((incoming, response) => {
    const headers = { accept: incoming.headers.accept ?? "*/*" };
    void request(url + incoming.url, { headers }).then((answer) => {
      const type = String(answer.headers["content-type"]);
      const body = type.includes("json")
        ? answer
            .text()
            .replaceAll(url, address())
            .replace(/"sig":"(.{20})(.)/g, (_, kept: string, one: string) => {
              return `"sig":"${kept}${one === "A" ? "B" : "A"}`;
            })
        : answer.body;
      response.writeHead(answer.status, { "content-type": type }).end(body);
    });
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  const address = () => `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  return {
    url: address(),
    async [Symbol.asyncDispose]() {
      front.closeAllConnections();
      await new Promise((done) => front.close(done));
    },
  };
}

describe.each(["npm10", "npm11", "npm12"] as const)("H2 %s audit signatures", (id) => {
  async function project(name: string, url: string) {
    const npm = await seat(
      tools,
      id,
      { folder: join(temp.path, name), url },
      { name: "ann", password: "" },
      mirror.env,
    );
    await npm.client.configure();
    await mirror.trust(join(npm.home, ".npm"));
    const folder = join(npm.home, "project");
    const added = await npm.client.add(folder, ["@ann/signed-top"]);
    expect(added.code, added.output).toBe(0);
    return npm.run(["audit", "signatures"], { cwd: folder });
  }

  test("verifies packages published here", async () => {
    const ran = await project("good", server.url);
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toContain("2 packages have verified registry signatures");
    // it did look for the keys where it looks first
    expect(mirror.asked).toContain("timestamp.json");
  }, 120_000);

  test("finds a signature that is wrong", async () => {
    await using forger = await forging(server.url);
    const ran = await project("forged", forger.url);
    expect(ran.code, ran.output).toBe(1);
    expect(ran.output).toContain("2 packages have invalid registry signatures");
  }, 120_000);
});

describe("H2 pnpm audit signatures", () => {
  async function project(name: string, url: string) {
    const where = { folder: join(temp.path, name), url };
    const pnpm = await seat(tools, "pnpm", where, { name: "ann", password: "" });
    await pnpm.client.configure();
    const folder = join(pnpm.home, "project");
    const added = await pnpm.client.add(folder, ["@ann/signed-top"]);
    expect(added.code, added.output).toBe(0);
    return pnpm.run(["audit", "signatures"], { cwd: folder });
  }

  test("verifies packages published here", async () => {
    const ran = await project("good", server.url);
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toMatch(/2 packages have verified registry signatures/);
  }, 120_000);

  test("finds a signature that is wrong", async () => {
    await using forger = await forging(server.url);
    const ran = await project("forged", forger.url);
    expect(ran.code, ran.output).not.toBe(0);
    expect(ran.output).toMatch(/invalid registry signatures/);
  }, 120_000);
});
