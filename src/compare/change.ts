export type Level = "major" | "minor" | "patch";

/** One difference between what is published and what is in the folder. */
export interface ApiChange {
  readonly level: Level;
  /** false: a person has to look whether it is that bad, or worse */
  readonly proven: boolean;
  readonly what: string;
  /** file and line in the tree that it is about, or the field of package.json */
  readonly where: string;
}

const levels: readonly Level[] = ["patch", "minor", "major"];

export const larger = (a: Level, b: Level): Level =>
  levels.indexOf(a) >= levels.indexOf(b) ? a : b;

export const largest = (all: readonly Level[]): Level => all.reduce(larger, "patch");

export const major = (what: string, where: string, proven = true): ApiChange => ({
  ...{ level: "major", proven, what, where },
});
export const minor = (what: string, where: string, proven = true): ApiChange => ({
  ...{ level: "minor", proven, what, where },
});
export const patch = (what: string, where: string, proven = true): ApiChange => ({
  ...{ level: "patch", proven, what, where },
});
