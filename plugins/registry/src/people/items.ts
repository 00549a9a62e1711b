import type { TokenInfo } from "@citadel/core/access";

/** A token as `--json` shows it; times are ISO 8601. */
export const tokenItem = ({ created, expires, lastUsed, ...info }: TokenInfo): object => ({
  ...info,
  created: isoOf(created),
  expires: isoOf(expires),
  lastUsed: isoOf(lastUsed),
});

const isoOf = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/** What a token may be used for, in a few words. */
export function mayOf({ grant, automation }: TokenInfo): string {
  const words = grant ? [] : ["everything"];
  if (grant?.secrets) words.push("secrets");
  if (grant?.metrics) words.push("metrics");
  if (grant && (words.length === 0 || grant.packages !== "none"))
    words.unshift(grant.packages === "write" ? "publish" : grant.packages);
  if (grant?.names) words.push(grant.names.join(" "));
  if (automation) words.push("automation");
  return words.join(", ");
}
