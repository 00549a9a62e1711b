import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../theme.ts";
import { colours } from "./colours.ts";

export interface PlotProps {
  /** what it shows, with the value and where it goes, for who does not see it */
  readonly label: string;
  readonly names: readonly string[];
  /** seconds, then a line for each name */
  readonly data: uPlot.AlignedData;
  readonly text: (value: number) => string;
  readonly end: number;
  readonly threshold?: number | undefined;
  /** charts of one group share their cursor */
  readonly group: string;
  /** of the time axis, seconds */
  readonly range: readonly [number, number];
}

const height = 150;

/** A line chart over time. */
export function Plot(props: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const now = useRef(props);
  now.current = props;
  const { data, range, end, threshold, label } = props;

  useEffect(() => {
    const target = place.current;
    if (!target) return undefined;
    const made = new uPlot(optionsOf(target, now), now.current.data, target);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height }));
    watch.observe(target);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [theme.value]);
  useEffect(() => {
    plot.current?.setData(data, false);
    plot.current?.batch(() => {
      plot.current?.setScale("x", { min: range[0], max: range[1] });
      plot.current?.setScale("y", { min: 0, max: end });
    });
  }, [data, range[0], range[1], end, threshold]);
  return <div ref={place} class="plot" role="img" aria-label={label} />;
}

function optionsOf(place: HTMLElement, now: { readonly current: PlotProps }): uPlot.Options {
  const { names, group } = now.current;
  const colour = colours(place);
  const axis: uPlot.Axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width: place.clientWidth,
    height,
    legend: { show: false },
    cursor: {
      sync: { key: group },
      drag: { x: false, y: false },
      points: { size: 6 },
    },
    scales: { x: { time: true, auto: false }, y: { auto: false } },
    axes: [
      {
        ...axis,
        ...{ size: 28, space: 90 },
        values: (_, ticks) =>
          ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString("en-GB")),
      },
      {
        ...axis,
        size: 64,
        space: 36,
        values: (_, ticks) => ticks.map((tick) => now.current.text(tick)),
      },
    ],
    series: [
      {},
      ...names.map((name, n) => ({
        label: name,
        stroke: colour(lineColours[n] ?? "--accent"),
        width: 2,
        ...(n > 0 && { dash: [6, 4] }),
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      draw: [
        (chart) => {
          const { threshold, end } = now.current;
          if (threshold === undefined || threshold > end) return;
          const y = Math.round(chart.valToPos(threshold, "y", true));
          const { ctx, bbox } = chart;
          ctx.save();
          ctx.strokeStyle = colour("--bad");
          ctx.setLineDash([4, 4]);
          ctx.beginPath();
          ctx.moveTo(bbox.left, y);
          ctx.lineTo(bbox.left + bbox.width, y);
          ctx.stroke();
          ctx.restore();
        },
      ],
    },
  };
}

const lineColours = ["--accent", "--warn"];
