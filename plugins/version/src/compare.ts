import compare from "semver/functions/compare.js";
import diff from "semver/functions/diff.js";
import parse from "semver/functions/parse.js";
import satisfies from "semver/functions/satisfies.js";
import gtr from "semver/ranges/gtr.js";
import intersects from "semver/ranges/intersects.js";
import ltr from "semver/ranges/ltr.js";
import subset from "semver/ranges/subset.js";
import { parseVersion, type ParsedRange, type ParsedVersion } from "./parse.ts";

/** What two versions, a version and a range, or two ranges are to each other. */
export interface Comparison {
  readonly a: string;
  readonly b: string;
  /** `<`, `>`, `=` of versions; of a version and a range also `in`; of ranges `within`, `contains`, `overlaps`, `apart` */
  readonly relation: "<" | ">" | "=" | "in" | "out" | "within" | "contains" | "overlaps" | "apart";
  /** -1, 0 or 1, as sorting wants it; 0 for ranges */
  readonly order: -1 | 0 | 1;
  /** kind of change between two versions; null when there is none, and for ranges */
  readonly difference: string | null;
  /** the rule that decides, in words */
  readonly why: string;
}

/** @throws E_INVALID_VERSION */
export function compareVersions(first: string, second: string): Comparison {
  const a = parseVersion(first);
  const b = parseVersion(second);
  if (a.type === "version" && b.type === "version") return versions(a, b);
  if (a.type === "range" && b.type === "range") return ranges(a, b);
  if (a.type === "version") return versionAndRange(a, b as ParsedRange);
  const turned = versionAndRange(b as ParsedVersion, a);
  return { ...turned, a: turned.b, b: turned.a };
}

function versions(a: ParsedVersion, b: ParsedVersion): Comparison {
  const order = compare(a.version, b.version);
  const relation = order < 0 ? "<" : order > 0 ? ">" : "=";
  const difference = diff(a.version, b.version);
  return { a: a.version, b: b.version, relation, order, difference, why: whyOf(a, b) };
}

function whyOf(a: ParsedVersion, b: ParsedVersion): string {
  for (const part of ["major", "minor", "patch"] as const)
    if (a[part] !== b[part])
      return `${part} ${a[part]} is ${a[part] < b[part] ? "lower" : "higher"} than ${b[part]}`;
  const [p, q] = [a.prerelease, b.prerelease];
  if (p.length === 0 && q.length === 0)
    return a.build.join(".") === b.build.join(".")
      ? "all numbers are equal"
      : "all numbers are equal; build metadata does not count";
  if (p.length === 0 || q.length === 0) {
    const [early, late] = p.length > 0 ? [a, b] : [b, a];
    return `${early.version} is a prerelease of ${late.version} and comes before it`;
  }
  for (let i = 0; i < Math.max(p.length, q.length); i++) {
    const [x, y] = [p[i], q[i]];
    if (x === y) continue;
    if (x === undefined || y === undefined)
      return `the prereleases begin alike, and ${x === undefined ? b.version : a.version} says more`;
    if (typeof x !== typeof y)
      return `in a prerelease a number (${typeof x === "number" ? x : y}) comes before a word (${typeof x === "number" ? y : x})`;
    return `prerelease ${x} comes ${x < y ? "before" : "after"} ${y}`;
  }
  return a.build.join(".") === b.build.join(".")
    ? "all parts are equal"
    : "all parts are equal; build metadata does not count";
}

function versionAndRange({ version }: ParsedVersion, { input, range }: ParsedRange): Comparison {
  const shown = input.trim();
  const common = { a: version, b: shown, difference: null };
  if (satisfies(version, range))
    return { ...common, relation: "in", order: 0, why: `${version} fits ${shown}` };
  if (satisfies(version, range, { includePrerelease: true }))
    return {
      ...common,
      relation: "out",
      order: 0,
      why: `${version} lies within ${shown}, but a prerelease fits only a range that names a prerelease of ${parse(version)?.major}.${parse(version)?.minor}.${parse(version)?.patch}`,
    };
  if (gtr(version, range))
    return { ...common, relation: ">", order: 1, why: `${version} is above ${shown}` };
  if (ltr(version, range))
    return { ...common, relation: "<", order: -1, why: `${version} is below ${shown}` };
  return { ...common, relation: "out", order: 0, why: `${version} falls in a gap of ${shown}` };
}

function ranges(first: ParsedRange, second: ParsedRange): Comparison {
  const [a, b] = [first.input.trim(), second.input.trim()];
  const within = subset(first.range, second.range);
  const contains = subset(second.range, first.range);
  const [relation, why] = within
    ? contains
      ? (["=", "both admit the same versions"] as const)
      : (["within", `${b} admits everything that ${a} admits, and more`] as const)
    : contains
      ? (["contains", `${a} admits everything that ${b} admits, and more`] as const)
      : intersects(first.range, second.range)
        ? (["overlaps", "some versions fit both, some only one of them"] as const)
        : (["apart", "no version fits both"] as const);
  return { a, b, relation, order: 0, difference: null, why };
}
