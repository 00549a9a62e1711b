import type { Palette } from "./colour.ts";
import { clean, columns, cut } from "./text.ts";

export interface Column<Row> {
  readonly name: string;
  value(row: Row): string | number | undefined;
  readonly align?: "left" | "right";
  /** columns of little importance are cut first: the highest number goes first; 0 is never cut (ids, versions) @default 1 */
  readonly importance?: number;
  /** says nothing when it is cut, such as a date: shown whole or not at all */
  readonly whole?: true;
}

export interface TableOptions {
  /** columns of the terminal; undefined where there is none: then tab-separated values without header */
  readonly width: number | undefined;
  readonly palette: Palette;
  readonly unicode: boolean;
}

const gap = "  ";
const least = 8;

/** The rows as text lines, one per row, without line ends. */
export function formatTable<Row>(
  rows: readonly Row[],
  table: readonly Column<Row>[],
  { width, palette, unicode }: TableOptions,
): string[] {
  const cells = rows.map((row) => table.map((column) => clean(String(column.value(row) ?? ""))));
  if (width === undefined) return cells.map((row) => row.join("\t"));
  if (rows.length === 0) return [];

  const widths = table.map(({ name }, i) =>
    Math.max(columns(name), ...cells.map((row) => columns(row[i] ?? ""))),
  );
  shrink(table, widths, width);
  const ellipsis = unicode ? "…" : "...";
  const line = (row: readonly string[]): string =>
    table
      .map(({ align }, i) => {
        const room = widths[i] ?? 0;
        if (room === 0) return undefined;
        const text = cut(row[i] ?? "", room, ellipsis);
        const space = " ".repeat(Math.max(0, room - columns(text)));
        return align === "right" ? space + text : text + space;
      })
      .filter((cell) => cell !== undefined)
      .join(gap)
      .trimEnd();
  return [palette.dim(line(table.map(({ name }) => name.toUpperCase()))), ...cells.map(line)];
}

/** Takes width away from the least important columns, down to a few letters, then takes them out; whole ones at once. */
function shrink<Row>(table: readonly Column<Row>[], widths: number[], most: number): void {
  const cuttable = table
    .map(({ importance = 1, whole = false }, i) => ({ importance, whole, i }))
    .filter(({ importance }) => importance > 0)
    .sort((a, b) => b.importance - a.importance || b.i - a.i);
  const over = (): number => {
    const shown = widths.filter((width) => width > 0);
    return shown.reduce((sum, width) => sum + width, 0) + gap.length * (shown.length - 1) - most;
  };
  for (const floor of [least, 0])
    for (const { i, whole } of cuttable) {
      const excess = over();
      if (excess <= 0) return;
      const width = widths[i] ?? 0;
      widths[i] = floor === 0 || whole ? 0 : Math.max(Math.min(width, floor), width - excess);
    }
}
