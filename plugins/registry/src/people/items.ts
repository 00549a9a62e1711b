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
  const words = grant
    ? [grant.secrets ? "secrets" : grant.packages === "write" ? "publish" : grant.packages]
    : ["everything"];
  if (grant?.names) words.push(grant.names.join(" "));
  if (automation) words.push("automation");
  return words.join(", ");
}
