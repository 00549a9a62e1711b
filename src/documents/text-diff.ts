import { confined } from "./confined.ts";

/** Lines that changed, with some around them. */
export interface Hunk {
  /** number of the first line before and after, from 1 */
  readonly before: number;
  readonly after: number;
  /** ` `, `+` or `-` and the line */
  readonly lines: readonly string[];
}

/** MB, ms */
const limits = { memory: 256, patience: 1000, start: 5000 };

/** What changed from one text to another; undefined where they are too long or too different to be told in a second. */
export const textDiff = (before: string, after: string): Promise<readonly Hunk[] | undefined> =>
  confined(new URL("./text-diff-worker.js", import.meta.url), { before, after }, limits);
