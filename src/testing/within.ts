import type { Change, Driver, Key, ListEntry, Page } from "../driver/driver.ts";
import { delegate } from "../driver/delegate.ts";
import { StoreError, storeCode } from "../driver/error.ts";
import { each, walk } from "./harness.ts";

/** Keys below these are immutable, so what lies below them has to stay there to be treated as such. */
const immutable = ["b/", "m/"] as const;
const day = 86_400_000;

/** A part of a store: what is virtually below `names` is really below `at`. */
interface Area {
  readonly names: string;
  readonly at: string;
}

/** The three parts of a store that a place `x/` has: `b/x/`, `m/x/` and `x/` itself. */
export const areas = (place: string): readonly Area[] => [
  ...immutable.map((names) => ({ names, at: names + place })),
  { names: "", at: place },
];

/**
 * A store of its own inside of `driver`: every key `k` is `<place>k` there (`b/<place>k` and `m/<place>k` for immutable
 * ones), and nothing else of the store can be seen or touched. What was written is added to `touched`. A sweep, which
 * concerns the whole store, spares everything younger than a day.
 *
 * @param place ends in "/"
 */
export function within(driver: Driver, place: string, touched: Set<Key> = new Set()): Driver {
  const all = areas(place);
  const areaOf = (key: string): Area => all.find(({ names }) => key.startsWith(names)) as Area;
  const real = (key: string): Key => {
    const { names, at } = areaOf(key);
    return at + key.slice(names.length);
  };
  const virtual = (key: Key): Key => {
    const area = all.find(({ at }) => key.startsWith(at));
    return area ? area.names + key.slice(area.at.length) : key;
  };
  const named = <T extends { readonly key: Key }>(entry: T): T => ({
    ...entry,
    key: virtual(entry.key),
  });
  const maybe = <T extends { readonly key: Key }>(entry: T | undefined): T | undefined =>
    entry && named(entry);
  /** The same error with the key that the caller knows. */
  const tell = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const code = storeCode(error);
      const { key, current, message } = error as StoreError;
      if (!code || key === undefined) throw error;
      throw new StoreError(code, message, {
        key: virtual(key),
        ...(current === undefined ? {} : { current }),
        cause: error,
      });
    }
  };
  const writing = (key: Key): Key => {
    const at = real(key);
    touched.add(at);
    return at;
  };

  return delegate(driver, {
    get: async (key, options) => maybe(await tell(driver.get(real(key), options))),
    head: async (key, options) => maybe(await tell(driver.head(real(key), options))),
    put: async (key, body, options) => named(await tell(driver.put(writing(key), body, options))),
    delete: (key, options) => tell(driver.delete(real(key), options)),
    read: async (key, options) => maybe(await tell(driver.read(real(key), options))),
    write: async (key, source, options) =>
      named(await tell(driver.write(writing(key), source, options))),

    async list(options = {}) {
      const { prefix = "", after = "", limit = 1000 } = options;
      const pages: Page[] = [];
      for (const { names, at } of all) {
        // the area has keys with the prefix, and not only such that come before `after`
        if (!names.startsWith(prefix) && areaOf(prefix).names !== names) continue;
        if (after > names && !after.startsWith(names)) continue;
        const page = await driver.list({
          ...options,
          prefix: at + prefix.slice(names.length),
          ...(after.startsWith(names) && after !== "" ? { after: at + after.slice(names.length) } : { after: "" }), // prettier-ignore
        });
        pages.push({
          entries: page.entries.map(named),
          ...(page.next === undefined ? {} : { next: virtual(page.next) }),
        });
      }
      return merged(pages, limit);
    },

    ...(driver.watch
      ? {
          // one area, as a store that polls looks at all that it watches; without a prefix that of the mutable keys
          async *watch({ prefix = "", ...options }) {
            const { names, at } = areaOf(prefix);
            const below = at + prefix.slice(names.length);
            for await (const change of driver.watch!({ ...options, prefix: below })) {
              const told: Change = change.kind === "reset" ? change : named(change);
              yield told;
            }
          },
        }
      : {}),
    ...(driver.sweep
      ? {
          sweep: (options) =>
            driver.sweep!({ ...options, olderThanMs: Math.max(options?.olderThanMs ?? day, day) }),
        }
      : {}),
  });
}

/** One page of several that share no key. */
function merged(pages: readonly Page[], limit: number): Page {
  const ends = pages.flatMap(({ next }) => (next === undefined ? [] : [next]));
  // behind the end of a page that is not the last, the other lists are not known to be complete
  const known = ends.toSorted(byText)[0];
  const sorted = pages
    .flatMap(({ entries }): readonly ListEntry[] => entries)
    .filter(({ key }) => known === undefined || key <= known)
    .toSorted((a, b) => byText(a.key, b.key));
  const entries = sorted.slice(0, limit);
  const next = sorted.length > limit ? entries.at(-1)?.key : known;
  return { entries, ...(next === undefined ? {} : { next }) };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Removes everything of a place, and the keys of `touched`, where a list may not show them yet. */
export async function empty(
  driver: Driver,
  place: string,
  touched: Iterable<Key> = [],
): Promise<void> {
  const keys = new Set(driver.caps.list === "strong" ? [] : touched);
  for (const { at } of areas(place))
    for (const { key } of await walk(driver, { prefix: at })) keys.add(key);
  await each([...keys], (key) =>
    driver.delete(key).catch((error: unknown) => {
      // what was no key was never written
      if (storeCode(error) !== "INVALID") throw error;
    }),
  );
}
