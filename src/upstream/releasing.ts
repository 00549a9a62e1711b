import { matches } from "../patterns.ts";
import type { Exception } from "../policy/types.ts";

/** Whether one of these exceptions has a version of a package served although upstream took it back. */
export async function releasing(
  exceptions: readonly Exception[],
  name: string,
  now: number,
): Promise<((version: string) => readonly Exception[]) | undefined> {
  const mine = exceptions.filter(
    ({ pattern, range, families, until = Infinity }) =>
      range !== undefined &&
      until > now &&
      matches(pattern, name) &&
      (families?.includes("names") ?? true),
  );
  if (mine.length === 0) return undefined;
  const { default: satisfies } = await import("semver/functions/satisfies.js");
  return (version) =>
    mine.filter(({ range = "" }) => satisfies(version, range, { includePrerelease: true }));
}
