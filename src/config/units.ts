import { CitadelError } from "../errors.ts";

const sizes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const durations: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  min: 60e3,
  m: 60e3,
  h: 3_600e3,
  d: 86_400e3,
  w: 604_800e3,
};

/** Bytes of `100MB` (10^6), `64MiB` (2^20) or a plain number; undefined when it is none of these. */
export const parseSize = (raw: unknown): number | undefined => quantity(raw, sizes);
/** Milliseconds of `48h`, `15min`, `500ms` or a plain number; undefined when it is none of these. */
export const parseDuration = (raw: unknown): number | undefined => quantity(raw, durations);

/** A date, or how long ago (`7d`), as ms since 1970; undefined when it is neither. */
export function parseMoment(text: string, now: number): number | undefined {
  const ago = parseDuration(text);
  const time = ago === undefined ? Date.parse(text) : now - ago;
  return Number.isNaN(time) ? undefined : time;
}

/** The same of what was given for a flag. @throws E_USAGE */
export function moment(given: string, flag: string): number {
  const time = parseMoment(given, Date.now());
  if (time !== undefined) return time;
  throw new CitadelError("E_USAGE", `${flag} is neither a duration such as 7d nor a date`, {
    hint: [`write it as ${flag} 7d or ${flag} 2026-03-01`],
  });
}

/** Bytes for people: `128 MB`. */
export const formatSize = (bytes: number): string => format(bytes, sizes, ["tb", "gb", "mb", "kb"]);
/** Milliseconds for people: `48 h`. */
export const formatDuration = (ms: number): string => format(ms, durations, ["h", "min", "s"]);

function quantity(raw: unknown, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(raw).trim()) ?? [];
  const factor = unit === "" ? 1 : units[unit.toLowerCase()];
  if (amount === undefined || factor === undefined) return undefined;
  const value = Math.round(Number(amount) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

function format(
  value: number,
  units: Readonly<Record<string, number>>,
  names: readonly string[],
): string {
  const unit = names.find((name) => value >= (units[name] ?? 1));
  const small = units === sizes ? "B" : "ms";
  if (!unit) return `${value} ${small}`;
  const rounded = Number((value / (units[unit] ?? 1)).toPrecision(3));
  return `${rounded} ${units === sizes ? unit.toUpperCase().replace("KB", "kB") : unit}`;
}
