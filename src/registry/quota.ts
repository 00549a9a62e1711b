import type { Driver } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import type { Notices } from "../notices/notices.ts";
import { temporary } from "../store/temporary.ts";

/** ms that a sum is believed; what this process admits meanwhile is added to it */
const believed = 5000;
/** part of the limit above which somebody is told */
const nearly = 0.9;
/** ms until somebody is told again */
const quiet = 86_400_000;

export interface QuotaOptions {
  /** bytes of all tarballs */
  readonly limit: number;
  /** bytes of those that are there */
  readonly used: () => Promise<number>;
  readonly driver: Driver;
  readonly notices: Pick<Notices, "note">;
}

/**
 * What may be published as long as it fits. Several that come at once may go past the limit by what they bring.
 * @returns throws E_STORAGE_QUOTA for what does not fit; `what` is a name and version
 */
export function createQuota({
  limit,
  used,
  driver,
  notices,
}: QuotaOptions): (what: string, bytes: number) => Promise<void> {
  const told = temporary<1>(driver, "storage-quota");
  let sum: { readonly at: number; bytes: number } | undefined;

  const tell = async (state: "nearly" | "full", bytes: number): Promise<void> => {
    const first = await told.change(state, (before) =>
      before
        ? { next: undefined, answer: false }
        : { next: { value: 1, until: Date.now() + quiet }, answer: true },
    );
    if (first) await notices.note("storage.quota", { state, used: bytes, limit });
  };

  return async (what, bytes) => {
    if (!sum || Date.now() - sum.at > believed) sum = { at: Date.now(), bytes: await used() };
    const after = sum.bytes + bytes;
    if (after > limit) {
      await tell("full", sum.bytes);
      throw new CitadelError(
        "E_STORAGE_QUOTA",
        `${what} has ${bytes} bytes, and of the ${limit} for all tarballs ${sum.bytes} are taken`,
      );
    }
    sum.bytes = after;
    if (after > nearly * limit) await tell("nearly", after);
  };
}
