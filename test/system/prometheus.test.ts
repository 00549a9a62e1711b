// C4, G6: Prometheus itself reads what a server exports, and the scrape job, the rules and the dashboard of the template.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../bench/servers.ts";
import { installed } from "../servers/installed.ts";
import { citadel, root, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { parse } = createRequire(join(root, "src/package.json"))("yaml") as {
  parse(text: string): any;
};

/** The folder of the template, and one for what else is needed. */
async function write(registry = "http://localhost:4873/"): Promise<{ at: string; home: string }> {
  const folder = await tempFolder("prometheus");
  onTestFinished(() => folder.remove());
  const at = join(folder.path, "out");
  const ran = await citadel(folder.path, ["template", "grafana", "--registry", registry, "--out", at]); // prettier-ignore
  expect(ran.code, ran.output).toBe(0);
  return { at: join(at, "prometheus"), home: folder.path };
}

async function program(name: "prometheus" | "promtool"): Promise<string> {
  const found = await installed("prometheus", [`/usr/bin/${name}`]);
  if (!found) throw new Error("no prometheus");
  return found;
}

interface Case {
  readonly severity: string;
  /** of the alert that is expected, but for what all have */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** when it is looked at, in steps @default 18 */
  readonly at?: number;
  /** how long a step is @default 1m */
  readonly step?: string;
  /** series with a value for each step from 0 on, in the notation of promtool */
  readonly fires: Readonly<Record<string, string>>;
  /** the nearest that must not be told */
  readonly quiet: Readonly<Record<string, string>>;
}

const of = 'job="citadel",instance="npm"';
const instance = { instance: "npm" };
const cases: Readonly<Record<string, Case>> = {
  CitadelDown: {
    ...{ severity: "critical", summary: "npm does not answer" },
    labels: { ...instance, job: "citadel" },
    fires: { [`up{${of}}`]: "0x20" },
    quiet: { [`up{${of}}`]: "0 1x19", 'up{job="other",instance="npm"}': "0x20" },
  },
  CitadelFailing: {
    ...{ severity: "critical", labels: instance },
    summary: "more than 5 % of the requests to npm fail",
    fires: requests("6", "94"),
    quiet: requests("4", "96"),
  },
  CitadelSlow: {
    ...{ severity: "warning", labels: instance },
    summary: "5 % of the requests to npm take more than a second",
    fires: durations("94", "100"),
    quiet: durations("96", "100"),
  },
  CitadelCpu: {
    ...{ severity: "warning", labels: { ...instance, job: "citadel" } },
    summary: "npm uses more than 80 % of a core",
    fires: { [`process_cpu_seconds_total{${of}}`]: "0+50x20" },
    quiet: { [`process_cpu_seconds_total{${of}}`]: "0+45x20" },
  },
  CitadelEventLoopLate: {
    ...{ severity: "warning", labels: { ...instance, job: "citadel" } },
    summary: "the event loop of npm is late",
    fires: { [`nodejs_eventloop_lag_p99_seconds{${of}}`]: "0.3x20" },
    quiet: { [`nodejs_eventloop_lag_p99_seconds{${of}}`]: "0.1x20" },
  },
  CitadelUpstreamDown: {
    ...{ severity: "warning", labels: { ...instance, job: "citadel", upstream: "far" } },
    summary: "far is not asked any more by npm",
    fires: { [`citadel_upstream_up{${of},upstream="far"}`]: "0x20" },
    quiet: { [`citadel_upstream_up{${of},upstream="far"}`]: "1x20" },
  },
  CitadelManyFailedLogins: {
    ...{ severity: "warning", labels: instance },
    summary: "more than one bad credential a second at npm",
    fires: failures("31"),
    quiet: failures("29"),
  },
  CitadelPublishesFail: {
    ...{ severity: "critical", labels: instance, summary: "publishes fail at npm" },
    fires: { [`citadel_publishes_total{${of},result="error"}`]: "0x15 1x5" },
    quiet: { [`citadel_publishes_total{${of},result="denied"}`]: "0+9x20" },
  },
  CitadelKeyExpires: {
    ...{ severity: "warning", summary: "an API key ends within 14 days" },
    fires: { [`citadel_api_keys{${of},state="expiring"}`]: "1x20" },
    quiet: { [`citadel_api_keys{${of},state="active"}`]: "1x20" },
  },
  CitadelWebhooksFail: {
    ...{ severity: "warning", labels: instance, summary: "hooks of npm cannot be called" },
    fires: { [`citadel_webhook_deliveries_total{${of},result="failed"}`]: "0x15 1x5" },
    quiet: { [`citadel_webhook_deliveries_total{${of},result="ok"}`]: "0+9x20" },
  },
  CitadelWebhooksWait: {
    ...{ severity: "warning", at: 45 },
    summary: "hooks have not been told of everything for half an hour",
    fires: { [`citadel_webhook_queue{${of}}`]: "0x10 1x50" },
    quiet: { [`citadel_webhook_queue{${of}}`]: "1x20 0x0 1x50" },
  },
  CitadelJobsFail: {
    ...{ severity: "warning", at: 60, summary: "sync keeps failing at npm" },
    labels: { ...instance, exported_job: "sync" },
    fires: { [`citadel_jobs_total{${of},exported_job="sync",result="failed"}`]: "0x30 5x40" },
    quiet: {
      [`citadel_jobs_total{${of},exported_job="sync",result="failed"}`]: "0x30 2x40",
      [`citadel_jobs_total{${of},exported_job="sync",result="ok"}`]: "0x30 9x40",
    },
  },
  CitadelBackupOld: {
    ...{ severity: "critical", at: 49, step: "60m" },
    summary: "the last good backup is more than two days old",
    fires: { [`citadel_last_backup_timestamp_seconds{${of}}`]: "60x60" },
    quiet: {
      [`citadel_last_backup_timestamp_seconds{${of}}`]: "7200x60",
      'citadel_last_backup_timestamp_seconds{job="citadel",instance="never"}': "0x60",
    },
  },
  CitadelAlerts: {
    ...{ severity: "warning", labels: instance },
    summary: "npm raises alerts of its own: /_api/performance/alerts",
    fires: { [`citadel_alerts_firing{${of},severity="critical"}`]: "1x20" },
    quiet: { [`citadel_alerts_firing{${of},severity="critical"}`]: "0x20" },
  },
};

/** Requests in a minute that fail, and that do not. */
function requests(bad: string, good: string): Record<string, string> {
  const name = "http_request_duration_seconds_count";
  return {
    [`${name}{${of},code="503",route="/:name"}`]: `0+${bad}x20`,
    [`${name}{${of},code="404",route="/:name"}`]: `0+${good}x20`,
  };
}

/** Requests in a minute that take at most a second, and all. */
function durations(fast: string, all: string): Record<string, string> {
  const name = "http_request_duration_seconds_bucket";
  return {
    [`${name}{${of},le="1"}`]: `0+${fast}x20`,
    [`${name}{${of},le="2.5"}`]: `0+${all}x20`,
    [`${name}{${of},le="+Inf"}`]: `0+${all}x20`,
  };
}

/** Bad credentials in a minute, of two kinds. */
function failures(each: string): Record<string, string> {
  const name = "citadel_auth_failures_total";
  return {
    [`${name}{${of},reason="E_AUTH_INVALID"}`]: `0+${each}x20`,
    [`${name}{${of},reason="E_TOKEN_EXPIRED"}`]: `0+${each}x20`,
  };
}

test("C4, G6: each alert of the template fires for its figures and for no others, by Prometheus' own test of rules", async () => {
  const promtool = await program("promtool");
  const { at } = await write();
  const { groups } = parse(await readFile(join(at, "citadel.rules.yml"), "utf8"));
  expect(groups.flatMap(({ rules }: any) => rules.map(({ alert }: any) => alert))).toEqual(
    Object.keys(cases),
  );
  const files = ["1m", "60m"].map((interval) => ({
    rule_files: ["citadel.rules.yml"],
    evaluation_interval: interval,
    tests: Object.entries(cases)
      .filter(([, { step = "1m" }]) => step === interval)
      .flatMap(([alertname, { severity, labels, summary, at: steps = 18, fires, quiet }]) =>
        [fires, quiet].map((series) => ({
          interval,
          name: alertname,
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          alert_rule_test: [{ alertname, eval_time: `${steps * Number.parseInt(interval)}m`, exp_alerts: series === quiet ? [] : [{ exp_labels: { severity, ...labels }, exp_annotations: { summary } }] }], // prettier-ignore
        })),
      ), // prettier-ignore
  }));
  // the one of `compose` reads the same rules
  await writeFile(join(at, "compose.yml"), await readFile(join(root, "templates/compose/prometheus.yml"))); // prettier-ignore
  await mustRun(promtool, ["check", "config", "--syntax-only", join(at, "compose.yml")]);
  for (const [n, content] of files.entries()) {
    const file = join(at, `rules-${n}.test.json`);
    await writeFile(file, JSON.stringify(content));
    const ran = await run(promtool, ["test", "rules", file]);
    expect(ran.code, ran.output).toBe(0);
  }
});

test("C4, G6: Prometheus scrapes a server with a credential and answers every query of the dashboard and the rules", async () => {
  const [prometheus, promtool] = [await program("prometheus"), await program("promtool")];
  // from behind a proxy, where nobody is of this machine
  const relay = createServer((asked, answer) => {
    const headers = { ...asked.headers, "x-forwarded-for": "192.0.2.7", host: new URL(server.url).host }; // prettier-ignore
    send(server.url + asked.url, { headers }, (got) => {
      answer.writeHead(got.statusCode ?? 500, got.headers);
      got.pipe(answer);
    }).end();
  }).listen(0, "127.0.0.1");
  await once(relay, "listening");
  onTestFinished(() => {
    relay.closeAllConnections();
    relay.close();
  });
  const { at, home } = await write(`http://127.0.0.1:${(relay.address() as AddressInfo).port}/`);
  const server = await serve({ home: join(home, "server") });
  onTestFinished(() => server.stop());
  const exported = await request(`${server.url}/-/metrics`);
  const checked = await run(promtool, ["check", "metrics"], { input: exported.body });
  // what Node's own figures are called is the library's choice
  expect(checked.output.split("\n").filter((line) => line && !/^nodejs_\w+ .*(?:suffix|include type)/.test(line))).toEqual([]); // prettier-ignore

  const token = join(home, "token");
  await writeFile(token, "npm_wrong\n");
  const config = join(at, "prometheus.yml");
  const text = await readFile(config, "utf8");
  const [, comment = ""] = /^# {3}(authorization: .*)$/m.exec(text) ?? [];
  await writeFile(config, text.replace("scrape_interval: 15s", `scrape_interval: 1s\n    ${comment.replace("/etc/prometheus/citadel-token", token)}`)); // prettier-ignore
  await mustRun(promtool, ["check", "config", "--lint=all", "--lint-fatal", config]);

  const port = await freePort();
  const child = spawn(
    prometheus,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(home, "series")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: "ignore" },
  );
  onTestFinished(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  });
  const ask = async (expression: string): Promise<string[]> => {
    const answer = await request(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`); // prettier-ignore
    expect(answer.status, `${expression}: ${answer.text()}`).toBe(200);
    const { data } = answer.json() as { data: { result: { value: [number, string] }[] } };
    return data.result.map(({ value }) => value[1]);
  };
  // it takes up targets every five seconds
  const up = (value: string) => until(async () => (await ask('up{job="citadel"}').catch(() => []))[0] === value, 300); // prettier-ignore
  await up("0");
  // as the file says, for a user that there is
  const [, told = ""] = /: citadel (token:create .*)$/m.exec(text) ?? [];
  expect((await citadel(join(home, "server"), ["token:create", "--admin"])).code).toBe(0);
  const made = await citadel(join(home, "server"), [...told.replace("<name>", "admin").split(" "), "--json"]); // prettier-ignore
  await writeFile(token, `${(JSON.parse(made.stdout) as { token: string }).token}\n`);
  await up("1");
  expect(await ask('citadel_build_info{job="citadel"}')).toEqual(["1"]);

  const { panels } = JSON.parse(await readFile(join(at, "../dashboard.json"), "utf8"));
  const expressions = panels.flatMap((panel: any) => [panel, ...(panel.panels ?? [])]).flatMap(({ targets = [] }: any) => targets.map(({ expr }: any) => expr as string)); // prettier-ignore
  expect(expressions.length).toBeGreaterThan(10);
  for (const expression of expressions) await ask(expression.replaceAll("$__rate_interval", "1m"));
  const rules = await request(`http://127.0.0.1:${port}/api/v1/rules`);
  const { data } = rules.json() as { data: { groups: { rules: { health: string }[] }[] } };
  expect(data.groups.flatMap(({ rules: all }) => all).map(({ health }) => health)).not.toContain("err"); // prettier-ignore
}, 60_000);
