import { useEffect, useRef } from "preact/hooks";
import type { DownloadCounts } from "../../../../src/dashboard/packages/downloads.ts";
import { count } from "../../format.ts";
import { colours } from "../../parts/colours.ts";
import { theme } from "../../theme.ts";

const height = 200;

/** Bars, one for each day. */
export function Chart({
  label,
  days,
}: {
  readonly label: string;
  readonly days: DownloadCounts["items"];
}) {
  const place = useRef<HTMLDivElement>(null);
  const now = theme.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    let gone = false;
    let end = (): void => {};
    void draw(element, days).then((remove) => {
      if (gone) remove();
      else end = remove;
    });
    return () => {
      gone = true;
      end();
    };
  }, [days, now]);
  return <div ref={place} class="chart" role="img" aria-label={label} />;
}

/** @returns takes the chart away */
async function draw(element: HTMLElement, days: DownloadCounts["items"]): Promise<() => void> {
  const [{ default: Plot }] = await Promise.all([
    import("uplot"),
    import("uplot/dist/uPlot.min.css"),
  ]);
  const colour = colours(element);
  const axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  const plot = new Plot(
    {
      width: element.clientWidth,
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, __, most) => [0, Math.max(4, most)] } },
      axes: [
        { ...axis, size: 28, grid: { show: false }, values: (_, ticks) => ticks.map(dayOf) },
        {
          ...axis,
          size: 56,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6, 1e7],
          values: (_, ticks) => ticks.map((tick) => count(tick)),
        },
      ],
      series: [
        {},
        {
          stroke: colour("--accent"),
          width: 0,
          fill: colour("--accent"),
          points: { show: false },
          ...(Plot.paths.bars && { paths: Plot.paths.bars({ size: [0.7, 24] }) }),
        },
      ],
    },
    [days.map(({ day }) => Date.parse(day) / 1000), days.map(({ downloads }) => downloads)],
    element,
  );
  const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
  watch.observe(element);
  return () => {
    watch.disconnect();
    plot.destroy();
  };
}

const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(5, 10);
