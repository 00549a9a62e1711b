import { createHash } from "node:crypto";
import { CitadelError } from "@citadel/core/errors";

/** The best first. */
const algorithms = ["sha512", "sha384", "sha256", "sha1"] as const;
type Algorithm = (typeof algorithms)[number];

/** Hashes of the best algorithm that an SRI text has; any of them counts. */
interface Hashes {
  readonly algorithm: Algorithm;
  readonly values: readonly string[];
}

function hashesOf(integrity: string): Hashes | undefined {
  const all = integrity.trim().split(/\s+/);
  for (const algorithm of algorithms) {
    const values = all.flatMap((one) => {
      const [, found, value = ""] = /^([a-z0-9]+)-([A-Za-z0-9+/=]+)(?:\?.*)?$/.exec(one) ?? [];
      return found === algorithm ? [value] : [];
    });
    if (values.length > 0) return { algorithm, values };
  }
  return undefined;
}

/** The best of several SRI texts about the same thing. @throws E_INTEGRITY when two of them cannot both be right */
export function strongest(what: string, given: readonly unknown[]): string | undefined {
  let best: { readonly text: string; readonly hashes: Hashes } | undefined;
  for (const text of given) {
    const hashes = typeof text === "string" ? hashesOf(text) : undefined;
    if (!hashes) continue;
    const rank = best ? algorithms.indexOf(hashes.algorithm) - algorithms.indexOf(best.hashes.algorithm) : -1; // prettier-ignore
    if (best && rank === 0 && !hashes.values.some((value) => best?.hashes.values.includes(value)))
      throw new CitadelError("E_INTEGRITY", `the lockfile names two different hashes of ${what}`, {
        hint: ["make the lockfile anew with its package manager"],
      });
    if (rank < 0) best = { text: text as string, hashes };
  }
  return best?.text;
}

/** Takes the bytes of a tarball and tells whether it is the one that is meant. */
export interface Check {
  update(chunk: Uint8Array): void;
  /** `sha512-…` of what came */
  integrity(): string;
  /** always, where nothing says what is meant */
  fits(): boolean;
}

export function checkOf(integrity: string | undefined): Check {
  const wanted = integrity === undefined ? undefined : hashesOf(integrity);
  const sha512 = createHash("sha512");
  const other = wanted && wanted.algorithm !== "sha512" ? createHash(wanted.algorithm) : undefined;
  let digest: string | undefined;
  const sum = (): string => (digest ??= sha512.digest("base64"));
  return {
    update(chunk) {
      sha512.update(chunk);
      other?.update(chunk);
    },
    integrity: () => `sha512-${sum()}`,
    fits: () => !wanted || wanted.values.includes(other ? other.digest("base64") : sum()),
  };
}

/** The hex SHA-1 in an address of yarn 1 as SRI. */
export const ofSha1 = (hex: string): string => `sha1-${Buffer.from(hex, "hex").toString("base64")}`;
