import type { Background } from "../background.ts";
import type { Catalog } from "./types.ts";

export interface CurrentOptions {
  readonly open: () => Promise<Catalog>;
  readonly background: Pick<Background, "run">;
  /** whether changes by others are told just now */
  readonly told: () => boolean;
}

/** A catalog that is brought up to date when somebody asks for it, by reading what has changed. */
export interface Current {
  /** This package has changed, or anything may have. */
  changed(name?: string): void;
  /** The catalog with everything folded in that was told before the call. */
  get(): Promise<Catalog>;
}

/** more packages than this are not read one by one: comparing the whole store costs less */
const most = 64;
/** ms between two comparisons with the whole store; what is told are only hints */
const between = { told: 10_000, untold: 1000 };

/** See {@link Current}. Costs nothing as long as nobody asks. */
export function keepCurrent({ open, told, background }: CurrentOptions): Current {
  const stale = new Set<string>();
  let anything = true;
  let compared = -Infinity;
  let running: Promise<void> | undefined;

  const compare = async (catalog: Catalog): Promise<void> => {
    anything = false;
    stale.clear();
    compared = performance.now();
    try {
      await background.run("catalog", () => catalog.sync());
    } catch (error) {
      anything = true;
      throw error;
    }
  };

  const catchUp = async (): Promise<void> => {
    const catalog = await open();
    const due = performance.now() - compared > (told() ? between.told : between.untold);
    if (anything || (due && !told())) return compare(catalog);
    const names = [...stale];
    stale.clear();
    await Promise.all(names.map((name) => catalog.refresh(name)));
    // nobody waits for it: what it finds was missed by the feed
    if (due) compare(catalog).catch(() => {});
  };

  return {
    changed(name) {
      if (name === undefined || stale.size >= most) anything = true;
      else stale.add(name);
    },
    async get() {
      // one that is under way may have begun before what this caller wants to see
      await running?.catch(() => {});
      await (running ??= catchUp().finally(() => (running = undefined)));
      return open();
    },
  };
}
