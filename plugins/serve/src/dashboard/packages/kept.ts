import type { Citadel } from "@citadel/core";

/** Something made, and how long that counts. */
export interface Made<T> {
  readonly value: T;
  /** ms @default for good */
  readonly ttl?: number;
}

/**
 * Keeps what is made of things that do not change in the cache of the registry; of all that ask for the same at once, one makes it.
 * @returns a function of a key, which names all that the value depends on, and of what makes it
 */
export function createKept({ cache, live }: Pick<Citadel, "cache" | "live">) {
  return async function kept<T>(key: string | undefined, make: () => Promise<Made<T>>): Promise<T> {
    if (key === undefined || !(await live()).isOn("CACHE_ENABLED")) return (await make()).value;
    let made: { readonly value: T } | undefined;
    const found = await (
      await cache()
    ).load(key, async () => {
      const { value, ttl = Infinity } = await make();
      made = { value };
      return { etag: "", body: new TextEncoder().encode(JSON.stringify(value)), ttl, keep: 0 };
    });
    if (made) return made.value;
    return JSON.parse(new TextDecoder().decode(found?.body)) as T;
  };
}

export type Kept = ReturnType<typeof createKept>;
