import { formatDuration, formatSize } from "@citadel/core";
import type { MetricField, MetricsSample } from "@citadel/core/frames";
import { decodeHeader } from "@citadel/core/live";
import { clean, columns, cut, type Palette } from "@citadel/core/terminal";
import type { Model } from "./model.ts";

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
  readonly unicode: boolean;
}

interface Gauge {
  readonly name: string;
  readonly field: MetricField;
  readonly show: (value: number) => string;
}

const plain = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
const gauges: readonly Gauge[] = [
  { name: "cpu", field: "cpu", show: (value) => `${plain(value)} %` },
  { name: "memory", field: "rss", show: formatSize },
  { name: "requests/s", field: "rps", show: plain },
  { name: "lag p99", field: "lagP99", show: (value) => `${plain(value)} ms` },
  { name: "downloads/s", field: "downloads", show: plain },
  { name: "publishes/s", field: "publishes", show: plain },
  { name: "bytes out/s", field: "bytesOut", show: formatSize },
  { name: "connections", field: "connections", show: (value) => value.toFixed(0) },
];

/**
 * A whole screen: exactly `height` lines, none wider than `width`. The last is the prompt's, and is left empty.
 * @param now ms since 1970
 */
export function draw(model: Model, look: Look, now: number): readonly string[] {
  const { width, height, palette } = look;
  const top = [
    ...header(model, look, now),
    ...meters(model, look),
    alerts(model, look),
    ...model.events.slice(0, height > 30 ? 5 : 2).map((event) => palette.dim(clean(event))),
    rule(look),
  ];
  const room = Math.max(0, height - 1 - top.length);
  const said = room === 0 ? [] : model.output.slice(-room);
  const blank = Array.from({ length: room - said.length }, () => "");
  return [...top.slice(0, height - 1), ...blank, ...said, ""].map((line) => fit(line, width, look));
}

function header(model: Model, look: Look, now: number): string[] {
  const { palette, unicode } = look;
  const { link, place, bytes, since } = model;
  const { features, terminalMode, rows, cols, version } = decodeHeader(bytes);
  const [live, other] = unicode ? ["●", "○"] : ["*", "o"];
  const state =
    link === "live" ? palette.good(`${live} live`) : palette.careful(`${other} ${link}`);
  const up = since === undefined ? "" : `  up ${formatDuration(Math.floor((now - since) / 1000) * 1000)}`; // prettier-ignore
  const hex = bytes.toString("hex");
  const parts = [[0, 2], [2, 10], [10, 18], [18, 20], [20, 22], [22, 24], [24, 26]] as const; // prettier-ignore
  const flags = Object.entries(features).map(([name, on]) =>
    on ? palette.good(`+${name}`) : palette.dim(`-${name}`),
  );
  return [
    `${palette.strong("citadel")}  ${state}  ${clean(place)}${up}`,
    `${palette.accent(parts.map(([from, to]) => hex.slice(from, to)).join(" "))}  ${palette.dim(`version ${version}, ${terminalMode}, ${rows} × ${cols}`)}`,
    ...pack(flags, look),
  ];
}

/** Words in as few lines as they need. */
function pack(words: readonly string[], { width }: Look): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && columns(last) + columns(word) < width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function meters({ samples, link }: Model, look: Look): string[] {
  const { palette, width, height } = look;
  if (samples.length === 0)
    return link === "embedded" ? [] : [palette.dim("no figures yet (is METRICS on?)")];
  const shown = gauges.slice(0, height < 20 ? 4 : gauges.length);
  const half = width >= 72 ? 2 : 1;
  const cell = Math.floor(width / half);
  const cells = shown.map(({ name, field, show }) => {
    const last = samples.at(-1)?.[field];
    const value = last === null || last === undefined ? "-" : show(last);
    const front = `${name.padEnd(12)}${value.padStart(9)} `;
    const line = sparkline(samples, field, Math.max(0, cell - front.length - 2), look);
    return { text: `${palette.dim(name.padEnd(12))}${value.padStart(9)} ${palette.accent(line)}`, size: front.length + columns(line) }; // prettier-ignore
  });
  const lines: string[] = [];
  for (let n = 0; n < cells.length; n += half)
    lines.push(cells.slice(n, n + half).map(({ text, size }) => text + " ".repeat(Math.max(0, cell - size))).join("")); // prettier-ignore
  return lines;
}

/** The newest values as bars; what is not known is a gap. */
export function sparkline(
  samples: readonly MetricsSample[],
  field: MetricField,
  width: number,
  { unicode }: Pick<Look, "unicode">,
): string {
  const bars = unicode ? "▁▂▃▄▅▆▇█" : "_.-=+*%#";
  const values = width === 0 ? [] : samples.slice(-width).map((sample) => sample[field]);
  const most = Math.max(...values.map((value) => value ?? 0));
  const bar = (value: number): string =>
    bars[most <= 0 ? 0 : Math.min(bars.length - 1, Math.floor((value / most) * bars.length))] ?? "";
  return values.map((value) => (value === null ? " " : bar(value))).join("");
}

function alerts({ alerts: firing }: Model, { palette, unicode }: Look): string {
  if (firing.size === 0) return palette.dim("alerts: none");
  const texts = Array.from(firing.values(), ({ rule: name, description }) =>
    clean(`${name} ${description}`),
  );
  return palette.bad(`${unicode ? "▲" : "!"} firing: ${texts.join("; ")}`);
}

const rule = ({ width, palette, unicode }: Look): string =>
  palette.dim((unicode ? "─" : "-").repeat(width));

/** Cuts by columns what is too wide; then its colours go. */
const fit = (line: string, width: number, { unicode }: Look): string =>
  columns(line) <= width ? line : cut(clean(line), width, unicode ? "…" : "...");
