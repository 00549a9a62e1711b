/** figure → contender → one value per round */
export type Figures = Map<string, Map<string, number[]>>;

const order = [
  "Citadel on Node",
  "Citadel on Bun",
  "bare node:http",
  "nginx",
  "Verdaccio",
  "Verdaccio, tuned",
];

/** What quality asks for: the figure, a ratio of two contenders, and its bound. */
const targets: readonly {
  readonly what: string;
  readonly figure: RegExp;
  readonly of: string;
  readonly to: string;
  readonly least: number;
}[] = [
  {
    what: "packuments against bare node:http",
    figure: /packument.*gzip, requests/,
    of: "Citadel on Node",
    to: "bare node:http",
    least: 0.8,
  },
  {
    what: "packuments on Bun against nginx",
    figure: /packument.*gzip, requests/,
    of: "Citadel on Bun",
    to: "nginx",
    least: 0.8,
  },
  {
    what: "packuments against Verdaccio",
    figure: /packument.*gzip, requests/,
    of: "Citadel on Node",
    to: "Verdaccio",
    least: 15,
  },
  {
    what: "304 against bare node:http",
    figure: /304/,
    of: "Citadel on Node",
    to: "bare node:http",
    least: 0.8,
  },
  {
    what: "tarball of 10 KB against bare node:http",
    figure: /10 KB, requests/,
    of: "Citadel on Node",
    to: "bare node:http",
    least: 0.8,
  },
  {
    what: "tarball of 2 MB against nginx",
    figure: /2 MB, MB/,
    of: "Citadel on Node",
    to: "nginx",
    least: 0.6,
  },
  {
    what: "publish, one at a time, against tuned Verdaccio",
    figure: /1 at a time/,
    of: "Citadel on Node",
    to: "Verdaccio, tuned",
    least: 2,
  },
  {
    what: "publish, 8 at a time, against tuned Verdaccio",
    figure: /8 at a time/,
    of: "Citadel on Node",
    to: "Verdaccio, tuned",
    least: 4,
  },
  {
    what: "publish, one at a time, against Verdaccio",
    figure: /1 at a time/,
    of: "Citadel on Node",
    to: "Verdaccio",
    least: 20,
  },
];

/** The page `docs/performance.md`. */
export function report(
  figures: Figures,
  how: {
    readonly command: string;
    readonly machine: string;
    readonly versions: string;
    readonly date: string;
    readonly rounds: number;
    /** shares of the machine, 0 to 1, that others used when each measurement began */
    readonly foreign: readonly number[];
  },
): string {
  const lines = [
    "# How fast it is",
    "",
    `Made by \`${how.command}\` on ${how.date}, on ${how.machine}: each server pinned to one core, the load on another,`,
    `${how.rounds} rounds in turn; medians, with minimum and maximum. On a shared machine only the ratios within one run mean anything.`,
    `${how.foreign.filter((share) => share > 0.1).length} of ${how.foreign.length} measurements began while other programs used more than a tenth of the machine.`,
    "nginx and bare node:http send the very bytes that Citadel answered, nginx from files, the other from memory.",
    "",
    `${how.versions}.`,
    "",
    `| work | ${order.join(" | ")} |`,
    `| --- |${" --- |".repeat(order.length)}`,
  ];
  for (const [figure, row] of figures) {
    const cells = order.map((label) => cell(row.get(label)));
    lines.push(`| ${figure} | ${cells.join(" | ")} |`);
  }
  lines.push(
    "",
    "## Against the targets",
    "",
    "The ratio of the two in each round: median, minimum and maximum. Reached or missed is what every round says; open is",
    "a target with rounds on both sides of it.",
    "",
    "| target | ratio | wanted | |",
    "| --- | --- | --- | --- |",
  );
  for (const { what, figure, of, to, least } of targets)
    for (const [name, row] of figures)
      if (figure.test(name)) {
        const others = row.get(to) ?? [];
        const ratios = (row.get(of) ?? []).flatMap((value, round) => {
          const other = others[round];
          return other === undefined ? [] : [value / other];
        });
        lines.push(`| ${what}: ${name} | ${cell(ratios)} | ${least} | ${verdict(ratios, least)} |`);
      }
  const growth = [...figures].filter(([name]) => name.startsWith("publish of version"));
  const [first, last] = growth.map(([, row]) => median(row.get("Citadel on Node") ?? []));
  if (first && last) {
    const said = last / first <= 1.5 ? "reached" : "**missed**";
    const ratio = `${(last / first).toFixed(2)}, of the medians`;
    lines.push(`| ${growth[1]?.[0] ?? ""} against version 1 | ${ratio} | at most 1.5 | ${said} |`);
  }
  return `${lines.join("\n")}\n`;
}

function verdict(ratios: readonly number[], least: number): string {
  if (ratios.length === 0) return "not measured";
  if (Math.min(...ratios) >= least) return "reached";
  return Math.max(...ratios) < least ? "**missed**" : "open";
}

function cell(values: readonly number[] | undefined): string {
  if (!values || values.length === 0) return "–";
  const shown = format(median(values));
  return values.length === 1
    ? shown
    : `${shown} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}

function format(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString("en-US")
    : value.toFixed(value >= 10 ? 1 : 2);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
