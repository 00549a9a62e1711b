import type { Driver, Key } from "../../driver/driver.ts";
import { manifestKey } from "../../store/keys.ts";
import type { Meta } from "../meta.ts";
import { placeOf, type Opened, type Session } from "../session.ts";
import type { ScopeState, SecretState } from "../types.ts";

/** Seals what is said of a secret, one further than what was said before. @returns SHA-256 (base64url) of the record */
export function sealMeta(
  opened: Opened,
  at: number,
  scope: ScopeState,
  { id, meta }: Pick<SecretState, "id"> & Partial<Pick<SecretState, "meta">>,
  said: Meta,
): Promise<string> {
  const n = (meta?.place.n ?? 0) + 1;
  const place = placeOf(opened, at, { s: scope.id, g: scope.generation, id, n, k: "meta" });
  return opened.contents.put(Buffer.from(JSON.stringify(said)), place, scope);
}

/** Removes sealed objects that the history has given up. */
export const remove = ({ store }: Session, hashes: readonly string[]): Promise<void> =>
  forget(store.driver, hashes.map(manifestKey));

/** Deletes, so that nothing of it stays behind. */
export async function forget(driver: Driver, keys: readonly Key[]): Promise<void> {
  for (const [n, key] of keys.entries())
    await driver.delete(key, n === keys.length - 1 ? { forget: true } : {});
}
