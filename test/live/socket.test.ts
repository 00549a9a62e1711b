// C5: the live protocol on real sockets: who may open one, what is said, and when it ends.
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { closeCodes, liveErrors } from "@citadel/core/frames";
import { createApp } from "@citadel/plugin-serve";

import { asked } from "../serve/place.ts";
import { request } from "../support/http.ts";
import { authenticator } from "../support/totp.ts";
import { until } from "../support/until.ts";
import { binary, dial, livePlace, operator, text, type LivePlace } from "./dial.ts";

let here: LivePlace;
let reader: string;
beforeAll(async () => {
  here = await livePlace({ "live.connectionsPerSession": 4 });
  await (await here.citadel.live()).toggleFeature("BINARY_PROTOCOL", true);
  reader = await here.account("ann");
});
afterAll(() => here[Symbol.asyncDispose]());

const upgrade = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  "sec-websocket-protocol": "citadel.json.v1",
};
const refusal = async (headers: Readonly<Record<string, string>>, path = "/_dashboard/ws") => {
  const { status, headers: answered } = await request(`${here.url}${path}`, {
    headers: { ...upgrade, ...headers },
  });
  return [status, answered["content-type"]];
};

test("C5: who may not open a socket is told so as everywhere, before it is one", async () => {
  const json = "application/json";
  const authorization = `Bearer ${here.root}`;
  expect(await refusal({})).toEqual([401, json]);
  expect(await refusal({ authorization: "Bearer npm_wrong" })).toEqual([401, json]);
  expect(await refusal({ authorization, host: "evil.example" })).toEqual([421, json]);
  expect(await refusal({ authorization, origin: "http://evil.example" })).toEqual([403, json]);
  expect(await refusal({ authorization, "sec-fetch-site": "cross-site" })).toEqual([403, json]);
  expect(await refusal({ authorization: `Bearer ${reader}` }, "/_dashboard/terminal")).toEqual([403, json]); // prettier-ignore
  for (const offered of ["", "soap", "citadel.bin.v2"])
    expect(await refusal({ authorization, "sec-websocket-protocol": offered })).toEqual([426, json]); // prettier-ignore
  expect(await refusal({ authorization }, "/_dashboard/elsewhere")).toEqual([404, json]);
  expect(await refusal({ authorization }, "/_dashboard/%2e%2e/ws")).toEqual([400, json]);
  expect((await request(`${here.url}/_dashboard/ws`)).status).toBe(426);
});

test("C5: an offer to speak something else is left alone, as by Java's clients", async () => {
  const headers = { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "" };
  const { status, text: body } = await request(`${here.url}/-/ping`, { headers });
  expect([status, body()]).toEqual([200, "{}"]);
});

test("C5: hello and the configuration come first; what is said has numbers without a gap", async () => {
  for (const protocols of [text, binary]) {
    const socket = await dial(here.url, { token: reader, protocols });
    socket.send({ type: "heartbeat", seq: 1, time: 1_700_000_000_000, generation: 0 });
    const beat = await socket.answer(1);
    const [hello, config] = socket.heard;
    expect(hello).toMatchObject({
      ...{ type: "broadcast", topic: "hello", seq: 1 },
      body: { protocol: protocols[0], rights: ["read", "write"], limits: { payload: 4096 } },
    });
    expect(config).toMatchObject({ type: "broadcast", topic: "config", seq: 2 });
    const { body } = config as { body: { bytes: string; generation: number } };
    expect(body.bytes).toMatch(/^01[\da-f]{24}$/);
    expect(beat).toEqual({
      ...{ type: "heartbeat", seq: 1, reply: true },
      ...{ time: 1_700_000_000_000, generation: body.generation },
    });
    await socket.close();
  }
});

test("C5: of two writers that compare and set exactly one wins, and everybody hears of it once", async () => {
  const token = here.root;
  const [a, b, c] = await Promise.all([
    dial(here.url, { token, protocols: text }),
    dial(here.url, { token, protocols: binary }),
    dial(here.url, { token: reader, protocols: text }),
  ]);
  const won: number[] = [];
  for (let value = 25; value < 45; value++) {
    const write = { type: "config_byte", seq: value, force: false, offset: 10, expect: value - 1 } as const; // prettier-ignore
    a.send({ ...write, value });
    b.send({ ...write, value });
    const answers = await Promise.all([a.answer(value), b.answer(value)]);
    expect(answers.map(({ type }) => type).toSorted()).toEqual(["config_byte", "error"]);
    won.push(answers.findIndex(({ type }) => type === "config_byte"));
    expect(answers.find(({ type }) => type === "error")).toMatchObject({
      ...{ code: liveErrors.conflict, of: 1, detail: value, text: `byte 0x0a is ${value}.` },
    });
    expect(await c.next(({ type }) => type === "config_byte")).toMatchObject({
      ...{ reply: false, offset: 10, old: value - 1, new: value },
    });
  }
  // everybody hears the same generations, each once: as the answer or as news
  const generations = [a, b, c].map(({ heard }) =>
    heard.flatMap((message) => (message.type === "config_byte" ? message.generation : [])),
  );
  expect(generations[2]).toHaveLength(20);
  expect(generations[0]).toEqual(generations[2]);
  expect(generations[1]).toEqual(generations[2]);
  await Promise.all([a, b, c].map((socket) => socket.close()));
});

test("C5: who may not change bytes or run commands is told so, and hears only what is theirs", async () => {
  const socket = await dial(here.url, { token: reader });
  const write = { type: "config_byte", force: false, offset: 11, expect: 80, value: 81 } as const;
  socket.send({ ...write, seq: 1 });
  socket.send({ type: "feature", seq: 2, bit: 2, op: "flip" });
  socket.send({ type: "command", seq: 3, line: "status" });
  for (const [seq, of] of [
    [1, 1],
    [2, 2],
    [3, 6],
  ] as const)
    // prettier-ignore
    expect(await socket.answer(seq)).toMatchObject({ type: "error", of, code: liveErrors.forbidden });
  socket.send({ type: "subscribe", seq: 4, topics: ["config", "package", "security", "terminal"] });
  expect(await socket.answer(4)).toMatchObject({ topics: ["config", "package"] });
  await socket.close();
});

test("C5, C1: whose every write needs a one-time code changes nothing here without one", async () => {
  const token = await here.account("careful", true);
  const { accounts } = here.citadel;
  const app = authenticator(
    await accounts.beginFactor("careful", "auth-and-writes", "x", operator),
  );
  await accounts.confirmFactor("careful", app.code(), operator);
  const { status, json } = await request(`${here.url}/_dashboard/api/ws-ticket`, {
    ...{ method: "POST", token },
  });
  expect(status).toBe(201);
  const { ticket } = json() as { ticket: string };
  const socket = await dial(here.url, { protocols: [...text, `citadel.ticket.${ticket}`] });
  const before = (await here.citadel.live()).bytes().toString("hex");
  socket.send({ type: "feature", seq: 1, bit: 2, op: "flip" });
  expect(await socket.answer(1)).toMatchObject({ type: "error", code: liveErrors.forbidden });
  for (const [n, line] of ["set rows 77", "enable DEBUG", "disable METRICS"].entries()) {
    socket.send({ type: "command", seq: n + 2, line });
    expect(await socket.answer(n + 2)).toMatchObject({ type: "command", exit: 8 });
  }
  expect((await here.citadel.live()).bytes().toString("hex")).toBe(before);
  await socket.close();
});

test("C5: what may not stand in the thirteen bytes is refused with a code of its own", async () => {
  for (const protocols of [text, binary]) {
    const socket = await dial(here.url, { token: here.root, protocols });
    const other = await dial(here.url, { token: reader, protocols });
    const before = (await here.citadel.live()).bytes();
    const refused = async (offset: number, value: number, code: number) => {
      const seq = offset * 256 + value + 1;
      const expect_ = before[offset] ?? 0;
      socket.send({ type: "config_byte", seq, force: false, offset, expect: expect_, value });
      expect(await socket.answer(seq)).toMatchObject({ type: "error", of: 1, code });
    };
    await refused(9, 3, liveErrors.badValue);
    await refused(10, 0, liveErrors.badValue);
    await refused(12, 1, liveErrors.readOnly);
    await refused(1, 1, liveErrors.readOnly);
    const value = ((before[2] ?? 0) + 1) % 256;
    socket.send({ type: "config_byte", seq: 9000, force: true, offset: 2, expect: 0, value });
    expect(await socket.answer(9000)).toMatchObject({ offset: 2, old: before[2], new: value });
    // the four bytes belong together: others get them whole
    const news = await other.next(
      (message) =>
        message.type === "broadcast" &&
        message.topic === "config" &&
        message.body.bytes.slice(4, 6) === value.toString(16).padStart(2, "0"),
    );
    expect(news).toMatchObject({ reply: false });
    // what stands there already is answered, and is no news
    socket.send({ type: "feature", seq: 9001, bit: 7, op: "set" });
    expect(await socket.answer(9001)).toMatchObject({ type: "feature", bit: 7, state: true });
    socket.send({ type: "feature", seq: 9002, bit: 20, op: "flip" });
    expect(await socket.answer(9002)).toMatchObject({ type: "feature", bit: 20 });
    const heard = await other.next(({ type }) => type === "feature");
    expect(heard).toMatchObject({ reply: false, bit: 20 });
    await Promise.all([socket.close(), other.close()]);
  }
});

test("C5: bytes and text say the same, message for message", async () => {
  const script = [
    { type: "heartbeat", seq: 1, time: 5, generation: 0 },
    { type: "subscribe", seq: 2, topics: ["hello", "config", "alert", "notice"] },
    { type: "feature", seq: 3, bit: 21, op: "set" },
    { type: "feature", seq: 4, bit: 21, op: "clear" },
    { type: "config_byte", seq: 5, force: false, offset: 10, expect: 0, value: 1 },
    { type: "config_byte", seq: 6, force: false, offset: 12, expect: 0, value: 1 },
    { type: "command", seq: 7, line: "help set" },
    { type: "command", seq: 8, line: "dance" },
  ] as const;
  const said: unknown[] = [];
  for (const protocols of [text, binary]) {
    const socket = await dial(here.url, { token: here.root, protocols });
    for (const message of script) {
      socket.send(message);
      await socket.answer(message.seq);
    }
    said.push(
      socket.heard.map((message) => ({
        ...message,
        ...("generation" in message && { generation: 0 }),
        ...("body" in message && "generation" in message.body && { body: "the bytes" }),
        ...("body" in message && "protocol" in message.body && { body: "hello" }),
      })),
    );
    await socket.close();
  }
  expect(said[0]).toEqual(said[1]);
  expect(said[0]).toContainEqual(
    expect.objectContaining({ type: "command", seq: 8, reply: true, exit: 2 }),
  );
});

test("C5: what is no frame closes or not, as the page says", async () => {
  const raw = async (
    protocols: readonly string[],
    data: string | Uint8Array<ArrayBuffer>,
  ): Promise<[number, number | undefined]> => {
    const socket = await dial(here.url, { token: reader, protocols });
    socket.socket.send(data);
    const { code } = await socket.closed;
    const error = socket.heard.find(({ type }) => type === "error");
    return [code, error?.type === "error" ? error.code : undefined];
  };
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  expect(await raw(binary, "{}")).toEqual([closeCodes.textOnBinary, undefined]);
  expect(await raw(text, bytes("00"))).toEqual([closeCodes.textOnBinary, undefined]);
  expect(await raw(text, "{")).toEqual([closeCodes.badFrame, liveErrors.malformed]);
  expect(await raw(binary, bytes("0300"))).toEqual([closeCodes.badFrame, liveErrors.malformed]);
  expect(await raw(text, "x".repeat(4097))).toEqual([closeCodes.tooBig, undefined]);
  expect(await raw(binary, new Uint8Array(4097))).toEqual([closeCodes.tooBig, undefined]);

  const socket = await dial(here.url, { token: reader, protocols: binary });
  socket.socket.send(bytes("7f00000000000009" + "0300000c000000010000018bcfe5680000000000"));
  expect(await socket.answer(9)).toMatchObject({ type: "error", code: 2, of: 0x7f });
  expect(await socket.answer(1)).toMatchObject({ type: "heartbeat" });
  await socket.close();
});

test("C5, C2: who says too much is slowed down, then closed", async () => {
  const socket = await dial(here.url, { token: reader });
  for (let seq = 1; seq <= 100; seq++)
    socket.send({ type: "heartbeat", seq, time: 0, generation: 0 });
  expect((await socket.closed).code).toBe(closeCodes.tooMany);
  const answers = socket.heard.filter(({ seq, type }) => type !== "broadcast" && seq > 0);
  expect(answers.filter(({ type }) => type === "heartbeat").length).toBeGreaterThanOrEqual(40);
  expect(answers.find(({ type }) => type === "error")).toMatchObject({
    ...{ code: liveErrors.rateLimited, of: 3 },
    detail: expect.any(Number),
  });
});

test("C5, C2: messages count as requests, by token or by address", async () => {
  await using place = await livePlace({ "security.rateLimitKeyMax": 10 });
  const { citadel } = place;
  const app = createApp({ citadel, limits: await citadel.limits() });
  const from = {
    ...asked("/_dashboard/ws", { ...upgrade, authorization: `Bearer ${place.root}` }),
    peer: "203.0.113.5",
  };
  // whose token it is is known from the second request on
  await app.upgrade(from);
  await until(async () => citadel.accounts.principal("root").then(Boolean));
  const decided = await app.upgrade(from);
  if ("status" in decided) throw new Error(`refused: ${decided.status}`);
  const heard: any[] = [];
  const connection = decided.open({
    send: (data) => heard.push(JSON.parse(String(data))),
    ...{ buffered: () => 0, ping() {}, close() {}, cut() {} },
  });
  for (let seq = 1; seq <= 20; seq++)
    connection.receive(JSON.stringify({ type: "subscribe", seq, topics: ["config"] }));
  connection.receive(JSON.stringify({ type: "heartbeat", seq: 21, time: 0, generation: 0 }));
  connection.ended();
  await app.closeSockets();
  const answers = heard.filter(({ reply }) => reply);
  expect(answers).toHaveLength(21);
  expect(answers[0]).toMatchObject({ type: "subscribe" });
  expect(answers.at(-1)).toMatchObject({ type: "heartbeat", seq: 21 });
  const refused = answers.filter(({ type }) => type === "error");
  expect(refused.length).toBeGreaterThanOrEqual(10);
  expect(refused[0]).toMatchObject({ code: liveErrors.rateLimited, of: 7, detail: 255 });
});

test("C5: a session has so many sockets and no more", async () => {
  const token = await here.account("many");
  const sockets = await Promise.all(Array.from({ length: 4 }, () => dial(here.url, { token })));
  await expect(dial(here.url, { token })).rejects.toThrow("refused");
  expect(await refusal({ authorization: `Bearer ${token}` })).toEqual([429, "application/json"]);
  await Promise.all(sockets.map((socket) => socket.close()));
  await until(async () => {
    const again = await dial(here.url, { token }).catch(() => undefined);
    await again?.close();
    return again !== undefined;
  });
});

test("C5: a ticket opens one socket, for the one who asked, and not later", async () => {
  const ask = (token?: string) =>
    request(`${here.url}/_dashboard/api/ws-ticket`, { method: "POST", token });
  expect((await ask()).status).toBe(401);
  const issue = async (): Promise<string> => {
    const { status, json } = await ask(reader);
    expect(status).toBe(201);
    return (json() as { ticket: string }).ticket;
  };
  const ticket = await issue();
  const protocols = [...text, `citadel.ticket.${ticket}`];
  const socket = await dial(here.url, { protocols });
  expect(socket.socket.protocol).toBe("citadel.json.v1");
  await socket.next(({ type }) => type === "broadcast");
  expect(socket.heard[0]).toMatchObject({ topic: "hello", body: { rights: ["read", "write"] } });
  await expect(dial(here.url, { protocols })).rejects.toThrow("refused");
  const origin = "http://evil.example";
  const late = await issue();
  const other = await issue();
  const offer = (one: string) => ({
    "sec-websocket-protocol": `citadel.json.v1, citadel.ticket.${one}`,
  });
  expect(await refusal({ ...offer(other), origin })).toEqual([403, "application/json"]);
  expect(await refusal({ ...offer("nonsense") })).toEqual([401, "application/json"]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
  try {
    expect(await refusal(offer(late))).toEqual([401, "application/json"]);
  } finally {
    vi.useRealTimers();
  }
  await socket.close();
});

test("C5, attack 32: a cookie opens a socket from the registry's own pages only, and ends it with its session", async () => {
  const signed = await request(`${here.url}/_dashboard/api/session`, {
    ...{ method: "POST", body: JSON.stringify({ token: here.root }) },
    headers: { "content-type": "application/json" },
  });
  expect(signed.status).toBe(201);
  const cookie = String(signed.headers["set-cookie"]).split(";", 1)[0] ?? "";
  const origin = here.url;
  expect(await refusal({ cookie })).toEqual([403, "application/json"]);
  for (const wrong of [
    "http://evil.example",
    "null",
    here.url.replace("http", "https"),
    "http://127.0.0.1:1",
  ])
    // prettier-ignore
    expect(await refusal({ cookie, origin: wrong })).toEqual([403, "application/json"]);
  const socket = await dial(here.url, {
    headers: { cookie, origin },
    path: "/_dashboard/terminal",
  });
  socket.send({ type: "command", seq: 1, line: "help" });
  expect(await socket.answer(1)).toMatchObject({ exit: 0 });
  const told = socket.heard.flatMap((message) =>
    message.type === "broadcast" && message.topic === "terminal" ? [message.body] : [],
  );
  expect(told.every(({ command }) => command === 1)).toBe(true);
  expect(told.map((one) => one.text).join("")).toContain("publish <dir>");
  const ticket = await request(`${here.url}/_dashboard/api/ws-ticket`, {
    ...{ method: "POST", headers: { cookie, origin } },
  });
  const protocols = [...text, `citadel.ticket.${(ticket.json() as { ticket: string }).ticket}`];
  const ticketed = await dial(here.url, { protocols });
  const ended = await request(`${here.url}/_dashboard/api/session`, {
    ...{ method: "DELETE", headers: { cookie, origin } },
  });
  expect(ended.status).toBe(204);
  for (const one of [socket, ticketed]) {
    one.send({ type: "command", seq: 2, line: "help" });
    expect((await one.closed).code).toBe(closeCodes.sessionExpired);
  }
  expect(await refusal({ cookie, origin })).toEqual([401, "application/json"]);
});

test("C5: a token that is revoked, a right that is taken and silence end a socket that says nothing", async () => {
  const { accounts } = here.citadel;
  const gone = await here.account("gone");
  const boss = await here.account("boss", true);
  const [a, b, c] = await Promise.all(
    [gone, boss, reader].map((token) => dial(here.url, { token })),
  );
  const [info] = (await accounts.tokens("gone")).items;
  await accounts.revokeKey("gone", info?.key ?? "", operator);
  await accounts.setAdmin("boss", false, operator);
  expect((await a?.closed)?.code).toBe(closeCodes.sessionExpired);
  expect((await b?.closed)?.code).toBe(closeCodes.rightLost);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 41_000 });
  try {
    expect((await c?.closed)?.code).toBe(closeCodes.silent);
  } finally {
    vi.useRealTimers();
  }
});

test("C5: figures count what passes", async () => {
  const socket = await dial(here.url, { token: reader, protocols: binary });
  socket.send({ type: "subscribe", seq: 1, topics: ["metrics", "history"] });
  const history = await socket.next((message) => message.type === "broadcast" && message.topic === "history"); // prettier-ignore
  const sample = await socket.next((message) => message.type === "broadcast" && message.topic === "metrics"); // prettier-ignore
  expect(history).toMatchObject({ body: expect.any(Array) });
  expect(sample).toMatchObject({
    body: { rss: expect.any(Number), connections: expect.any(Number) },
  });
  const { webSockets } = (
    await here.ask("/_api/performance/summary", { token: here.root })
  ).json() as { webSockets: { connections: number; frames: { in: number; out: number } } };
  expect(webSockets).toMatchObject({ connections: 1 });
  expect(webSockets.frames.in).toBeGreaterThan(0);
  const exported = (await here.ask("/metrics")).text;
  expect(exported).toMatch(/^citadel_websocket_connections 1$/m);
  expect(exported).toMatch(
    /^citadel_websocket_frames_total\{direction="in",type="subscribe"\} [1-9]/m,
  );
  expect(exported).toMatch(/^citadel_config_updates_total\{source="ws"\} [1-9]/m);
  await socket.close();
});

test("C5: BINARY_PROTOCOL off ends what speaks in bytes, and the rest goes on", async () => {
  const protocols = [...binary, ...text];
  const [bytes, plain] = await Promise.all([
    dial(here.url, { token: reader, protocols }),
    dial(here.url, { token: reader }),
  ]);
  expect(bytes.socket.protocol).toBe("citadel.bin.v1");
  const live = await here.citadel.live();
  await live.toggleFeature("BINARY_PROTOCOL", false);
  expect((await bytes.closed).code).toBe(closeCodes.noSubprotocol);
  expect(await plain.next(({ type }) => type === "feature")).toMatchObject({
    bit: 4,
    state: false,
  });
  await plain.close();
  await expect(dial(here.url, { token: reader, protocols: binary })).rejects.toThrow("refused");
  const next = await dial(here.url, { token: reader, protocols });
  expect(next.socket.protocol).toBe("citadel.json.v1");
  await live.toggleFeature("BINARY_PROTOCOL", true);
  await next.close();
});

test("C5: whatever is sent, the server lives and others hear nothing of it", async () => {
  const calm = await dial(here.url, { token: reader });
  const codes = new Set<number>();
  const token = await here.account("fuzz");
  for (let round = 0; round < 30; round++) {
    const protocols = round % 2 === 0 ? binary : text;
    const socket = await dial(here.url, { token, protocols });
    for (let n = 0; n < 20 && socket.socket.readyState === 1; n++) {
      const noise = randomBytes(randomInt(0, 64));
      const frame = Buffer.from("0000000400000001", "hex");
      frame[0] = randomInt(0, 9);
      const data = n % 2 === 0 ? noise : Buffer.concat([frame, randomBytes(4)]);
      if (protocols === binary) socket.socket.send(new Uint8Array(data));
      else socket.socket.send(`{"type":"${data.toString("latin1").slice(0, 9)}","seq":${n}}`);
    }
    socket.socket.close();
    codes.add((await socket.closed).code);
  }
  const known = new Set<number>([...Object.values(closeCodes), 1005]);
  expect([...codes].filter((code) => !known.has(code))).toEqual([]);
  calm.send({ type: "heartbeat", seq: 1, time: 1, generation: 0 });
  expect(await calm.answer(1)).toMatchObject({ time: 1 });
  await calm.close();
});

test("C5: a reader that is too slow loses samples, then its socket; others are unharmed", async () => {
  await using place = await livePlace({
    "metrics.collectionInterval": "10ms",
    "metrics.historySize": 255,
  });
  const quick = await dial(place.url, { token: place.root });
  await until(async () => place.app.monitor.history().length > 200);
  const slow = await sleeper(place, place.root);
  const history = { type: "subscribe", seq: 1, topics: ["history", "metrics"] };
  for (let n = 0; n < 40; n++) slow.say(history);
  expect(place.app.monitor.counts.connections).toBe(2);
  // until the buffers of the system are full as well
  await until(async () => {
    slow.say(history);
    return place.app.monitor.counts.connections === 1;
  }, 400);
  slow.leave();
  expect(place.app.monitor.counts.drops("metrics")).toBeGreaterThan(0);
  quick.send({ type: "heartbeat", seq: 1, time: 1, generation: 0 });
  expect(await quick.answer(1)).toMatchObject({ time: 1 });
  expect(quick.heard.filter(({ reply }) => !reply).map(({ seq }) => seq)).toEqual([1, 2]);
  await quick.close();
});

/** A client that opens a socket, speaks and never reads. */
async function sleeper({ url }: LivePlace, token: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const head = Object.entries({ ...upgrade, host: `${hostname}:${port}`, authorization: `Bearer ${token}` }); // prettier-ignore
  socket.write(`GET /_dashboard/ws HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`); // prettier-ignore
  await once(socket, "data");
  socket.pause();
  return {
    leave: () => socket.destroy(),
    /** A text frame with a mask of zeros. */
    say: (message: object) => {
      const body = Buffer.from(JSON.stringify(message));
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]));
    },
  };
}
