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
    figure: /packument.*gzip/,
    of: "Citadel on Node",
    to: "bare node:http",
    least: 0.8,
  },
  {
    what: "packuments on Bun against nginx",
    figure: /packument.*gzip/,
    of: "Citadel on Bun",
    to: "nginx",
    least: 0.8,
  },
  {
    what: "small packuments against Verdaccio",
    figure: /small packument.*gzip/,
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
    figure: /10 KB/,
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
    /** share of the machine that other programs used, at worst */
    readonly foreign: number;
  },
): string {
  const lines = [
    "# How fast it is",
    "",
    `Made by \`${how.command}\` on ${how.date}, on ${how.machine}: each server pinned to one core, the load on another,`,
    `${how.rounds} rounds in turn; medians, with minimum and maximum. On a shared machine only the ratios within one run mean anything.`,
    `Other programs used up to ${Math.round(how.foreign * 100)} % of the machine between the rounds; the more that is, the less the figures say.`,
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
    "| target | ratio | wanted | |",
    "| --- | --- | --- | --- |",
  );
  for (const { what, figure, of, to, least } of targets)
    for (const [name, row] of figures) {
      if (!figure.test(name)) continue;
      const ratio = median(row.get(of) ?? []) / median(row.get(to) ?? []);
      const verdict = ratio >= least ? "reached" : "**missed**";
      lines.push(`| ${what}: ${name} | ${ratio.toFixed(2)} | ${least} | ${verdict} |`);
    }
  const growth = [...figures].filter(([name]) => name.startsWith("publish of version"));
  const [first, last] = growth.map(([, row]) => median(row.get("Citadel on Node") ?? []));
  if (first && last) {
    const ratio = last / first;
    const verdict = ratio <= 1.5 ? "reached" : "**missed**";
    lines.push(
      `| ${growth[1]?.[0] ?? ""} against version 1 | ${ratio.toFixed(2)} | at most 1.5 | ${verdict} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function cell(values: readonly number[] | undefined): string {
  if (!values || values.length === 0) return "";
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
