import { expect } from "vitest";
import type { Ran } from "./run.ts";

/** It went well; says what the command said when it did not. */
export function ok(ran: Ran): Ran {
  expect(ran.code, `${ran.command}\n${ran.output}`).toBe(0);
  return ran;
}

/** It was refused, and said why. */
export function refused(ran: Ran, why: RegExp): void {
  expect(ran.code, `${ran.command}\n${ran.output}`).not.toBe(0);
  // pnpm breaks lines and draws a bar before them
  expect(ran.output.replaceAll(/[\s│]+/g, " ")).toMatch(why);
}
