import type { Palette } from "../terminal/colour.ts";
import { clean, columns, cut } from "../terminal/text.ts";
import type { DrawnGraph, DrawnNode, DrawnStatus } from "./types.ts";

export interface TreeOptions {
  /** columns to keep to; undefined: as wide as it gets */
  readonly width?: number | undefined;
  /** lines of the tree and ellipses beyond ASCII @default false */
  readonly unicode?: boolean;
  readonly palette?: Palette;
}

const ascii = { tee: "|-- ", end: "`-- ", down: "|   ", none: "    ", ellipsis: "..." };
const drawn = { tee: "├─ ", end: "└─ ", down: "│  ", none: "   ", ellipsis: "…" };
const tight = { ...ascii, tee: "|-", end: "`-", down: "| ", none: "  " };

const colours: Readonly<Record<DrawnStatus, keyof Palette | undefined>> = {
  current: "good",
  rollback: "accent",
  ahead: "careful",
  archived: "dim",
  removed: "dim",
};

/** The graph as a tree of text, the newest branch and version first: a line each, without an end. */
export function drawTree(graph: DrawnGraph, options: TreeOptions = {}): string {
  const { width = Infinity, unicode = false, palette } = options;
  const glyphs = unicode ? drawn : width < 40 ? tight : ascii;
  const lines = [...Map.groupBy(graph.nodes, ({ line }) => line)].toReversed();
  const text = [
    fit(clean(graph.title), width, glyphs.ellipsis),
    fit(clean(graph.summary), width, glyphs.ellipsis),
  ];
  const rows = graph.nodes.map((node) => ({ node, cells: cellsOf(node) }));
  const widths = widthsOf(
    rows.map(({ cells }) => cells),
    width - 2 * glyphs.tee.length,
  );
  for (const [i, [line, nodes]] of lines.entries()) {
    const last = i === lines.length - 1;
    // a history of one branch needs no name for it
    if (line !== "") text.push((last ? glyphs.end : glyphs.tee) + (palette?.strong(line) ?? line));
    for (const [j, node] of nodes.toReversed().entries()) {
      const cells = rows.find((row) => row.node === node)?.cells ?? [];
      const before =
        (line === "" ? "" : last ? glyphs.none : glyphs.down) +
        (j === nodes.length - 1 ? glyphs.end : glyphs.tee);
      const room = width - columns(before);
      const body = fit(
        cells
          .map((cell, k) => padded(cell, widths[k] ?? 0))
          .filter(Boolean)
          .join("  ")
          .trimEnd(),
        // a version is never cut
        Math.max(room, columns(cells[0] ?? "")),
        glyphs.ellipsis,
      );
      const colour = colours[node.status];
      text.push(before + (palette && colour ? palette[colour](body) : body));
    }
  }
  return text.join("\n");
}

const fit = (text: string, width: number, ellipsis: string): string =>
  width === Infinity ? text : cut(text, width, ellipsis);

const padded = (cell: string, width: number): string =>
  width === 0 ? "" : cell + " ".repeat(Math.max(0, width - columns(cell)));

/** version, status, tags, date, author, remark */
function cellsOf({ id, status, said, tags, date, author, remarks }: DrawnNode): string[] {
  return [
    id,
    said ?? status,
    tags.map((tag) => `[${tag}]`).join(" "),
    date?.slice(0, 10) ?? "",
    author ?? "",
    remarks.join("; "),
  ].map(clean);
}

/** Which of the columns are shown, and how wide: the author goes first, then date, then tags. The last one may be cut. */
function widthsOf(rows: readonly (readonly string[])[], room: number): number[] {
  const widths = Array.from({ length: 6 }, (_, k) =>
    Math.max(0, ...rows.map((cells) => columns(cells[k] ?? ""))),
  );
  const total = (): number =>
    widths.slice(0, 5).reduce((sum, width) => sum + (width > 0 ? width + 2 : 0), -2);
  for (const k of [4, 3, 2]) if (total() > room) widths[k] = 0;
  return widths;
}
