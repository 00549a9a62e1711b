import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isFailure, type Failure } from "./api.ts";

/** Something that is fetched: what was known last stays while it is fetched again. */
export interface Resource<T> {
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly loading: boolean;
}

export interface Loading<T> {
  readonly now: Signal<Resource<T>>;
  /** fetches it again */
  reload(): void;
}

/** Fetches something when the screen appears, and again whenever one of `of` changes; late answers to older questions are dropped. */
export function useResource<T>(
  fetch: (signal: AbortSignal) => Promise<T>,
  of: readonly unknown[] = [],
): Loading<T> {
  const now = useSignal<Resource<T>>({ value: undefined, failure: undefined, loading: true });
  const again = useSignal(0);
  useEffect(() => {
    const gone = new AbortController();
    now.value = { ...now.peek(), loading: true };
    fetch(gone.signal).then(
      (value) => {
        if (!gone.signal.aborted) now.value = { value, failure: undefined, loading: false };
      },
      (error: unknown) => {
        if (gone.signal.aborted) return;
        const failure = failureOf(error);
        now.value = { value: now.peek().value, failure, loading: false };
      },
    );
    return () => gone.abort();
  }, [...of, again.value]);
  return { now, reload: () => void again.value++ };
}

/** Something that is done once a button is pressed, and may be refused. */
export interface Attempt {
  readonly failure: Signal<Failure | undefined>;
  readonly busy: Signal<boolean>;
  go(): Promise<void>;
}

export function useAttempt(work: () => Promise<void>): Attempt {
  const failure = useSignal<Failure | undefined>(undefined);
  const busy = useSignal(false);
  const go = async (): Promise<void> => {
    busy.value = true;
    try {
      await work();
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      busy.value = false;
    }
  };
  return { failure, busy, go };
}

/** A defect of the page itself is said as well as one of the server. */
export const failureOf = (error: unknown): Failure =>
  isFailure(error)
    ? error
    : {
        message: error instanceof Error ? error.message : String(error),
        ...{ code: "E_PAGE", status: 0, hint: ["load the page again"] },
      };
