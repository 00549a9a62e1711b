import type { Background } from "../background.ts";
import { logger } from "../log.ts";
import type { Store } from "../store/types.ts";
import { hookKind } from "./kind.ts";
import type { Hooks } from "./types.ts";

/** ms after a change until hooks are called: what belongs together mostly comes together */
const gathering = 50;
/** longest ms between two looks while there are hooks: hints may be missing */
const watching = 10_000;
/** ms between two looks for the first hook */
const looking = 5000;
/** longest ms of a timer */
const longest = 2 ** 31 - 1;

/** What may have changed; a notice was written. */
export type Heard = "package" | "hook" | "notice";

export interface DeliveryOptions {
  readonly store: Pick<Store, "ledger">;
  readonly hooks: () => Promise<Pick<Hooks, "deliver">>;
  /** Calls back when a package or a hook may have changed. @returns ends it */
  heard(listener: (what: Heard) => void): () => void;
  readonly background: Pick<Background, "run">;
  /** what other processes change is heard of from now on */
  follow(): void;
}

export interface Deliveries {
  /** Resolves when no call is under way. */
  stop(): Promise<void>;
}

/**
 * Calls hooks until it is stopped, in as many processes as like to: who is faster has a hook for itself. As long as no hook is
 * known, nothing is done but a look for the first one at the start and after changes of this process.
 */
export function startDeliveries({
  store,
  hooks,
  heard,
  follow,
  background,
}: DeliveryOptions): Deliveries {
  const log = logger("hooks");
  const stopping = new AbortController();
  const { signal } = stopping;
  let known = false;
  let again = false;
  let looked = -Infinity;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let due = Infinity;

  /** @returns ms until the next turn; `Infinity`: when something is heard */
  const turn = async (): Promise<number> => {
    if (!known) {
      looked = performance.now();
      known = (await store.ledger(hookKind()).list({ limit: 1 })).items.length > 0;
      if (!known) return Infinity;
      follow();
    }
    const next = await (await hooks()).deliver(signal);
    known = next !== undefined;
    return known ? Math.min((next ?? 0) - Date.now(), watching) : Infinity;
  };

  const plan = (ms: number): void => {
    const at = performance.now() + Math.max(0, ms);
    if (signal.aborted || at >= due || ms > longest) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(run, Math.max(0, ms));
    timer.unref();
  };

  const run = (): void => {
    due = Infinity;
    if (running) {
      again = true;
      return;
    }
    running = background
      .run("hooks", turn)
      .catch((error: unknown) => {
        log("hooks could not be looked at", { error });
        return watching;
      })
      .then((ms) => {
        running = undefined;
        plan(again ? gathering : Math.max(ms, gathering));
        again = false;
      });
  };

  const deaf = heard((what) =>
    plan(
      known || what === "hook"
        ? gathering
        : Math.max(gathering, looked + looking - performance.now()),
    ),
  );
  plan(0);

  return {
    async stop() {
      deaf();
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
