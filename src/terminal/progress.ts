import { formatSize } from "../config/units.ts";
import type { Terminal } from "./terminal.ts";
import { cut } from "./text.ts";

/** Long work, shown on stderr: a line that moves on a terminal, else one line per phase. */
export interface Progress {
  /** A new phase begins, of `total` bytes or items when that is known. */
  phase(label: string, total?: number): void;
  /** So much of the phase is done. */
  at(done: number): void;
  /** Takes the moving line away; the caller prints the summary. */
  stop(): void;
}

const delay = 150;
const every = 100;

/** @param unit what is counted; `bytes` get a rate */
export function startProgress(
  terminal: Terminal,
  label: string,
  { total, unit = "bytes" }: { readonly total?: number; readonly unit?: string } = {},
): Progress {
  const { stream, motion } = terminal.err;
  let now = { label, total, done: 0, since: Date.now() };
  if (!motion) {
    const say = (text: string): void => terminal.note(text);
    say(label);
    return { phase: (text) => say(text), at() {}, stop() {} };
  }
  const begun = Date.now();
  let drawn = false;
  const draw = (): void => {
    if (Date.now() - begun < delay) return;
    drawn = true;
    const frame = frameOf(Math.floor((Date.now() - begun) / every), terminal.unicode);
    const text = cut(
      `${frame} ${describe(now, unit, terminal.unicode)}`,
      terminal.err.width - 1,
      "",
    );
    stream.write(`\r\x1b[K${text}`);
  };
  const timer = setInterval(draw, every).unref();
  return {
    phase(text, all) {
      now = { label: text, total: all, done: 0, since: Date.now() };
    },
    at(done) {
      now.done = done;
    },
    stop() {
      clearInterval(timer);
      if (drawn) stream.write("\r\x1b[K");
    },
  };
}

interface Phase {
  readonly label: string;
  readonly total: number | undefined;
  readonly done: number;
  readonly since: number;
}

/** `packing ████░░░░ 12 MB of 30 MB, 5 MB/s, 4 s left` */
function describe({ label, total, done, since }: Phase, unit: string, unicode: boolean): string {
  const seconds = (Date.now() - since) / 1000;
  const amount = (n: number): string => (unit === "bytes" ? formatSize(n) : `${n} ${unit}`);
  if (done === 0) return label;
  const rate = done / Math.max(seconds, 0.001);
  const speed = unit === "bytes" ? `, ${formatSize(Math.round(rate))}/s` : "";
  if (!total) return `${label} ${amount(done)}${speed}`;
  const left = Math.ceil(Math.max(0, total - done) / rate);
  return `${label} ${bar(done / total, unicode)} ${amount(done)} of ${amount(total)}${speed}, ${left} s left`;
}

function bar(part: number, unicode: boolean, width = 16): string {
  const full = Math.round(Math.min(1, part) * width);
  const [on, off] = unicode ? ["█", "░"] : ["#", "-"];
  return String(on).repeat(full) + String(off).repeat(width - full);
}

function frameOf(tick: number, unicode: boolean): string {
  const frames = unicode ? "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" : "|/-\\";
  return frames[tick % frames.length] ?? "";
}
