/** A part that is opened when it is first asked for, and then once. */
export interface Lazy<T> {
  (): Promise<T>;
  /** What was opened; undefined when nothing was asked for, or in vain. */
  opened(): Promise<T | undefined>;
}

export function lazy<T>(open: () => Promise<T>): Lazy<T> {
  let part: Promise<T> | undefined;
  return Object.assign(() => (part ??= open()), {
    opened: async () => part?.catch(() => undefined),
  });
}
