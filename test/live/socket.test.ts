// C5: the live protocol on real sockets: who may open one, what is said, and when it ends.
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveErrors } from "@citadel/core/frames";

import { request } from "../support/http.ts";
import { binary, dial, livePlace, text, type LivePlace } from "./dial.ts";

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
