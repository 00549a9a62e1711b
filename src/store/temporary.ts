import { segment, storeCode, type Driver, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { walk } from "./walk.ts";

const ATTEMPTS = 64;

/** A small value that is gone after a while. */
export interface Passing<T> {
  readonly value: T;
  /** ms since 1970; from then on it is not there */
  readonly until: number;
}

/** Values of one sort that pass by themselves. Not part of any history; nothing refers to them. */
export interface Temporary<T> {
  read(name: string): Promise<T | undefined>;
  /** All that are there, in the order of their keys. */
  list(): Promise<readonly T[]>;
  /**
   * Changes a value by compare-and-set, so that of several servers exactly one goes first. `decide` is synchronous, may run
   * several times and throws to refuse; what it leaves undefined stays as it is.
   * @returns what `decide` answered when its value was stored
   */
  change<R>(
    name: string,
    decide: (now: Passing<T> | undefined) => {
      readonly next: Passing<T> | undefined;
      readonly answer: R;
    },
  ): Promise<R>;
}

/**
 * Values below `t/<kind>/`, shared by all servers over the store.
 * @param kind one key segment
 * @param relaxed a power failure may undo what was changed last
 */
export function temporary<T>(
  driver: Driver,
  kind: string,
  { relaxed }: { readonly relaxed?: true } = {},
): Temporary<T> {
  const keyOf = (name: string): Key => `t/${kind}/${segment(name)}`;

  const load = async (key: Key) => {
    const item = await driver.get(key);
    if (!item) return undefined;
    const passing = JSON.parse(Buffer.from(item.body).toString()) as Passing<T>;
    return { etag: item.etag, passing: passing.until > Date.now() ? passing : undefined };
  };

  return {
    read: async (name) => (await load(keyOf(name)))?.passing?.value,

    async list() {
      const found: T[] = [];
      for await (const { key } of walk(driver, `t/${kind}/`)) {
        const { passing } = (await load(key)) ?? {};
        if (passing) found.push(passing.value);
      }
      return found;
    },

    async change(name, decide) {
      const key = keyOf(name);
      for (let n = 0; n < ATTEMPTS; n++) {
        const found = await load(key);
        const { next, answer } = decide(found?.passing);
        if (!next) return answer;
        const condition = found ? { ifMatch: found.etag } : ({ ifAbsent: true } as const);
        const options = {
          ...condition,
          ...(driver.caps.ttl !== "none" && { expires: next.until }),
          ...(relaxed && { relaxed }),
        };
        try {
          await driver.put(key, Buffer.from(JSON.stringify(next)), options);
          return answer;
        } catch (error) {
          const code = storeCode(error);
          // of a write whose answer got lost the next look tells what became of it: it is there, and so it is refused
          if (code !== "CONFLICT" && code !== "UNKNOWN") throw error;
          await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, 2 ** n)));
        }
      }
      throw new CitadelError("E_CONFLICT", "too many others change the same value at once");
    },
  };
}
