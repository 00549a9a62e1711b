import type { Cache } from "./types.ts";

type Used = Pick<Cache, "get" | "put" | "drop" | "touch">;

/** A cache that knows nothing and keeps nothing while it is off; what is dropped is dropped all the same. */
export function whenOn(cache: Used, isOn: () => boolean): Used {
  return {
    get: async (key) => (isOn() ? cache.get(key) : undefined),
    put: async (...args) => (isOn() ? cache.put(...args) : undefined),
    drop: (key) => cache.drop(key),
    touch: (key) => (isOn() ? cache.touch(key) : undefined),
  };
}
