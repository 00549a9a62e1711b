import { formatSize } from "../config/units.ts";
import type { Progress } from "./progress.ts";
import type { Column } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** A name and its value, as the commands that show one thing print them. */
export type Fact = readonly [name: string, value: string | number | boolean | undefined];

/** Rows for the facts that there are, booleans as words. */
export const facts = (all: readonly Fact[]): Fact[] =>
  all
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => [name, typeof value === "boolean" ? (value ? "yes" : "no") : value]);

export const factColumns: readonly Column<Fact>[] = [
  { name: "what", value: ([name]) => name, importance: 0 },
  { name: "value", value: ([, value]) => String(value), importance: 0 },
];

/** Bytes for people on a terminal, exact ones for programs. */
export const sizeText = (terminal: Terminal, bytes: number): string =>
  terminal.out.tty ? formatSize(bytes) : String(bytes);

/** A date for people on a terminal, ISO 8601 for programs. */
export const timeText = (terminal: Terminal, ms: number): string => {
  const iso = new Date(ms).toISOString();
  return terminal.out.tty ? iso.slice(0, 16).replace("T", " ") : iso;
};

/** What long work says about itself, on the terminal. */
export function showPhases(
  progress: Progress,
): (at: { readonly phase: string; readonly done: number; readonly total?: number }) => void {
  let now = "";
  return ({ phase, done, total }) => {
    if (phase !== now) progress.phase((now = phase), total);
    progress.at(done);
  };
}
