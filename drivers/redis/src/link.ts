import { aborted, StoreError, type OpOptions } from "@citadel/core/driver";
import type { Location } from "./location.ts";
import type { Script } from "./scripts.ts";
import { connect, type Argument, type CallOptions, type Session } from "./session.ts";

/** A connection that is made when it is needed, and again when it was lost. */
export interface Link {
  /** the session there is; what is asked of it within one tick is asked in that order */
  readonly living: Session | undefined;
  /** The living session, or a new one. Throws UNAVAILABLE when there is none in time or the last try is only a moment ago; ABORTED. */
  session(options?: OpOptions): Promise<Session>;
  /** as {@link Session} has it, on the living session */
  call(command: readonly Argument[], options?: CallOptions): Promise<unknown>;
  script(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: CallOptions,
  ): Promise<unknown>;
  end(): void;
}

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;

export function link(at: Location): Link {
  let current: Promise<Session> | undefined;
  let living: Session | undefined;
  let failures = 0;
  let again = 0; // when the next try may be
  let last: unknown;

  const begin = (): Promise<Session> => {
    const now = performance.now();
    if (now < again) return Promise.reject(last);
    const mine = connect(at, () => {
      if (current === mine) current = living = undefined;
    });
    current = mine;
    mine.then(
      (session) => {
        failures = 0;
        if (current === mine) living = session;
        else session.end(); // nobody wants it any more
      },
      (error: unknown) => {
        if (current === mine) current = undefined;
        last = error;
        const pause = Math.min(FIRST_PAUSE * 2 ** failures++, LONGEST_PAUSE);
        again = performance.now() + pause * (0.5 + Math.random() / 2);
      },
    );
    return mine;
  };

  const link: Link = {
    get living() {
      return living;
    },
    async session({ signal, timeoutMs = at.timeoutMs } = {}) {
      if (living) return living;
      if (signal?.aborted) throw aborted(signal);
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        late.reject(
          new StoreError("UNAVAILABLE", `no connection to Redis at ${at.label} in ${timeoutMs} ms`),
        );
      }, timeoutMs);
      const abort = () => late.reject(aborted(signal as AbortSignal));
      signal?.addEventListener("abort", abort, { once: true });
      try {
        return await Promise.race([current ?? begin(), late.promise]);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      }
    },
    async call(command, options) {
      return (living ?? (await link.session(options))).call(command, options);
    },
    async script(script, keys, args, options) {
      return (living ?? (await link.session(options))).script(script, keys, args, options);
    },
    end() {
      const left = current;
      current = living = undefined;
      left?.then((session) => session.end()).catch(() => {});
    },
  };
  return link;
}
