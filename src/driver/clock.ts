import { StoreError } from "./error.ts";

/** ms that the clock of this machine may differ from a server's: far below any grace time that is counted by both. */
const MOST_SKEW = 5 * 60 * 1000;

/**
 * Compares `theirs`, ms since 1970 by the server's clock just now, with the clock of this machine. What is garbage by
 * one clock may be new by the other, and things would expire when nobody expects it: throws DENIED when they are more
 * than five minutes apart.
 *
 * @param server for the message, such as `Redis at localhost:6379`
 */
export function checkClock(server: string, theirs: number): void {
  const behind = theirs - Date.now();
  if (Math.abs(behind) <= MOST_SKEW) return;
  throw new StoreError(
    "DENIED",
    `${server}: the clock of this machine is ${Math.round(Math.abs(behind) / 60_000)} minutes ${behind > 0 ? "behind" : "ahead"}: set it (timedatectl set-ntp true)`,
  );
}
