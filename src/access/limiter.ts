import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { plainAddress } from "../addresses.ts";
import { isLoopback } from "../config/hosts.ts";
import type { Driver } from "../driver/driver.ts";
import { CitadelError } from "../errors.ts";
import { temporary } from "../store/temporary.ts";

/** ms over which tries are counted, from the first one */
const span = 15 * 60_000;

/** What tries are counted under, and how many are too many. */
export interface Counted {
  readonly key: string;
  readonly most: number;
}

/** Slows down whoever guesses. The counts lie in the store, so that all servers count together, and pass by themselves. */
export interface Limiter {
  /**
   * Counts a try before it is made, so that many at once are no way around it.
   * @returns takes the try back, because it was right
   * @throws E_RATE_LIMIT
   */
  take(counted: readonly Counted[]): Promise<() => Promise<void>>;
}

export function createLimiter(driver: Driver): Limiter {
  const counts = temporary<number>(driver, "tries");

  const count = ({ key, most }: Counted): Promise<string> => {
    const name = createHash("sha256").update(key).digest("hex");
    return counts.change(name, (now) => {
      const tries = now?.value ?? 0;
      const until = now?.until ?? Date.now() + span;
      if (tries >= most) throw tooMany(until);
      return { next: { value: tries + 1, until }, answer: name };
    });
  };
  const giveBack = (name: string): Promise<void> =>
    counts.change(name, (now) => ({
      next: now && now.value > 0 ? { ...now, value: now.value - 1 } : undefined,
      answer: undefined,
    }));

  return {
    async take(counted) {
      const names: string[] = [];
      for (const one of counted) names.push(await count(one));
      return async () => void (await Promise.all(names.map(giveBack)));
    },
  };
}

function tooMany(until: number): CitadelError {
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
  return new CitadelError("E_RATE_LIMIT", `too many failed tries; wait ${seconds} seconds`, {
    retryAfter: seconds,
  });
}

/**
 * The client that tries are counted under: an IPv4 address, the /64 of an IPv6 address. None for this machine, where everybody
 * behind a proxy that is not trusted would be one.
 */
export function countedClient(address: string | undefined): string | undefined {
  if (address === undefined || isLoopback(address)) return undefined;
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  const groups = tail === undefined ? front : [...front, ...zeros, ...back];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
