import type { Cache, Cached } from "../../cache/types.ts";

interface Saving {
  readonly key: string;
  readonly etag: string;
  readonly body: () => Uint8Array;
}

/** Writes finished views to a cache behind the answers: of several versions of one view, the newest. */
export interface Savings {
  get(key: string): Promise<Cached | undefined>;
  /** @param name the same for all versions of a view @param before key of the version that it takes the place of */
  put(name: string, saving: Saving, before: string | undefined): void;
  touch(key: string): void;
  idle(): Promise<void>;
}

export function savings(
  open: () => Promise<Pick<Cache, "get" | "put" | "drop" | "touch">>,
): Savings {
  let opened: ReturnType<typeof open> | undefined;
  const cache = (): ReturnType<typeof open> => (opened ??= open());
  const waiting = new Map<string, { next: Saving | undefined; readonly old: Set<string> }>();
  const running = new Set<Promise<void>>();

  async function write(name: string, line: { next: Saving | undefined; old: Set<string> }) {
    try {
      const { put, drop } = await cache();
      while (line.next) {
        const { key, etag, body } = line.next;
        const old = [...line.old];
        line.next = undefined;
        line.old.clear();
        await put(key, { etag, body: body() });
        for (const gone of old) if (gone !== key) await drop(gone);
      }
    } finally {
      waiting.delete(name);
    }
  }

  return {
    // one that fails, or cannot be opened, is none
    get: (key) =>
      cache()
        .then((ready) => ready.get(key))
        .catch(() => undefined),
    put(name, next, before) {
      const line = waiting.get(name) ?? { next, old: new Set<string>() };
      if (before !== undefined) line.old.add(before);
      line.next = next;
      if (waiting.has(name)) return;
      waiting.set(name, line);
      const work = write(name, line).catch(() => {});
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    touch: (key) => void opened?.then((ready) => ready.touch(key)).catch(() => {}),
    idle: async () => void (await Promise.all(running)),
  };
}
