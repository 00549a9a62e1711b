import type { Meta, Retention } from "./meta.ts";
import type { SecretState } from "./types.ts";

/** The stricter of what a secret and its scope say. */
export function retentionOf(meta: Retention, scope: Retention): Retention {
  const least = (a?: number, b?: number): number => Math.min(a ?? Infinity, b ?? Infinity);
  return {
    maxVersions: least(meta.maxVersions, scope.maxVersions),
    deleteAfter: least(meta.deleteAfter, scope.deleteAfter),
    casRequired: meta.casRequired === true || scope.casRequired === true,
  };
}

type Labelled = Pick<SecretState, "current" | "previous" | "rotation">;

/** All labels of a version. */
export function labelsOf(
  { current, previous, rotation }: Labelled,
  meta: Meta,
  n: number,
): string[] {
  const own = { current, previous, pending: rotation?.n, ...meta.labels };
  return Object.entries(own)
    .filter(([, version]) => version === n)
    .map(([label]) => label);
}

/** Versions that are no longer kept, oldest first; never one with a label. @param now ms since 1970 */
export function outdated(
  secret: Labelled & Pick<SecretState, "versions">,
  meta: Meta,
  { maxVersions = Infinity, deleteAfter = Infinity }: Retention,
  now: number,
): number[] {
  const kept = secret.versions.filter(({ state }) => state !== "destroyed");
  let surplus = kept.length - maxVersions;
  const gone: number[] = [];
  for (const { record } of kept) {
    const { n, at } = record.place;
    if (labelsOf(secret, meta, n).length > 0) continue;
    if (surplus <= 0 && now - at <= deleteAfter) continue;
    gone.push(n);
    surplus--;
  }
  return gone;
}
