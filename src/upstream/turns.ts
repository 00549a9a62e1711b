/** ms that work may take before it waits for its next turn */
export const SLICE = 3;

/** Resolves when it is somebody's turn to go on with work that keeps the event loop busy. */
export type Turn = () => Promise<void>;

/** Hands out one turn per round of the event loop, so that requests come in between however many work at once. */
export function createTurns(): Turn {
  const waiting: (() => void)[] = [];
  const next = (): void => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  };
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next);
    });
}
