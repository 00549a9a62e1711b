import { nearest } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import inc from "semver/functions/inc.js";
import parse from "semver/functions/parse.js";
import { invalidVersion } from "../parse.ts";

export const releaseTypes = [
  ...(["major", "minor", "patch"] as const),
  ...(["premajor", "preminor", "prepatch", "prerelease", "release"] as const),
] as const;
export type ReleaseType = (typeof releaseTypes)[number];

/** What people call a kind of change. */
const words: Readonly<Record<string, ReleaseType>> = {
  breaking: "major",
  feature: "minor",
  feat: "minor",
  fix: "patch",
};

/** @throws E_USAGE with the nearest kinds */
export function checkType(word: string): ReleaseType {
  const known =
    releaseTypes.find((type) => type === word) ??
    (Object.hasOwn(words, word) ? words[word] : undefined);
  if (known !== undefined) return known;
  const near = nearest(word, [...releaseTypes, ...Object.keys(words)]);
  throw new CitadelError("E_USAGE", `${JSON.stringify(word.slice(0, 40))} is no kind of change`, {
    hint: [
      ...near.map((one) => `did you mean ${one}?`),
      `there is ${[...releaseTypes, ...Object.keys(words)].join(", ")}`,
    ],
  });
}

export interface NextOptions {
  /** numbers that are, or were, published */
  readonly taken?: ReadonlySet<string>;
  /** word in a prerelease: `beta` */
  readonly preid?: string | undefined;
}

/**
 * The next free number after a version.
 * @throws E_INVALID_VERSION; E_USAGE for a `release` of what is one, or a bad `preid`
 */
export function nextVersion(
  base: string,
  type: ReleaseType,
  { taken = new Set(), preid }: NextOptions = {},
): string {
  const from = parse(base, { loose: true });
  if (!from) throw invalidVersion(base);
  if (type === "release" && from.prerelease.length === 0)
    throw new CitadelError("E_USAGE", `${from.version} is a release already`, {
      hint: ["say the kind of change: major, minor or patch"],
    });
  if (preid !== undefined && !parse(`1.0.0-${preid}`))
    throw new CitadelError(
      "E_USAGE",
      `${JSON.stringify(preid.slice(0, 40))} cannot stand in a prerelease`,
      {
        hint: ["use letters, digits and hyphens: beta"],
      },
    );
  const step = (version: string, kind: ReleaseType): string =>
    (preid === undefined ? inc(version, kind) : inc(version, kind, preid)) ?? version;
  let next = step(from.version, type);
  const on = type.startsWith("pre") ? "prerelease" : "patch";
  while (taken.has(next)) next = step(next, on);
  return next;
}

/** What each kind of change makes of a version. */
export function choices(base: string, options: NextOptions = {}): Record<string, string> {
  const kinds = releaseTypes.filter(
    (type) => type !== "release" || (parse(base, { loose: true })?.prerelease.length ?? 0) > 0,
  );
  return Object.fromEntries(kinds.map((kind) => [kind, nextVersion(base, kind, options)]));
}
