import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../../api.ts";
import { Connection } from "../../parts/connection.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Page } from "../../parts/page.tsx";
import { Loaded, Wait } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { Alerts, Firing, type AlertRow } from "./alerts.tsx";
import { Panel } from "./panel.tsx";
import { charts, shown } from "./series.ts";
import { followMetrics, frozen, heard, samples, told } from "./state.ts";
import { Summary, type SummaryItem } from "./summary.tsx";
import { Uptime } from "./uptime.tsx";

/** ms between two looks at what is counted rarely */
const rarely = 10_000;
/** ms after which values are old: three samples that did not come */
const old = 3500;

/** How the server is, second by second. */
export default function MetricsScreen() {
  const clock = useSignal(Date.now());
  useEffect(followMetrics, []);
  useEffect(() => {
    // who looks at another tab asks for nothing
    const tick = (): void => {
      if (document.visibilityState === "visible") clock.value = Date.now();
    };
    const timer = setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, []);
  const beat = Math.floor(clock.value / rarely);
  const summary = useResource(
    (signal) => ask<SummaryItem>("/_api/performance/summary", { signal }),
    [beat],
  );
  const alerts = useResource(
    (signal) =>
      ask<{ readonly items: readonly AlertRow[] }>("/_api/performance/alerts", { signal }),
    [beat, told.value],
  );
  const paused = frozen.value !== undefined;
  const seen = frozen.value ?? samples.value;
  const last = seen.at(-1)?.time;
  /** ms for which nothing new has come, beyond what is usual */
  const late = paused || last === undefined ? 0 : Math.max(0, clock.value - heard.value - old);
  const now = ((last ?? clock.value) + late) / 1000;
  const { value: counted, failure } = summary.now.value;
  const rows = alerts.now.value.value?.items ?? [];

  return (
    <Page
      title="Metrics"
      lead="What this server does, second by second; the same figures as in /metrics."
      actions={
        <>
          <Connection paused={paused} late={late > 0} />
          <button type="button" onClick={() => (frozen.value = paused ? undefined : samples.value)}>
            <Icon name={paused ? "play" : "pause"} />
            {paused ? "Go on" : "Pause"}
          </button>
        </>
      }
    >
      <Loaded of={summary} what="Counting">
        {(item) => (
          <>
            <Firing items={rows} />
            <Summary {...item} />
          </>
        )}
      </Loaded>
      <h2>The last minute</h2>
      {seen.length === 0 && !failure && <Wait what="Waiting for the first sample" />}
      <div class="panels">
        {charts.map((chart) => (
          <Panel
            key={chart.title}
            chart={chart}
            samples={seen}
            range={[now - shown, now]}
            threshold={thresholdOf(chart.rule, rows, counted?.memory?.limit)}
            stale={late > 0}
          />
        ))}
      </div>
      <Loaded of={alerts} quiet={failure !== undefined}>
        {({ items }) => <Alerts items={items} changed={alerts.reload} />}
      </Loaded>
      <Uptime
        beat={beat}
        since={failure ? undefined : counted?.since}
        alerts={rows}
        quiet={failure !== undefined}
      />
    </Page>
  );
}

/** That of memory is a share of what there is. */
function thresholdOf(
  rule: string | undefined,
  rows: readonly AlertRow[],
  limit: number | undefined,
): number | undefined {
  const found = rows.find((row) => row.rule === rule)?.threshold;
  if (rule !== "memory" || found === undefined) return found;
  return limit === undefined ? undefined : (limit * found) / 100;
}
