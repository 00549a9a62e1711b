import { useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { MetricsSample } from "@citadel/core/frames";
import { Badge } from "../../parts/badge.tsx";
import { Plot } from "../../parts/plot.tsx";
import { Table } from "../../parts/table.tsx";
import { axisEnd, columns, trend, type Chart } from "./series.ts";

/** A chart with its newest value, and a table behind it. */
export function Panel({
  chart,
  samples,
  range,
  threshold,
  stale,
}: {
  readonly chart: Chart;
  readonly samples: readonly MetricsSample[];
  readonly range: readonly [number, number];
  readonly threshold: number | undefined;
  readonly stale: boolean;
}) {
  const table = useSignal(false);
  const end = useRef(0);
  const last = samples.at(-1);
  const highest = Math.max(
    0,
    ...samples.flatMap((sample) => chart.lines.flatMap(({ field }) => sample[field] ?? [])),
  );
  end.current = axisEnd(end.current, highest, chart.least);
  const first = chart.lines[0] && last?.[chart.lines[0].field];
  const over = threshold !== undefined && typeof first === "number" && first > threshold;
  const limit = threshold === undefined ? [] : [`limit ${chart.text(threshold)}`];
  const said = chart.lines.map(({ field, name }) => {
    const value = last?.[field];
    return value === null || value === undefined
      ? `${name} unknown`
      : `${name} ${chart.text(value)}, ${trend(samples, field)}`;
  });
  return (
    <section class={`card panel ${stale ? "stale" : ""}`} aria-label={chart.title}>
      <header>
        <h3>{chart.title}</h3>
        <p class="values">
          {chart.lines.map(({ field, name }, n) => {
            const value = last?.[field];
            return (
              <span key={field} class={`line-${n}`}>
                <strong>{value === null || value === undefined ? "–" : chart.text(value)}</strong>{" "}
                <span class="faint">{name}</span>
              </span>
            );
          })}
          {limit.map((text) =>
            over ? (
              <Badge key={text} tone="bad" icon="stop">
                over the {text}
              </Badge>
            ) : (
              <span key={text} class="limit faint">
                {text}
              </span>
            ),
          )}
        </p>
      </header>
      <Plot
        label={`${chart.title} over the last minute: ${[...said, ...limit].join("; ")}`}
        names={chart.lines.map(({ name }) => name)}
        data={columns(samples, chart)}
        text={chart.text}
        end={end.current}
        threshold={threshold}
        group="metrics"
        range={range}
      />
      <button
        type="button"
        class="quiet small"
        aria-expanded={table.value}
        onClick={() => (table.value = !table.value)}
      >
        {table.value ? "Hide the table" : "Show as table"}
      </button>
      {table.value && (
        <Table
          label={`${chart.title}, newest first`}
          head={["Time", ...chart.lines.map(({ name }) => `#${name}`)]}
        >
          {samples.toReversed().map((sample) => (
            <tr key={sample.time}>
              <td>{new Date(sample.time).toLocaleTimeString("en-GB")}</td>
              {chart.lines.map(({ field }) => (
                <td key={field} class="number">
                  {sample[field] === null ? "–" : chart.text(sample[field])}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
