import { errors } from "@citadel/core/errors";
import type { Failure } from "./fetch.ts";

/** Exit code of several failures: that of damage if there is any, else the one they have in common. */
export function exitOf(failed: readonly Failure[]): number {
  const exits = new Set(failed.map(({ code }) => errors[code as keyof typeof errors]?.exit ?? 1));
  const { exit: damaged } = errors.E_INTEGRITY;
  if (exits.has(damaged)) return damaged;
  const [first = 0] = exits;
  return exits.size > 1 ? 1 : first;
}
