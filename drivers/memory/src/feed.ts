import { randomBytes } from "node:crypto";
import type { Change, Key } from "@citadel/core/driver";

const KEPT = 4096;

/** The newest changes of a store, and everybody who waits for the next one. */
export interface Feed {
  changed(key: Key): void;
  /** Changes after the cursor `since`, or from now on; a reset first when they are not known any more. */
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
}

export function feed(): Feed {
  const epoch = randomBytes(8).toString("hex");
  const log: Key[] = [];
  let seq = 0; // changes so far; log holds the last of them
  let wake = Promise.withResolvers<void>();

  const cursor = (at: number): string => `${epoch}.${at}`;
  const position = (since: string): number | undefined => {
    const [from, at] = since.split(".");
    const n = Number(at);
    return from === epoch && Number.isInteger(n) && n >= seq - log.length && n <= seq
      ? n
      : undefined;
  };

  return {
    changed(key) {
      seq++;
      log.push(key);
      if (log.length > 2 * KEPT) log.splice(0, KEPT);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    watch({ prefix = "", since, signals }) {
      const start = since === undefined ? seq : position(since);
      return (async function* () {
        const stopped = Promise.withResolvers<void>();
        const stop = () => stopped.resolve();
        for (const signal of signals) signal.addEventListener("abort", stop, { once: true });
        let at = start ?? -1;
        try {
          while (!signals.some((signal) => signal.aborted)) {
            if (at < seq - log.length) {
              at = seq;
              yield { kind: "reset", cursor: cursor(at) };
            } else if (at < seq) {
              const key = log[log.length - (seq - at)] as Key;
              at++;
              if (key.startsWith(prefix)) yield { kind: "changed", key, cursor: cursor(at) };
            } else await Promise.race([wake.promise, stopped.promise]);
          }
        } finally {
          for (const signal of signals) signal.removeEventListener("abort", stop);
        }
      })();
    },
  };
}
