// C4: what a server says of itself, to whom, and when it raises an alert.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createSilences } from "@citadel/core/alerts";
import { expect, onTestFinished, test, vi } from "vitest";

import { behind, server as upstreamServer, short, stock } from "../upstream/behind.ts";
import { citadel, root, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { decided } from "./metrics-decided.ts";
import { place, type Place } from "./place.ts";

const { parse: parseYaml } = createRequire(join(root, "src/package.json"))("yaml") as {
  parse(text: string): any;
};
const nothingSeen = {
  ...{ diskUsed: undefined, expiringKeys: undefined, blockedClients: undefined },
  ...{ upstreamsDown: new Set<string>(), silences: new Map() },
};
const operator = { name: "local", via: "cli" } as const;
const performancePaths = ["metrics", "summary", "alerts"].map(
  (name) => `/_api/performance/${name}`,
);

interface Line {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}
interface Family {
  readonly type: string;
  readonly lines: Line[];
}

/** Reads an exposition as strictly as the formats are written down. */
function parse(text: string, format: "prometheus" | "openmetrics"): Map<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  expect(text.endsWith("\n")).toBe(true);
  const rows = text.split("\n").slice(0, -1);
  if (format === "openmetrics") expect(rows.pop()).toBe("# EOF");
  let helped: string | undefined;
  let now: [string, Family] | undefined;
  for (const row of rows) {
    if (row === "" && format === "prometheus") continue;
    const help = /^# HELP ([a-zA-Z_:][\w:]*) [^\n]+$/.exec(row);
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary)$/.exec(row);
    if (help) {
      expect(families.has(help[1] ?? ""), row).toBe(false);
      helped = help[1];
    } else if (type) {
      expect(type[1], row).toBe(helped);
      now = [type[1] ?? "", { type: type[2] ?? "", lines: [] }];
      families.set(...now);
    } else {
      const sample =
        /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/.exec(
          row,
        );
      if (!sample || !now) throw new Error(`not a line of an exposition: ${JSON.stringify(row)}`);
      const [, name = "", inner = "", value = ""] = sample;
      expect(inner.endsWith(","), row).toBe(false);
      const pairs = Array.from(
        inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g),
        ([, k = "", v = ""]) => [k, v] as const,
      );
      const labels = new Map(pairs);
      expect(labels.size, row).toBe(pairs.length);
      const [family, { type: kind, lines }] = now;
      const endings =
        {
          counter: [format === "openmetrics" ? "_total" : ""],
          gauge: [""],
          histogram: ["_bucket", "_sum", "_count"],
          summary: ["", "_sum", "_count"],
        }[kind] ?? [];
      expect(
        endings.map((end) => family + end),
        row,
      ).toContain(name);
      const key = `${name} ${[...pairs]
        .map(([k, v]) => `${k}=${v}`)
        .toSorted()
        .join()}`;
      expect(seen.has(key), `twice: ${row}`).toBe(false);
      seen.add(key);
      lines.push({ name, labels, value: Number(value.replace("Inf", "Infinity")) });
    }
  }
  for (const [name, { type, lines }] of families) if (type === "histogram") whole(name, lines);
  return families;
}

/** Buckets rise to the count. */
function whole(name: string, lines: readonly Line[]): void {
  const series = Map.groupBy(lines, ({ labels }) =>
    [...labels]
      .filter(([key]) => key !== "le")
      .map(([key, value]) => `${key}=${value}`)
      .toSorted()
      .join(),
  );
  for (const [which, all] of series) {
    const buckets = all.filter((line) => line.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) =>
      Number(labels.get("le")?.replace("+Inf", "Infinity")),
    );
    expect(bounds, which).toEqual(bounds.toSorted((a, b) => a - b));
    expect(bounds.at(-1), which).toBe(Infinity);
    const values = buckets.map(({ value }) => value);
    expect(values, which).toEqual(values.toSorted((a, b) => a - b));
    expect(all.find((line) => line.name === `${name}_count`)?.value, which).toBe(values.at(-1));
    expect(
      all.some((line) => line.name === `${name}_sum`),
      which,
    ).toBe(true);
  }
}

/** The value of the line with these labels. */
function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(?:count|sum|bucket)$/, ""));
  const found =
    family?.lines.filter(
      (line) =>
        line.name === name &&
        Object.entries(labels).every(([key, value]) => line.labels.get(key) === value),
    ) ?? [];
  return found[0]?.value;
}

/** Name, type and labels of each row of the page. */
async function documented(): Promise<{ name: string; type: string; labels: string[] }[]> {
  const page = await readFile(join(root, "docs/monitoring.md"), "utf8");
  return Array.from(
    page.matchAll(/^\| `(\w+)` +\| (counter|gauge|histogram) +\| ([^|]*)\|$/gm),
    ([, name = "", type = "", labels = ""]) => ({
      ...{ name, type },
      // `kind: tarball, cache` lists the values of the last label
      labels:
        labels
          .split(":")[0]
          ?.split(",")
          .map((each) => each.trim())
          .filter(Boolean) ?? [],
    }),
  );
}

async function scrape(here: Place, accept = "text/plain"): Promise<Map<string, Family>> {
  const got = await here.ask("/metrics", { headers: { accept } });
  expect([got.status, got.text.slice(0, 300)]).toEqual([200, expect.any(String)]);
  return parse(got.text, accept.includes("openmetrics") ? "openmetrics" : "prometheus");
}

async function administrator(here: Place): Promise<string> {
  const token = await here.signIn("root");
  await here.citadel.accounts.setAdmin("root", true, operator);
  return token;
}

test("C4: the export passes a strict parser in both formats, and has the metrics of the page and no other", async () => {
  const there = await upstreamServer();
  stock(there, "far", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  // what is known of labels is there from the start, and nothing else is
  const fresh = await scrape(here);
  for (const [name, , labels = {}] of decided)
    for (const [label, values] of Object.entries(labels)) {
      if (!values) continue;
      const found = fresh.get(name)?.lines.map((line) => line.labels.get(label) ?? "");
      expect([...new Set(found)].toSorted(), name).toEqual([...values].toSorted());
    }
  const token = await here.signIn("ann");
  await here.publish(token, { name: "one", version: "1.0.0" });
  for (const path of ["/one", "/one/-/one-1.0.0.tgz", "/nothing/at/all", "/%2e%2e", "/-/ping"])
    await here.ask(path);
  for (let n = 0; n < 2; n++) {
    await here.ask("/far", { headers: { accept: short } });
    await here.ask("/far/-/far-1.0.0.tgz");
  }
  await here.ask("/-/whoami", { token: 'npm_"\\wrong' });
  const rows = await documented();
  const told = (name: string, type: string, labels: readonly string[]) =>
    [name, `${type} ${labels.toSorted().join()}`] as const;
  expect(
    Object.fromEntries(rows.map(({ name, type, labels }) => told(name, type, labels))),
  ).toEqual(
    Object.fromEntries(decided.map(([name, type, labels = {}]) => told(name, type, Object.keys(labels)))), // prettier-ignore
  );
  expect(rows.length).toBeGreaterThan(15);
  for (const accept of [
    "text/plain",
    "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  ]) {
    const families = await scrape(here, accept);
    const open = accept.includes("openmetrics");
    const own = [...families].filter(([name]) => !/^(?:process|nodejs)_/.test(name));
    const expected = rows.map(({ name, type }) =>
      open && type === "counter" ? `${name.replace(/_total$/, "")} counter` : `${name} ${type}`,
    );
    expect(own.map(([name, { type }]) => `${name} ${type}`).toSorted()).toEqual(
      expected.toSorted(),
    );
    expect(families.has("nodejs_eventloop_lag_p99_seconds")).toBe(true);
    const revision = families.get("citadel_build_info")?.lines[0]?.labels.get("revision");
    expect(revision).toMatch(/^(?:[\da-f]{12}(?:-dirty)?|release)$/);
    for (const [name, { lines }] of own) {
      const row = rows.find(
        (each) => each.name.replace(/_total$/, "") === name.replace(/_total$/, ""),
      );
      for (const { labels } of lines)
        expect([...labels.keys()].filter((label) => label !== "le").toSorted(), name).toEqual(
          row?.labels.toSorted(),
        );
    }
  }
});

test("C4: what was asked shows by pattern, method and status; names, paths and methods that clients choose do not", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  const first = await scrape(here);
  for (const result of ["ok", "conflict", "denied", "invalid", "error"])
    expect(valueOf(first, "citadel_publishes_total", { result })).toBe(0);
  expect((await here.publish(token, { name: "one", version: "1.0.0" })).status).toBe(201);
  expect((await here.publish(token, { name: "one", version: "1.0.0" })).status).toBe(201);
  const other = await here.signIn("eve");
  expect((await here.publish(other, { name: "one", version: "1.0.1" })).status).toBe(403);
  const tarball = await here.ask("/one/-/one-1.0.0.tgz");
  await here.ask("/one/-/one-1.0.0.tgz", { method: "HEAD" });
  for (let n = 0; n < 20; n++) await here.ask(`/package-${n}`);
  await here.ask("/one/latest");
  await here.ask("/-/healthz");
  await here.ask("/a/b/c/d/e");
  await here.ask("/one", { method: "BREW" });
  await here.ask("/one", { headers: { host: "evil.example" } });
  const now = await scrape(here);
  const count = (route: string, method: string, code: string) =>
    valueOf(now, "http_request_duration_seconds_count", { route, method, code });
  expect(count("/:name", "GET", "404")).toBe(20);
  expect(count("/:name", "PUT", "201")).toBe(2);
  expect(count("/:name/:spec", "GET", "200")).toBe(1);
  expect(count("/-/healthz", "GET", "200")).toBe(1);
  expect(count("/:name/-/:file", "HEAD", "200")).toBe(1);
  expect(count("none", "GET", "404")).toBe(1);
  expect(count("none", "other", "404")).toBe(1);
  expect(count("none", "GET", "421")).toBe(1);
  expect(valueOf(now, "citadel_http_response_bytes_total", { route: "/:name/-/:file" })).toBe(
    tarball.bytes.length,
  );
  expect(valueOf(now, "citadel_tarball_downloads_total", { source: "local" })).toBe(1);
  expect(valueOf(now, "citadel_publishes_total", { result: "ok" })).toBe(2);
  expect(valueOf(now, "citadel_publishes_total", { result: "denied" })).toBe(1);
  // only the scrape itself
  expect(valueOf(now, "http_requests_in_flight")).toBe(1);
  expect(
    JSON.stringify([...now], (_, value) => (value instanceof Map ? [...value] : value)),
  ).not.toMatch(/package-\d|evil|BREW|"(?:ann|eve)"/);
});

test("C4: tarballs of other registries come from there once, then from the cache, and how they answer shows", async () => {
  const there = await upstreamServer();
  stock(there, "far", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  for (let n = 0; n < 3; n++) {
    await here.ask("/far", { headers: { accept: short } });
    expect((await here.ask("/far/-/far-1.0.0.tgz")).status).toBe(200);
  }
  const now = await scrape(here);
  const upstream = here.citadel.settings.upstream.registries[0]?.name ?? "";
  expect(valueOf(now, "citadel_tarball_downloads_total", { source: "upstream" })).toBe(1);
  expect(valueOf(now, "citadel_tarball_downloads_total", { source: "cache" })).toBe(2);
  expect(valueOf(now, "citadel_upstream_up", { upstream })).toBe(1);
  expect(
    valueOf(now, "citadel_upstream_request_duration_seconds_count", { upstream }),
  ).toBeGreaterThanOrEqual(2);
});

test("C4: kept packages, ended keys, waiting hooks, backups and work that nobody waits for are counted", async () => {
  const there = await upstreamServer();
  stock(there, "far", { versions: { "1.0.0": {}, "1.1.0": {} } });
  const here = await behind(there);
  await administrator(here);
  const keys = await here.citadel.apiKeys();
  const [gone, late] = await Promise.all(
    ["gone", "late"].map(async (name) => (await keys.generateApiKey(name, ["read"], { user: "root" })).info), // prettier-ignore
  );
  await keys.revoke(gone?.id ?? "");
  await keys.rotate(late?.id ?? "", { overlap: 0 });
  for (const form of [short, "application/json"])
    await here.ask("/far", { headers: { accept: form } });
  await here.ask("/far/-/far-1.1.0.tgz");
  const caller = { principal: { kind: "local", name: "root", admin: true }, via: "cli" } as const;
  const hooks = await here.citadel.hooks();
  await hooks.add(
    { type: "registry", name: "*", endpoint: "https://npm.example.org/", secret: "secret" },
    caller,
  );
  await (await here.citadel.backups()).finished({ ok: false });
  await (await here.citadel.backups()).finished({ ok: true });
  await here.citadel.downloads.close();

  const now = await scrape(here);
  const value = (name: string, labels?: Record<string, string>) => valueOf(now, name, labels);
  expect(value("citadel_packages", { origin: "cached" })).toBe(1);
  expect(value("citadel_package_versions", { origin: "cached" })).toBe(1);
  expect(value("citadel_storage_bytes", { kind: "cache" })).toBeGreaterThan(500);
  for (const [state, count] of Object.entries({ active: 1, expiring: 0, expired: 1, revoked: 1 }))
    expect(value("citadel_api_keys", { state }), state).toBe(count);
  // of both backups
  expect(value("citadel_webhook_queue")).toBe(2);
  const age = Date.now() / 1000 - (value("citadel_last_backup_timestamp_seconds") ?? 0);
  expect(Math.abs(age)).toBeLessThan(60);
  expect(value("citadel_jobs_total", { job: "downloads", result: "ok" })).toBe(1);
});

test("C4: stores that know their size tell it, and changes by commands are told from others", async () => {
  await using here = await place({}, "sqlite");
  const token = await here.signIn("ann");
  await here.publish(token, { name: "one", version: "1.0.0" });
  const live = await here.citadel.live();
  const stop = await here.app.monitor.start(() => 0);
  onTestFinished(stop);
  const { data, config, cache } = here.citadel.dirs;
  const env = { CITADEL_DATA_DIR: data, CITADEL_CONFIG_DIR: config, CITADEL_CACHE_DIR: cache };
  expect((await citadel(here.folder, ["config:set", "rows", "33"], { env })).code).toBe(0);
  await until(async () => live.getConfig().rows === 33);
  await live.setByte("rows", 34, { by: { name: "root", via: "api" } });
  const now = await scrape(here);
  const backend = "sqlite";
  expect(valueOf(now, "citadel_storage_bytes", { backend, kind: "metadata" })).toBeGreaterThan(
    4000,
  );
  expect(valueOf(now, "citadel_storage_bytes", { backend, kind: "tarball" })).toBeGreaterThan(100);
  for (const [source, count] of Object.entries({ cli: 1, http: 1, ws: 0, file: 0 }))
    expect(valueOf(now, "citadel_config_updates_total", { source }), source).toBe(count);
  expect(valueOf(now, "citadel_config_write_duration_seconds_count")).toBe(1);
});

test("C4: figures are for administrators, the export for this machine too, health for everybody", async () => {
  await using here = await place();
  const ann = await here.signIn("ann");
  const root = await administrator(here);
  const outside = { from: "192.0.2.7" };
  for (const path of performancePaths) {
    expect((await here.ask(path)).status).toBe(401);
    expect((await here.ask(path, { token: ann })).status).toBe(403);
    expect((await here.ask(path, { token: root, ...outside })).status).toBe(200);
  }
  const keys = await here.citadel.apiKeys();
  const { key } = await keys.generateApiKey("scrape", ["admin"], { user: "root" });
  const weak = await keys.generateApiKey("reads", ["read"], { user: "root" });
  const scraper = await keys.generateApiKey("scrape", ["metrics"], { user: "ann" });
  expect(scraper.info.permissions).toEqual(["metrics"]);
  for (const path of ["/_api/security/metrics", "/_api/performance/summary"])
    expect((await here.ask(path, { token: scraper.key })).status).toBe(403);
  expect((await here.publish(scraper.key, { name: "by-scraper", version: "1.0.0" })).status).toBe(
    403,
  );
  for (const path of ["/metrics", "/-/metrics"]) {
    const status = async (sent: object) => (await here.ask(path, sent)).status;
    expect(await status({})).toBe(200);
    expect(await status({ from: "::ffff:127.0.0.1" })).toBe(200);
    expect(await status(outside)).toBe(401);
    expect(await status({ ...outside, token: ann })).toBe(403);
    expect(await status({ ...outside, token: weak.key })).toBe(403);
    expect(await status({ ...outside, token: key })).toBe(200);
    expect(await status({ ...outside, token: scraper.key })).toBe(200);
    // a proxy on this machine makes nobody local, nor does what a client claims
    for (const field of ["x-forwarded-for", "forwarded"])
      expect(await status({ headers: { [field]: "127.0.0.1" } })).toBe(401);
    expect(await status({ ...outside, headers: { "x-forwarded-for": "127.0.0.1" } })).toBe(401);
    expect(await status({ headers: { host: "evil.example" } })).toBe(421);
  }
  expect((await here.ask("/-/healthz", outside)).json()).toEqual({ status: "ok" });
  expect((await here.ask("/-/readyz", outside)).json()).toEqual({
    status: "ok",
    checks: { store: true, disk: true },
  });
});

test("C4: a server whose store takes nothing is alive and not ready", async () => {
  await using here = await place();
  const put = vi.spyOn(here.citadel.store.driver, "put").mockRejectedValue(new Error("read-only"));
  const ready = await here.ask("/-/readyz");
  expect([ready.status, ready.json()]).toEqual([
    503,
    { status: "failing", checks: { store: false, disk: true } },
  ]);
  expect((await here.ask("/-/healthz")).status).toBe(200);
  put.mockRestore();
});

test("C4: a package called metrics is a package for those who ask for JSON", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  expect((await here.publish(token, { name: "metrics", version: "1.0.0" })).status).toBe(201);
  for (const accept of [short, "application/json", `${short}; q=1.0, application/json; q=0.8, */*`])
    expect((await here.ask("/metrics", { headers: { accept } })).json().name).toBe("metrics");
  expect((await here.ask("/metrics/-/metrics-1.0.0.tgz")).status).toBe(200);
  expect((await here.ask("/metrics", { headers: { accept: "*/*" } })).text).toMatch(/^# HELP /);
});

test("C4: an alert waits, fires, ends below 90 %, and is quiet for a while after", async () => {
  await using here = await place({ "alert.cpuThreshold": 50, "alert.latencyThreshold": 200 });
  const { alerts } = here.app.monitor;
  let now = Date.now();
  const calm = {
    ...{ lasted: 60, cpu: 0, memoryPercent: 1, eventLoopDelay: undefined, requests: 0 },
    ...{
      requestsPerSecond: 0,
      failureRatio: undefined,
      latency: { p50: undefined, p95: undefined },
    },
    ...{ bytesPerSecond: 0, publishesPerSecond: 0, downloadsPerSecond: 0, authFailures: 0 },
    facts: nothingSeen,
  };
  const stateOf = (rule: string) => alerts.list().find((each) => each.rule === rule)?.state;
  /** the turns of alerts after so many seconds with this */
  const after = (seconds: number, measured: object): string[] => {
    now += seconds * 1000;
    return alerts.see({ ...calm, ...measured }, now).map(({ rule, state }) => `${rule} ${state}`);
  };
  expect(new Set(alerts.list().map(({ state }) => state))).toEqual(new Set(["ok"]));
  // once, and not for long enough
  expect([after(1, { cpu: 51 }), stateOf("cpu")]).toEqual([[], "pending"]);
  expect([after(29, { cpu: 99 }), stateOf("cpu")]).toEqual([[], "pending"]);
  expect([after(1, { cpu: 50 }), stateOf("cpu")]).toEqual([[], "ok"]);
  // long enough
  expect(after(1, { cpu: 51 })).toEqual([]);
  expect(after(30, { cpu: 51 })).toEqual(["cpu firing"]);
  expect(after(1, { cpu: 51 })).toEqual([]);
  // between 90 % and the threshold it goes on
  expect([after(1, { cpu: 46 }), stateOf("cpu")]).toEqual([[], "firing"]);
  expect(after(1, { cpu: 45 })).toEqual(["cpu resolved"]);
  // not again within five minutes, however long it lasts
  expect([after(1, { cpu: 90 }), stateOf("cpu")]).toEqual([[], "pending"]);
  expect([after(200, { cpu: 90 }), stateOf("cpu")]).toEqual([[], "pending"]);
  expect([after(1, {}), stateOf("cpu")]).toEqual([[], "resolved"]);
  expect([after(100, {}), stateOf("cpu")]).toEqual([[], "ok"]);
  after(1, { cpu: 90 });
  expect(after(30, { cpu: 90 })).toEqual(["cpu firing"]);
  expect(valueOf(await scrape(here), "citadel_alerts_firing", { severity: "warning" })).toBe(1);
  after(1, {});

  const bad = {
    requests: 20,
    failureRatio: 0.06,
    latency: { p50: 1, p95: 201 },
    memoryPercent: 86,
    eventLoopDelay: 201,
  };
  after(1, bad);
  expect(after(30, bad).toSorted()).toEqual([
    "errors firing",
    "event-loop firing",
    "latency firing",
    "memory firing",
  ]);
  const token = await administrator(here);
  const { items } = (await here.ask("/_api/performance/alerts", { token })).json();
  expect(items.find(({ rule }: { rule: string }) => rule === "latency")).toEqual({
    ...{ rule: "latency", severity: "warning", state: "firing", threshold: 200, value: 201 },
    ...{ silenced: null, description: expect.any(String), since: new Date(now).toISOString() },
  });
  // a share of few requests says nothing
  expect(after(1, { requests: 19, failureRatio: 1 })).toContain("errors resolved");
});

test("C4: full disks, keys that end, failed logins, blocked clients and upstreams that are down raise alerts", async () => {
  const there = await upstreamServer();
  const here = await behind(there);
  const name = here.citadel.settings.upstream.registries[0]?.name ?? "";
  const { alerts } = here.app.monitor;
  const calm = { lasted: 60, cpu: 0, memoryPercent: 1, requests: 0, authFailures: 0, latency: {} };
  let now = Date.now();
  const see = (measured: object, facts: object): string[] => {
    now += 31_000;
    return alerts
      .see({ ...calm, ...measured, facts: { ...nothingSeen, ...facts } } as never, now)
      .map(({ rule, about = "", state }) => [rule, about, state].join(" "));
  };
  const all = {
    ...{ diskUsed: 91, expiringKeys: 1, blockedClients: 2, upstreamsDown: new Set([name]) },
  };
  // what is no matter of time fires at once
  expect(see({ authFailures: 31 }, all)).toEqual([
    "key-expiring  firing",
    "failed-logins  firing",
    "blocked-clients  firing",
  ]);
  expect(see({ authFailures: 31 }, all)).toEqual(["disk  firing", `upstream ${name} firing`]);
  expect(see({}, { diskUsed: 80, expiringKeys: 0, blockedClients: 0 })).toEqual([
    "disk  resolved",
    "key-expiring  resolved",
    `upstream ${name} resolved`,
    "failed-logins  resolved",
    "blocked-clients  resolved",
  ]);
});

test("C4: an alert that is silenced for a while is told to nobody, on any server of the store", async () => {
  await using here = await place({
    "metrics.collectionInterval": 500,
    "alert.cpuThreshold": 100_000,
  });
  const ann = await here.signIn("ann");
  const root = await administrator(here);
  const at = "/_api/performance/alerts";
  const silence = (body: unknown, token = root) => here.ask(`${at}/silences`, { method: "POST", body, token }); // prettier-ignore
  expect((await silence({ rule: "blocked-clients", for: "2h" }, ann)).status).toBe(403);
  for (const body of [
    { rule: "nothing", for: "2h" },
    { rule: "cpu", for: "never" },
    { rule: "cpu", for: "0" },
    { rule: "cpu", for: "91d" },
    { rule: "cpu" },
  ])
    expect([(await silence(body)).status, body]).toEqual([400, body]);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const stop = await here.app.monitor.start(() => 0);
  const told: string[] = [];
  here.app.monitor.told(({ rule, state }) => told.push(`${rule} ${state}`));
  const { blocks } = await here.citadel.limits();
  /** the facts are looked at, then a sample is taken */
  const turn = async (): Promise<void> => {
    await here.app.monitor.look();
    vi.advanceTimersByTime(500);
  };
  expect((await silence({ rule: "blocked-clients", for: "2h", reason: "known" })).status).toBe(201);
  await blocks.block("192.0.2.1", "a test", { minutes: 300 });
  await turn();
  const shown = async () =>
    (await here.ask(at, { token: root })).json().items.find(({ rule }: any) => rule === "blocked-clients"); // prettier-ignore
  const until = new Date(Date.now() - 500 + 7_200_000).toISOString();
  expect(await shown()).toMatchObject({ state: "firing", value: 1, silenced: until });
  expect(told).toEqual([]);
  const families = await scrape(here);
  expect(valueOf(families, "citadel_alerts_firing", { severity: "warning" })).toBe(0);
  // keys that end soon are looked at once an hour, and not at the start; the disk now and then
  await mkdir(here.citadel.dirs.data, { recursive: true });
  const keys = await here.citadel.apiKeys();
  for (const [name, days] of [["soon", 1], ["late", 20]] as const)
    await keys.generateApiKey(name, ["read"], { user: "root", expires: Date.now() + days * 86_400_000 }); // prettier-ignore
  const valued = async (which: string) =>
    (await here.ask(at, { token: root })).json().items.find(({ rule }: any) => rule === which)
      .value;
  await turn();
  expect(await valued("key-expiring")).toBe(null);
  vi.setSystemTime(Date.now() + 60_000);
  await turn();
  expect(await valued("key-expiring")).toBe(1);
  expect(await valued("disk")).toBeGreaterThan(0);
  expect(await valued("disk")).toBeLessThanOrEqual(100);
  expect(told.splice(0)).toEqual(["key-expiring firing"]);
  // it is seen from the command line too, and ends
  expect(await createSilences(here.citadel.store.driver).list()).toMatchObject([
    { rule: "blocked-clients", reason: "known", by: "root" },
  ]);
  vi.setSystemTime(Date.now() + 7_200_001);
  await blocks.unblock("192.0.2.1");
  await turn();
  expect((await shown()).silenced).toBe(null);
  expect(told).toEqual(["blocked-clients resolved"]);
  await silence({ rule: "cpu", for: "1h" });
  const remove = () => here.ask(`${at}/silences/cpu`, { method: "DELETE", token: root });
  expect((await remove()).status).toBe(204);
  expect((await remove()).status).toBe(404);
  expect((await here.ask(`${at}/silences`, { token: root })).json()).toEqual({ items: [] });
  stop();
});

test("C4: samples are taken every interval while METRICS is on; off, nothing is counted or shown", async () => {
  await using here = await place({ "metrics.collectionInterval": 500, "metrics.historySize": 3 });
  const token = await administrator(here);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const stop = await here.app.monitor.start(() => 7);
  const samples = async () => (await here.ask(performancePaths[0] ?? "", { token })).json().samples;
  expect(await samples()).toEqual([]);
  vi.advanceTimersByTime(500);
  const hostname = "x".repeat(321 - JSON.stringify({ hostname: "" }).length);
  const login = { method: "POST", body: JSON.stringify({ hostname }) };
  expect((await here.ask("/-/v1/login", login)).status).toBe(200);
  // nobody reads it, and it might be a lie
  expect((await here.ask("/nothing", { method: "PUT", body: "x".repeat(999) })).status).toBe(401);
  await here.ask("/-/ping");
  vi.advanceTimersByTime(500);
  const [first, second] = await samples();
  expect(first).toMatchObject({ lasted: 500, connections: 7, memory: { rss: expect.any(Number) } });
  expect(second).toMatchObject({ requests: 3, failures: 0, inFlight: 0, bytesIn: 321 });
  expect(here.app.monitor.history()[1]).toMatchObject({ bytesIn: 642 });
  vi.advanceTimersByTime(5000);
  expect(await samples()).toHaveLength(3);
  const summary = (await here.ask(performancePaths[1] ?? "", { token })).json();
  expect(summary).toMatchObject({
    packages: 0,
    alerts: 0,
    window: { lasted: 1.5 },
    connections: 7,
  });

  const live = await here.citadel.live();
  await live.toggleFeature("METRICS", false);
  const counted = here.app.monitor.meter.durations();
  await here.ask("/-/ping");
  for (const path of [...performancePaths, "/metrics", "/-/metrics"]) {
    const got = await here.ask(path, { token });
    expect([got.status, got.json().hint]).toEqual([404, ["citadel config:enable METRICS"]]);
  }
  vi.advanceTimersByTime(5000);
  expect(here.app.monitor.collector.samples()).toEqual([]);
  expect(here.app.monitor.meter.durations()).toEqual(counted);
  expect((await here.ask("/-/healthz")).status).toBe(200);
  await live.toggleFeature("METRICS", true);
  vi.advanceTimersByTime(500);
  expect(await samples()).toHaveLength(1);
  stop();
  expect(here.app.monitor.collector.samples()).toEqual([]);
});

test("C4, G3: what writes the export is loaded by nobody but who asks for it", async () => {
  const temp = await tempFolder("metrics");
  onTestFinished(() => temp.remove());
  const hook = pathToFileURL(join(root, "test/cli/fixtures/loaded.js")).href;
  for (const asks of [false, true]) {
    const list = join(temp.path, `${asks}.json`);
    const env = {
      LOADED: list,
      NODE_OPTIONS: `--import ${hook}`,
      METRICS_COLLECTION_INTERVAL: "20",
    };
    const server = await serve({ home: temp.path, env });
    onTestFinished(() => server.stop());
    for (const path of ["/-/ping", "/-/readyz", "/one", asks ? "/metrics" : "/-/whoami"])
      await request(`${server.url}${path}`);
    await server.stop();
    const { files } = JSON.parse(await readFile(list, "utf8")) as { files: string[] };
    expect(files.some((file) => file.includes("@prometheus-io"))).toBe(asks);
  }
});

test("C4: a running server measures itself, and stops when it is told to", async () => {
  const temp = await tempFolder("metrics");
  onTestFinished(() => temp.remove());
  const server = await serve({ home: temp.path, env: { METRICS_COLLECTION_INTERVAL: "50" } });
  onTestFinished(() => server.stop());
  const get = async () => request(`${server.url}/metrics`);
  const families = parse((await get()).text(), "prometheus");
  expect(
    valueOf(families, "http_request_duration_seconds_count", { route: "/-/ping", code: "200" }),
  ).toBeGreaterThan(0);
  expect(valueOf(families, "process_resident_memory_bytes")).toBeGreaterThan(0);
  expect((await citadel(temp.path, ["config:disable", "METRICS"])).code).toBe(0);
  await until(async () => (await get()).status === 404);
  expect((await request(`${server.url}/-/readyz`)).status).toBe(200);
});

test("C4, G6: the dashboard and the rules ask only for what is exported, with labels that it has", async () => {
  const temp = await tempFolder("monitoring");
  onTestFinished(() => temp.remove());
  const at = join(temp.path, "out");
  const ran = await citadel(temp.path, [
    "template",
    "grafana",
    "--registry",
    "https://npm.example.org/r/",
    "--out",
    at,
  ]);
  expect(ran.code, ran.output).toBe(0);
  const read = (file: string) => readFile(join(at, file), "utf8");
  const board = JSON.parse(await read("dashboard.json"));
  const rules = parseYaml(await read("prometheus/citadel.rules.yml"));
  const job = parseYaml(await read("prometheus/prometheus.yml")).scrape_configs[0];
  expect(job).toMatchObject({
    ...{ job_name: "citadel", scheme: "https", metrics_path: "/r/-/metrics" },
    static_configs: [{ targets: ["npm.example.org"] }],
  });

  await using here = await place();
  const token = await here.signIn("ann");
  await here.publish(token, { name: "one", version: "1.0.0" });
  const families = await scrape(here);
  const rows = await documented();
  const asked: string[] = [
    ...board.panels.flatMap(({ targets }: any) => targets.map(({ expr }: any) => expr)),
    ...rules.groups.flatMap((group: any) => group.rules.map(({ expr }: any) => expr)),
  ];
  expect(asked.length).toBeGreaterThan(25);
  const names = new Set<string>();
  for (const expr of asked)
    for (const [, name = "", matchers = ""] of expr.matchAll(/\b([a-z]\w+)\{([^}]*)\}/g)) {
      if (name === "up") continue;
      const family = families.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, "");
      expect([...families.keys()], expr).toContain(family);
      names.add(family);
      const row = rows.find((each) => each.name === family);
      const labels = Array.from(matchers.matchAll(/(\w+)=/g), ([, label = ""]) => label);
      for (const label of labels) if (label !== "job") expect(row?.labels, expr).toContain(label);
    }
  // nothing of our own is shown to nobody
  expect(
    rows
      .map(({ name }) => name)
      .filter((name) => !names.has(name))
      .toSorted(),
  ).toEqual([
    "citadel_build_info",
    "citadel_config_updates_total",
    "citadel_spans_total",
    "citadel_websocket_frames_total",
  ]);
});
