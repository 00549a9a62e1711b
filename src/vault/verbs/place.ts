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
export async function remove({ store }: Session, hashes: readonly string[]): Promise<void> {
  for (const hash of hashes) await store.driver.delete(manifestKey(hash));
}
