import { statfs } from "node:fs/promises";
import type { Citadel } from "@citadel/core";
import { temporary } from "@citadel/core/store";

export interface ReadyItem {
  /** the store takes what is written */
  readonly store: boolean;
  /** the data folder has room */
  readonly disk: boolean;
}

export interface Readiness {
  /** As it was at most five seconds ago: anybody may ask, and it costs a write. */
  check(): Promise<ReadyItem>;
}

const kept = 5000;
const minute = 60_000;
/** bytes that must be free */
const floor = 64 * 2 ** 20;

export function createReadiness({ store, dirs }: Citadel): Readiness {
  const marks = temporary<number>(store.driver, "ready");
  let checked: { readonly at: number; readonly item: Promise<ReadyItem> } | undefined;

  const writes = (): Promise<unknown> =>
    marks.change("mark", () => {
      const now = Date.now();
      return { next: { value: now, until: now + minute }, answer: now };
    });
  const check = async (): Promise<ReadyItem> => {
    const [stored, disk] = await Promise.all([
      writes().then(
        () => true,
        () => false,
      ),
      // a folder that is not there yet, or not told of, is not full
      statfs(dirs.data).then(
        ({ bavail, bsize }) => bavail * bsize >= floor,
        () => true,
      ),
    ]);
    return { store: stored, disk };
  };

  return {
    check() {
      const now = performance.now();
      if (!checked || now - checked.at >= kept) checked = { at: now, item: check() };
      return checked.item;
    },
  };
}
