// C5: what happens to packages and to security reaches the sockets of those who may know, whichever process did it.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ServerMessage, Topic } from "@citadel/core/frames";

import { citadel, serve } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { binary, dial, livePlace, type Dialled, type LivePlace } from "./dial.ts";
import { soak } from "./soak.ts";

let here: LivePlace;
beforeAll(async () => {
  here = await livePlace();
});
afterAll(() => here[Symbol.asyncDispose]());

async function listening(token: string, topics: readonly Topic[]): Promise<Dialled> {
  const socket = await dial(here.url, { token });
  socket.send({ type: "subscribe", seq: 1, topics });
  expect(await socket.answer(1)).toMatchObject({ topics });
  return socket;
}
const told = (topic: Topic, of: (body: any) => boolean) => (message: ServerMessage) =>
  message.type === "broadcast" && message.topic === topic && of(message.body);

test("C5: writers hear of packages that they may know, and of no other", async () => {
  const [ann, eve] = [await here.account("ann"), await here.account("eve")];
  const [owner, stranger] = await Promise.all(
    [ann, eve].map((token) => listening(token, ["package"])),
  );
  if (!owner || !stranger) throw new Error("unreachable");
  await here.publish(ann, { name: "open", version: "1.0.0" });
  const publish = told("package", ({ name, event }) => name === "open" && event === "publish");
  for (const socket of [owner, stranger])
    expect(await socket.next(publish)).toMatchObject({
      body: { name: "open", event: "publish", who: "ann", text: "publish 1.0.0 as latest" },
    });
  await here.publish(ann, { name: "@ann/secret", version: "1.0.0" });
  await here.citadel.registry.setVisibility("@ann/secret", "restricted", {
    ...{ principal: { kind: "user", name: "ann", admin: false }, via: "npm" },
  });
  await here.publish(ann, { name: "@ann/secret", version: "1.0.1" });
  const later = told("package", ({ text }) => text.startsWith("publish 1.0.1"));
  expect(await owner.next(later)).toMatchObject({ body: { name: "@ann/secret" } });
  await here.publish(ann, { name: "open", version: "1.0.1" });
  await stranger.next(later);
  const names = stranger.heard.flatMap((message) =>
    message.type === "broadcast" && message.topic === "package" ? message.body.name : [],
  );
  expect(names.filter((name) => name !== "open" && name !== "@ann/secret")).toEqual([]);
  expect(names.at(-1)).toBe("open");
  const versions = stranger.heard.flatMap((message) =>
    message.type === "broadcast" && message.topic === "package" && message.body.name !== "open"
      ? message.body.text
      : [],
  );
  expect(versions).not.toContainEqual(expect.stringContaining("1.0.1"));
  await Promise.all([owner.close(), stranger.close()]);
});

test("C5, H12: everybody hears of backups, full storage and the end of a server; of nothing else in the notices", async () => {
  await using own = await livePlace();
  const reader = await dial(own.url, { token: await own.account("ann") });
  const { notices } = own.citadel;
  // what it looks at first is no news
  await until(async () => {
    await (await own.citadel.backups()).finished({ ok: true, place: "/secret/place" });
    return reader.heard.some(told("notice", () => true));
  });
  await notices.note("key.created", { id: "1", name: "ci" });
  await notices.note("storage.quota", { state: "nearly", used: 93, limit: 100 });
  await reader.next(
    told("notice", ({ text }) => text === "93 % of the storage for packages is used"),
  );
  await own.app.closeSockets();
  expect((await reader.closed).code).toBe(1012);
  const texts = reader.heard.flatMap((message) =>
    message.type === "broadcast" && message.topic === "notice" ? message.body.text : [],
  );
  expect([...new Set(texts)]).toEqual([
    "a backup is done",
    "93 % of the storage for packages is used",
    "the server stops, or starts anew",
  ]);
});

test("C5: administrators hear of accounts and tokens, others do not", async () => {
  const admin = await listening(here.root, ["security"]);
  // what it looks at first is no news
  let probes = 0;
  await until(async () => {
    await here.account(`probe${probes++}`);
    return admin.heard.some(told("security", () => true));
  });
  await here.account("newcomer");
  expect(await admin.next(told("security", ({ name }) => name === "newcomer"))).toMatchObject({
    body: { event: "user.create", who: "local", text: "create the account" },
  });
  expect(JSON.stringify(admin.heard)).not.toMatch(/\$argon2|correct horse|npm_/);
  await admin.close();
});

test("C5: many sockets hear everything, and the server's memory stays", async () => {
  const { sockets, missed, closed } = await soak({ sockets: 60, seconds: 3, warm: 1 });
  expect({ sockets, missed, closed }).toEqual({ sockets: 60, missed: 0, closed: 0 });
});

test("C5, B5: a change by one worker, by the command line or past it reaches every socket of every worker, with the same number", async () => {
  const temp = await tempFolder("live-workers");
  const made = await citadel(temp.path, ["token:create", "--admin", "--json"]);
  const { token } = JSON.parse(made.stdout) as { token: string };
  const server = await serve({ home: temp.path, args: ["--workers", "2"] });
  try {
    const sockets = await Promise.all(Array.from({ length: 6 }, () => dial(server.url, { token })));
    const [one] = sockets;
    if (!one) throw new Error("unreachable");
    const rows = (value: number) => (message: ServerMessage) =>
      message.type === "config_byte" && message.new === value;
    for (let value = 25; value < 30; value++)
      one.send({ type: "config_byte", seq: value, force: true, offset: 10, expect: 0, value });
    await Promise.all(sockets.map((socket) => socket.next(rows(29))));
    const set = await citadel(temp.path, ["config:set", "rows", "40", "--expect", "29"]);
    expect(set.code).toBe(0);
    await Promise.all(sockets.map((socket) => socket.next(rows(40))));
    const heard = sockets.map((socket) =>
      socket.heard.flatMap((message) =>
        message.type === "config_byte" ? [[message.new, message.generation]] : [],
      ),
    );
    expect(heard[0]).toEqual([25, 26, 27, 28, 29, 40].map((value, n) => [value, n + 1]));
    for (const other of heard) expect(other).toEqual(heard[0]);
    // a worker that dies takes its sockets with it, and no others
    await Promise.all(sockets.map((socket) => socket.close()));
  } finally {
    await server.stop();
    await temp.remove();
  }
});

test("C5: the same on Bun: who may open a socket, writes, limits, stop", async () => {
  const { bun } = await clientTools();
  const temp = await tempFolder("live-bun");
  const made = await citadel(temp.path, ["token:create", "--admin", "--json"]);
  const { token } = JSON.parse(made.stdout) as { token: string };
  const server = await serve({
    ...{ home: temp.path, runtime: bun[0] ?? "bun" },
    env: { CITADEL_FEATURE_BINARY_PROTOCOL: "1" },
  });
  try {
    await expect(dial(server.url)).rejects.toThrow("refused");
    await expect(
      dial(server.url, { token, headers: { origin: "http://evil.example" } }),
    ).rejects.toThrow("refused");
    const [a, b] = await Promise.all([
      dial(server.url, { token, protocols: binary }),
      dial(server.url, { token }),
    ]);
    expect([a.socket.protocol, b.socket.protocol]).toEqual(["citadel.bin.v1", "citadel.json.v1"]);
    const write = { type: "config_byte", force: false, offset: 10, expect: 24 } as const;
    a.send({ ...write, seq: 1, value: 30 });
    expect(await a.answer(1)).toMatchObject({ new: 30, generation: 1 });
    expect(await b.next(({ type }) => type === "config_byte")).toMatchObject({ new: 30, seq: 3 });
    b.send({ ...write, seq: 2, value: 31 });
    expect(await b.answer(2)).toMatchObject({ type: "error", code: 6, detail: 30 });
    const big = await dial(server.url, { token });
    big.socket.send("x".repeat(4097));
    expect([1006, 1009]).toContain((await big.closed).code);
    const bad = await dial(server.url, { token });
    bad.socket.send("{");
    expect((await bad.closed).code).toBe(4400);
    await server.stop();
    expect((await a.closed).code).toBe(1012);
  } finally {
    await server.stop();
    await temp.remove();
  }
});
