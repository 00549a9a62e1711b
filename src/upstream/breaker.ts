import { CitadelError, errorCode } from "../errors.ts";

/** Whether somebody is asked at all. */
export interface BreakerState {
  /** `open`: nobody is asked; `half-open`: one request finds out whether that can end */
  readonly state: "closed" | "open" | "half-open";
  /** failures since the last success */
  readonly failures: number;
  /** ms since 1970 until which nobody is asked */
  readonly until: number | undefined;
  /** what the last failure was */
  readonly error: string | undefined;
}

export interface Breaker {
  /** Does the work unless it is known to be in vain. @throws E_REMOTE_UNAVAILABLE then, and what the work throws */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** A failure that showed later: while the body came in. */
  failed(error: unknown): void;
  readonly now: BreakerState;
}

export interface BreakerOptions {
  readonly name: string;
  readonly clock?: () => number;
  readonly random?: () => number;
  /** failures in a row that open it @default 5 */
  readonly failures?: number;
  /** ms that it is open the first time; twice as long each time after @default 1000 */
  readonly first?: number;
  /** ms at most @default 30000 */
  readonly longest?: number;
}

/**
 * Stops asking a server that does not answer, and tries again by itself: after a while one request goes through, and all others
 * when that one was answered. The whiles differ by a quarter, so that many processes do not come back at once.
 */
export function createBreaker({
  name,
  clock = () => Date.now(),
  random = () => Math.random(),
  failures: most = 5,
  first = 1000,
  longest = 30_000,
}: BreakerOptions): Breaker {
  let failures = 0;
  let opened = 0;
  let until: number | undefined;
  let trying = false;
  let last: string | undefined;

  const close = (): void => {
    failures = opened = 0;
    until = last = undefined;
  };
  const failed = (error: unknown): void => {
    const code = errorCode(error);
    if (code !== "E_REMOTE_UNAVAILABLE" && code !== "E_REMOTE_TIMEOUT") return;
    failures++;
    last = (error as Error).message;
    const wanted = error instanceof CitadelError ? error.retryAfter : undefined;
    if (failures < most && wanted === undefined && opened === 0) return;
    // those that were under way when it opened say nothing new
    if (until !== undefined && until > clock()) return;
    const ms = Math.min(longest, Math.max(first * 2 ** opened++, (wanted ?? 0) * 1000));
    until = clock() + ms * (0.75 + 0.5 * random());
  };

  return {
    failed,
    async run(work) {
      const trial = until !== undefined;
      if (until !== undefined && (until > clock() || trying))
        throw new CitadelError(
          "E_REMOTE_UNAVAILABLE",
          `${name} does not answer (${last ?? "no reason known"}) and is not asked again just now`,
          { retryAfter: Math.max(1, Math.ceil((until - clock()) / 1000)) },
        );
      trying = trial;
      try {
        const result = await work();
        close();
        return result;
      } catch (error) {
        const code = errorCode(error);
        // it is there, whatever it says
        if (code === "E_REMOTE_ANSWER") close();
        else failed(error);
        throw error;
      } finally {
        if (trial) trying = false;
      }
    },
    get now() {
      const state: BreakerState["state"] =
        until === undefined ? "closed" : until > clock() ? "open" : "half-open";
      return { state, failures, until, error: last };
    },
  };
}
