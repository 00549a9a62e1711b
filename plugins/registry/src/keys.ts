import type { Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { purposes, type PublicKey, type Purpose } from "@citadel/core/keys";
import { actorOf } from "@citadel/core/registry";

export interface KeyItem {
  readonly purpose: Purpose;
  readonly keyid: string;
  readonly algorithm: PublicKey["algorithm"];
  /** SPKI DER, base64 */
  readonly public: string;
  /** ISO 8601 */
  readonly created: string;
  /** null for the key in use */
  readonly expires: string | null;
}

const iso = (ms: number): string => new Date(ms).toISOString();

export async function listKeys({ keys }: Citadel): Promise<KeyItem[]> {
  const all: KeyItem[] = [];
  for (const purpose of purposes)
    for (const { keyid, algorithm, public: key, created, expires } of await keys.list(purpose))
      all.push({
        ...{ purpose, keyid, algorithm, public: key },
        created: iso(created),
        expires: expires === null ? null : iso(expires),
      });
  return all;
}

/** @param overlap ms that the key before may still be used */
export async function rotateKey(
  { keys }: Citadel,
  caller: Caller,
  {
    purpose,
    overlap,
    dryRun = false,
  }: { readonly purpose: Purpose; readonly overlap: number; readonly dryRun?: boolean },
): Promise<{ readonly keyid?: string; readonly dryRun: boolean }> {
  if (dryRun) return { dryRun };
  const { keyid } = await keys.rotate(purpose, actorOf(caller), overlap);
  return { keyid, dryRun };
}

/** @throws E_PACKAGE_NOT_FOUND, E_SERVER_KEY */
export async function signPackages(
  { registry }: Citadel,
  caller: Caller,
  {
    name,
    dryRun = false,
    signal,
  }: { readonly name?: string; readonly dryRun?: boolean; readonly signal: AbortSignal },
): Promise<{ readonly packages: number; readonly versions: number; readonly dryRun: boolean }> {
  let packages = 0;
  let versions = 0;
  const one = async (each: string): Promise<void> => {
    signal.throwIfAborted();
    const { state } = await registry.document(each, caller);
    const lacking = [...state.versions.values()].filter(({ signature }) => !signature).length;
    if (lacking === 0) return;
    packages++;
    versions += dryRun ? lacking : await registry.sign(each, caller);
  };
  if (name !== undefined) await one(name);
  else
    for (let after: string | undefined, more = true; more;) {
      const page = await registry.packages.list({ ...(after !== undefined && { after }) });
      for (const item of page.items)
        if ((await registry.packages.read(item.name))?.state.versions.size) await one(item.name);
      after = page.next;
      more = after !== undefined;
    }
  return { packages, versions, dryRun };
}
