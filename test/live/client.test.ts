// C5: the client of the live protocol against a real server, over a line that breaks.
import { expect, test, vi } from "vitest";
import { closeCodes, type Topic } from "@citadel/core/frames";
import { connectLive, LiveError, type LiveClientOptions } from "@citadel/core/live-client";

import { startRelay } from "../servers/relay.ts";
import { until } from "../support/until.ts";
import { livePlace, operator } from "./dial.ts";

async function line(options: Partial<LiveClientOptions> = {}) {
  const place = await livePlace();
  const relay = await startRelay(Number(new URL(place.url).port));
  const states: (string | number)[] = [];
  const news: string[] = [];
  const client = connectLive({
    url: `http://127.0.0.1:${relay.port}/_dashboard/ws`,
    token: place.root,
    random: () => 0.1,
    onState: (state, code) => states.push(code === undefined ? state : `${state} ${code}`),
    onNews: (said) => news.push(said.type === "broadcast" ? said.topic : said.type),
    ...options,
  });
  return {
    ...{ place, relay, client, states, news },
    async [Symbol.asyncDispose]() {
      client.close();
      await relay.close();
      await place[Symbol.asyncDispose]();
    },
  };
}
const write = { type: "config_byte", force: false, offset: 10 } as const;

test("C5: a client comes back, takes the snapshot for the truth and sends no write again", async () => {
  await using here = await line({ topics: ["config"] satisfies Topic[] });
  const { client, relay, states, news, place } = here;
  await until(async () => news.includes("config"));
  expect(await client.request({ ...write, expect: 24, value: 25 })).toMatchObject({
    ...{ type: "config_byte", new: 25, reply: true },
  });
  await expect(client.request({ ...write, expect: 24, value: 26 })).rejects.toMatchObject({
    ...{ code: 6, detail: 25 },
  });
  const live = await place.citadel.live();
  relay.set({ blackHole: "down" });
  const lost = client.request({ ...write, expect: 25, value: 26 });
  await until(async () => live.getConfig().rows === 26);
  news.length = 0;
  relay.cut();
  await expect(lost).rejects.toThrow(LiveError);
  relay.calm();
  await until(async () => client.state() === "open" && news.includes("config"));
  expect(news.slice(0, 2)).toEqual(["hello", "config"]);
  expect(live.getConfig().rows).toBe(26);
  expect(live.generation()).toBe(2);
  expect(states.slice(0, 3)).toEqual(["connecting", "open", expect.stringMatching(/^waiting/)]);
  await live.setByte("cols", 99);
  await until(async () => news.includes("config_byte"));
});

test.each([
  ["whose session has ended", closeCodes.sessionExpired],
  ["who lost a right", closeCodes.rightLost],
])("C5: a client %s does not come back", async (_, code) => {
  await using here = await line();
  const { client, relay, place } = here;
  await until(async () => client.state() === "open");
  const { accounts } = place.citadel;
  const [info] = (await accounts.tokens("root")).items;
  if (code === closeCodes.rightLost) await accounts.setAdmin("root", false, operator);
  else await accounts.revokeKey("root", info?.key ?? "", operator);
  await expect(client.request({ ...write, expect: 24, value: 25 })).rejects.toThrow(LiveError);
  await until(async () => client.state() === "ended");
  expect(here.states.at(-1)).toBe(`ended ${code}`);
  const { connections } = relay.counts;
  client.retry();
  await expect(client.request({ ...write, expect: 24, value: 25 })).rejects.toThrow(LiveError);
  expect(relay.counts.connections).toBe(connections);
});

test("C5: a client that fails waits longer each time, and no longer than half a minute", async () => {
  const waits: number[] = [];
  const timers = vi.spyOn(globalThis, "setTimeout");
  await using here = await line({ random: () => 0.001 });
  await until(async () => here.client.state() === "open");
  here.relay.set({ refuse: true });
  timers.mockClear();
  here.relay.cut();
  await until(async () => here.states.filter((state) => String(state).startsWith("waiting")).length > 9); // prettier-ignore
  for (const [, ms = 0] of timers.mock.calls) if (ms > 0 && ms <= 30) waits.push(ms);
  timers.mockRestore();
  expect(waits.slice(0, 8)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
});

test("C5: a client that hears nothing any more does not wait for the line to notice", async () => {
  const real = setTimeout;
  // the seconds of its heartbeat pass faster
  const timers = vi
    .spyOn(globalThis, "setTimeout")
    .mockImplementation(((work: () => void, ms = 0) =>
      real(work, ms === 15_000 || ms === 10_000 ? ms / 20 : ms)) as typeof setTimeout);
  await using here = await line();
  const { client, place, relay, states } = here;
  await until(async () => place.app.monitor.counts.frames("in", "heartbeat") > 1);
  expect(states).toEqual(["connecting", "open"]);
  relay.set({ blackHole: "both" });
  await until(async () => states.includes("waiting"));
  timers.mockRestore();
  relay.calm();
  await until(async () => client.state() === "open");
});
