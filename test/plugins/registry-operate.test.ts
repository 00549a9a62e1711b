// C2, C3, C4: blocks and silences from the command line, and a server of two processes that shows both of them.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { citadel } = oneProcess();

let home: Temp;
let server: Server;
let token: string;

beforeAll(async () => {
  home = await tempFolder("registry-operate");
  const made = await citadel(home.path, ["token:create", "--admin", "--json"]);
  token = JSON.parse(made.stdout).token as string;
  // whoever says so comes from elsewhere: this machine itself is never blocked
  const env = { CITADEL_SERVER_TRUST_PROXY: "127.0.0.1", METRICS_COLLECTION_INTERVAL: "100" };
  server = await serve({ home: home.path, env, args: ["--workers", "2"] });
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await home?.remove();
});

const ran = async (...words: readonly string[]) => {
  const { code, stdout } = await citadel(home.path, [...words, "--json"]);
  return { code, json: JSON.parse(stdout) };
};
/** on a connection of its own, which either process may get */
const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  request(`${server.url}${path}`, { headers: { connection: "close", ...headers } });
const figures = async (path: string): Promise<any> =>
  (await ask(path, { authorization: `Bearer ${token}` })).json();

async function pings(): Promise<number> {
  const text = (await ask("/metrics")).text();
  const counts = text.matchAll(/^http_request_duration_seconds_count\{[^}]*route="\/-\/ping"[^}]*\} (\d+)$/gm); // prettier-ignore
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

test("C4: a scrape, the summary and the samples of one process show both, and what one had counted that is gone", async () => {
  const before = await pings();
  for (let n = 0; n < 40; n++) await ask("/-/ping");
  // however often it is asked, and whoever answers
  for (let n = 0; n < 8; n++) expect(await pings()).toBe(before + 40);
  const { totals } = await figures("/_api/performance/summary");
  expect(totals.requests).toBeGreaterThan(40);
  const { requests } = await figures("/_api/security/metrics");
  expect(requests.total).toBeGreaterThanOrEqual(totals.requests);
  await until(async () => {
    const { samples } = await figures("/_api/performance/metrics");
    return samples.some(({ processes }: { processes: number }) => processes === 2);
  });
  const families = (await ask("/metrics")).text();
  expect(families).toMatch(/^process_start_time_seconds \d+$/m);
  expect(families).toMatch(/^citadel_build_info\{[^}]*\} 1$/m);

  if (process.platform !== "linux") return;
  const children = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
  process.kill(Number(children.trim().split(" ")[0]), "SIGKILL");
  await until(async () => (await pings().catch(() => 0)) >= before + 40);
  expect(await pings()).toBe(before + 40);
}, 60_000);

test("C2: clients are blocked, listed and let in again from the command line; all processes follow", async () => {
  const guest = { "x-forwarded-for": "192.0.2.7" };
  expect((await ask("/-/ping", guest)).status).toBe(200);
  expect(await ran("registry:blocks")).toEqual({ code: 0, json: { items: [] } });
  const made = await ran("registry:blocks:add", "192.0.2.7", "--for", "2h", "--reason", "a test");
  expect(made).toMatchObject({ code: 0, json: { client: "192.0.2.7", reason: "a test" } });
  expect(Date.parse(made.json.until) - Date.parse(made.json.since)).toBe(7_200_000);
  expect((await ran("registry:blocks")).json.items).toEqual([made.json]);
  const blocked = await ran("registry:blocks:add", "2001:db8::7");
  expect(blocked.json.client).toBe("2001:db8:0:0");
  for (const words of [["127.0.0.1"], ["example.com"], ["192.0.2.8", "--for", "1s"]])
    expect((await ran("registry:blocks:add", ...words)).code).toBe(2);
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask("/-/ping", guest)));
    return answers.every(({ status }) => status === 429);
  });
  expect((await ran("registry:blocks:remove", "192.0.2.7")).code).toBe(0);
  expect((await ran("registry:blocks:remove", "2001:db8::9")).code).toBe(0);
  expect((await ran("registry:blocks:remove", "192.0.2.7")).json.error.code).toBe("E_NOT_FOUND");
  expect((await ran("registry:blocks")).json.items).toEqual([]);
}, 90_000);

test("C4: alerts are listed and silenced from the command line, for a while", async () => {
  const silenced = async () =>
    (await ran("registry:alerts")).json.items.filter((item: any) => item.silenced !== null);
  expect(await silenced()).toEqual([]);
  const made = await ran("registry:alerts:silence", "disk", "--for", "4h", "--reason", "a test");
  expect(made).toMatchObject({ code: 0, json: { rule: "disk", reason: "a test", by: "local" } });
  expect(await silenced()).toEqual([{ rule: "disk", silenced: made.json }]);
  const shown = await figures("/_api/performance/alerts/silences");
  expect(shown).toEqual({ items: [made.json] });
  expect((await ran("registry:alerts:silence", "disk", "--for", "91d")).code).not.toBe(0);
  expect((await ran("registry:alerts:silence", "nothing")).code).toBe(2);
  expect((await ran("registry:alerts:unsilence", "disk")).code).toBe(0);
  expect((await ran("registry:alerts:unsilence", "disk")).code).toBe(4);
}, 60_000);
