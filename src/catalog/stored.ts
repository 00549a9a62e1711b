import type { Driver } from "../driver/driver.ts";
import { blobKey } from "../store/keys.ts";

/** How a tarball lies in the store. */
export interface Stored {
  /** bytes that it takes; undefined when it is missing, which `citadel verify` reports */
  readonly size: number | undefined;
  readonly compressed: boolean;
  readonly encrypted: boolean;
}

/** Asks the store how it keeps the blob named by `integrity`: one head(). */
export async function storedAs(driver: Driver, integrity: string): Promise<Stored> {
  const entry = await driver.head(blobKey(integrity));
  return {
    size: entry && (entry.stored ?? entry.size),
    compressed: entry?.compressed === true,
    encrypted: entry?.sealed === true,
  };
}
