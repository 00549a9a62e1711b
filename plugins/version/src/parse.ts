import { CitadelError } from "@citadel/core/errors";
import coerce from "semver/functions/coerce.js";
import inc from "semver/functions/inc.js";
import parse from "semver/functions/parse.js";
import minVersion from "semver/ranges/min-version.js";
import validRange from "semver/ranges/valid.js";

/** A version and its parts. */
export interface ParsedVersion {
  readonly type: "version";
  readonly input: string;
  /** as a registry keeps it: without `v`, `=` and build metadata */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: readonly (string | number)[];
  readonly build: readonly string[];
  /** it was not written as the standard says */
  readonly loose: boolean;
  readonly next: { readonly major: string; readonly minor: string; readonly patch: string };
}

/** A range and what it means. */
export interface ParsedRange {
  readonly type: "range";
  readonly input: string;
  /** written out: `>=1.2.0 <2.0.0-0` */
  readonly range: string;
  /** the lowest version that fits */
  readonly lowest: string;
}

/** characters of a version or range */
const longest = 256;

/**
 * A version or a range.
 * @throws E_INVALID_VERSION with what may have been meant
 */
export function parseVersion(input: string): ParsedVersion | ParsedRange {
  const text = input.trim();
  if (text.length <= longest) {
    const strict = parse(text);
    const version = strict ?? parse(text, { loose: true });
    if (version) {
      const { major, minor, patch, prerelease, build } = version;
      const next = (kind: "major" | "minor" | "patch"): string => inc(version.version, kind) ?? "";
      return {
        type: "version",
        input,
        version: version.version,
        ...{ major, minor, patch, prerelease, build },
        loose: !strict || /^[v=]/.test(text),
        next: { major: next("major"), minor: next("minor"), patch: next("patch") },
      };
    }
    const range = validRange(text);
    if (range !== null)
      return {
        type: "range",
        input,
        range: range || "*",
        lowest: minVersion(range)?.version ?? "",
      };
  }
  throw invalidVersion(input);
}

export function invalidVersion(input: string): CitadelError {
  const shown = input.slice(0, 80);
  const meant = input.length <= longest ? coerce(input, { includePrerelease: true }) : null;
  return new CitadelError(
    "E_INVALID_VERSION",
    `${JSON.stringify(shown)} is neither a version nor a range`,
    meant ? { hint: [`did you mean ${meant.version}?`] } : {},
  );
}
