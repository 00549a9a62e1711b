// B5, B4, B9: the switches change what a running registry does, at once. C5: what it says when it stops.
import { once } from "node:events";
import { connect } from "node:net";
import { closeCodes } from "@citadel/core/frames";
import { connectLive } from "@citadel/core/live-client";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

import { age, behind, server, short, stock } from "../upstream/behind.ts";
import { place } from "../serve/place.ts";
import { citadel, serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { dial } from "./dial.ts";

const password = "correct horse 1";
const operator = { name: "local", via: "cli" } as const;

test("B4, B5: PREMIUM_TYPES chooses how JWTs are signed, the registry's hash and PRIVATE_REGISTRY who issues them", async () => {
  await using here = await place({
    "auth.privateIssuer": "https://private.example/_auth",
    "auth.publicIssuer": "https://public.example/_auth",
  });
  const token = await here.signIn("ann");
  const live = await here.citadel.live();
  const made: string[] = [];
  const now = async () => {
    const got = await here.ask("/_auth/token", { method: "POST", token });
    made.push(got.json().token);
    const jwt = made.at(-1) ?? "";
    return [decodeProtectedHeader(jwt).alg, decodeJwt(jwt).iss];
  };
  expect(await now()).toEqual(["RS256", "http://localhost:4873/_auth"]);
  await live.toggleFeature("PREMIUM_TYPES", true);
  expect(await now()).toEqual(["EdDSA", "http://localhost:4873/_auth"]);
  await live.setRegistry("https://elsewhere.example/");
  expect(await now()).toEqual(["EdDSA", "https://private.example/_auth"]);
  await live.toggleFeature("PRIVATE_REGISTRY", false);
  expect(await now()).toEqual(["EdDSA", "https://public.example/_auth"]);
  await live.toggleFeature("PREMIUM_TYPES", false);
  // what was issued before is good, whatever the switches say
  for (const jwt of made) expect((await here.ask("/-/whoami", { token: jwt })).status).toBe(200);
  const { keys } = (await here.ask("/_auth/.well-known/jwks.json")).json();
  expect(keys.map(({ alg }: { alg: string }) => alg)).toEqual(["RS256", "EdDSA"]);
});

test("B5, B9: PROXY_MODE off asks nobody else; CACHE_ENABLED off asks whether what is kept is still true", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const live = await here.citadel.live();
  const get = async (path: string) => (await here.ask(path, { headers: { accept: short } })).status;
  expect([await get("/one"), await get("/one/1.0.0")]).toEqual([200, 200]);
  await live.toggleFeature("PROXY_MODE", false);
  there.forget();
  expect([await get("/one"), await get("/one/1.0.0"), await get("/one/-/one-1.0.0.tgz")]).toEqual([
    404, 404, 404,
  ]);
  expect(there.requests).toHaveLength(0);
  await live.toggleFeature("PROXY_MODE", true);
  expect(await get("/one")).toBe(200);
  there.forget();
  const later = () => age(60_000, async () => expect(await get("/one")).toBe(200));
  await later();
  expect(there.requests).toHaveLength(0);
  await live.toggleFeature("CACHE_ENABLED", false);
  await later();
  expect(there.requests).toHaveLength(1);
});

test("B5: over HTTP for administrators only, with compare-and-set", async () => {
  await using here = await place();
  const path = "/_dashboard/api/config";
  const user = await here.signIn("ann");
  await here.citadel.accounts.create({ name: "root", password, admin: true }, operator);
  const { token } = await here.citadel.accounts.issue("root", {}, operator);
  expect((await here.ask(path)).status).toBe(401);
  expect((await here.ask(path, { token: user })).status).toBe(403);
  expect((await here.ask(path, { token })).json()).toMatchObject({
    ...{ hex: "0165e89b06000000e201185000", generation: 0, rows: 24 },
  });
  const post = (body: object, by = token) => here.ask(path, { method: "POST", token: by, body });
  expect((await post({ feature: "DEBUG" }, user)).status).toBe(403);
  const changed = await post({ offset: 10, value: 30, expect: 24 });
  expect(changed.json()).toMatchObject({ rows: 30, change: { old: [24], new: [30] } });
  expect((await post({ offset: 10, value: 31, expect: 24 })).status).toBe(409);
  expect((await post({ feature: "METRICS", on: false })).json().features.METRICS).toBe(false);
  expect((await post({ registry: "https://npm.example/" })).status).toBe(200);
  for (const bad of [{}, { offset: 13, value: 1 }, { offset: 10, value: 0 }, { feature: "SHELL" }])
    expect((await post(bad)).status, JSON.stringify(bad)).toBe(400);
});

let temp: Temp;
let running: Server;
beforeAll(async () => {
  temp = await tempFolder("switches");
  running = await serve({ home: temp.path });
}, 30_000);
afterAll(async () => {
  await running?.stop();
  await temp?.remove();
});

test("B5: DEBUG and LOGGING of a running server, turned by another process", async () => {
  const token = await signIn(running.url, "ann");
  const turn = async (...args: string[]) =>
    expect((await citadel(temp.path, args)).code, args.join(" ")).toBe(0);
  const logged = (n: number) => running.log().includes(`"path":"/-/whoami/${n}"`);
  const ask = (n: number) => request(`${running.url}/-/whoami/${n}`, { token });
  await ask(1);
  await turn("config:enable", "DEBUG");
  await until(async () => {
    await ask(2);
    return logged(2);
  });
  expect(logged(1)).toBe(false);
  await turn("config:disable", "LOGGING");
  let last = 2;
  await until(async () => {
    last++;
    await ask(last);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return !logged(last);
  });
  expect(logged(last)).toBe(false);
}, 30_000);

test("C5: a server that gets SIGTERM says so to those who listen and to who comes still, and clients return to the next one", async () => {
  const { url } = running;
  const token = await signIn(url, "ann");
  const late = await lateComer(new URL(url), token);
  const socket = await dial(url, { token });
  const states: string[] = [];
  const client = connectLive({
    ...{ url: `${url}/_dashboard/ws`, token, onNews() {} },
    onState: (state, code) => states.push(code === undefined ? state : `${state} ${code}`),
  });
  await until(async () => client.state() === "open");
  running.child.kill("SIGTERM");
  const reason = "the server stops";
  expect(await socket.closed).toEqual({ code: closeCodes.restart, reason });
  expect(await late.finish()).toEqual({ code: closeCodes.draining, reason });
  await running.ended;
  expect(running.child.exitCode).toBe(0);
  await until(async () => states.includes(`waiting ${closeCodes.restart}`));
  running = await serve({ home: temp.path, port: Number(new URL(url).port) });
  await until(async () => client.state() === "open");
  client.close();
}, 30_000);

/** A connection that is in the middle of asking for a socket, which the server has seen. */
async function lateComer({ hostname, port, host }: URL, token: string) {
  const line = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  line.on("data", (chunk: Buffer) => chunks.push(chunk));
  const said = (): string => Buffer.concat(chunks).toString("latin1");
  const head = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  line.write(
    `${head("/-/ping")}\r\n${head("/_dashboard/ws")}authorization: Bearer ${token}\r\n` +
      "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
  );
  await until(async () => said().includes("200 OK"));
  return {
    /** Ends the request, and tells how the socket is closed. */
    async finish() {
      line.write(`sec-websocket-key: ${"A".repeat(22)}==\r\nsec-websocket-protocol: citadel.json.v1\r\n\r\n`); // prettier-ignore
      await once(line, "close");
      const bytes = Buffer.concat(chunks);
      const closing = bytes.subarray(bytes.lastIndexOf(0x88));
      return { code: closing.readUInt16BE(2), reason: closing.subarray(4).toString() };
    },
  };
}
