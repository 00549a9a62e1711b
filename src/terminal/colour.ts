import type { Environment } from "../config/environment.ts";

/** 0 none, 1 the sixteen basic ones, 2 256, 3 all */
export type ColourLevel = 0 | 1 | 2 | 3;

const styles = ["strong", "dim", "good", "bad", "careful", "accent"] as const;
/** Text in a style; the text itself where colour is off. */
export type Palette = Readonly<Record<(typeof styles)[number], (text: string) => string>>;

/**
 * How many colours one stream gets. `NO_COLOR`, `TERM=dumb` and `--no-color` switch them off; `FORCE_COLOR` and
 * `CLICOLOR_FORCE` stand in for a terminal.
 */
export function colourLevel(
  stream: { readonly isTTY?: boolean },
  env: Environment,
  noColor = false,
): ColourLevel {
  const force = env["FORCE_COLOR"];
  if (noColor || env["NO_COLOR"] || env["TERM"] === "dumb") return 0;
  if (force === "0" || force === "false") return 0;
  const forced = force !== undefined || !["", "0", undefined].includes(env["CLICOLOR_FORCE"]);
  if (!stream.isTTY && !forced) return 0;
  if (force === "2" || force === "3") return Number(force) as ColourLevel;
  if (/^(truecolor|24bit)$/.test(env["COLORTERM"] ?? "")) return 3;
  return /-256(color)?$/.test(env["TERM"] ?? "") ? 2 : 1;
}

/** The styles at a level. Loads the library only where there is colour. */
export async function palette(level: ColourLevel): Promise<Palette> {
  if (level === 0) {
    const plain = (text: string): string => text;
    return Object.fromEntries(styles.map((style) => [style, plain])) as Palette;
  }
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level });
  return {
    strong: chalk.bold,
    dim: chalk.dim,
    good: chalk.green,
    bad: chalk.red,
    careful: chalk.yellow,
    accent: chalk.cyan,
  };
}

/** Whether glyphs beyond ASCII can be expected to show. */
export function unicode(env: Environment): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  const windows = process.platform === "win32" && Boolean(env["WT_SESSION"]);
  return (windows || /utf-?8/i.test(locale)) && !/^(dumb|linux)$/.test(env["TERM"] ?? "");
}
