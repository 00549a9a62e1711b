// H12: hooks over several processes: none of them remembers what is due.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { receiver, type Receiver } from "../support/receiver.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";

let temp: Temp;
let to: Receiver;
const servers: Server[] = [];

beforeEach(async () => {
  temp = await tempFolder("hooks");
  to = await receiver();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await to[Symbol.asyncDispose]();
  await temp.remove();
});

/** A server over the one store. */
async function server(env: Readonly<Record<string, string>> = {}): Promise<Server> {
  const started = await serve({
    home: join(temp.path, "home"),
    env: { CITADEL_HOOKS_ALLOW: "127.0.0.1", ...env },
  });
  servers.push(started);
  return started;
}

async function hook(at: Server, token: string): Promise<void> {
  const answer = await request(`${at.url}/-/npm/v1/hooks/hook`, {
    method: "POST",
    token,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "package", name: "one", endpoint: to.url, secret: "s" }),
  });
  expect(answer.status, answer.text()).toBe(201);
}

const told = () => to.got.map(({ json }) => json.change.version as string);

test("H12: a server that is killed between a publish and its call loses none", async () => {
  const first = await server();
  const token = await signIn(first.url, "ann", "correct horse 1");
  await hook(first, token);
  await publish(first.url, token, { name: "one", version: "1.0.0" });
  // noted, so that nothing is under way when it dies
  await until(async () => {
    const answer = await request(`${first.url}/-/npm/v1/hooks`, { token });
    const { objects } = answer.json() as { objects: { last_delivery: unknown }[] };
    return objects[0]?.last_delivery !== null;
  });
  await first.kill();

  // SIGKILL right after the document was moved: the version is there, and nobody was told
  const dying = await server({ CITADEL_CRASH_AT: "document:1" });
  await publish(dying.url, token, { name: "one", version: "1.0.1" }).catch(() => {});
  await dying.ended;
  expect(told()).toEqual(["1.0.0"]);

  const last = await server();
  await to.count(2);
  await publish(last.url, token, { name: "one", version: "1.0.2" });
  await to.count(3);
  expect(told()).toEqual(["1.0.0", "1.0.1", "1.0.2"]);
}, 60_000);

test("H12: two servers, each with workers, call once for each event, and in order", async () => {
  const pair = [await server({ CITADEL_SERVER_WORKERS: "2" }), await server()] as const;
  const token = await signIn(pair[0].url, "ann", "correct horse 1");
  await hook(pair[0], token);
  const versions = Array.from({ length: 8 }, (_, n) => `1.0.${n}`);
  for (const [n, version] of versions.entries())
    await publish(pair[n % 2 === 0 ? 0 : 1].url, token, { name: "one", version });
  await to.count(versions.length);
  await sleep(500);
  expect(told()).toEqual(versions);
}, 60_000);
