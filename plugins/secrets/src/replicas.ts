import { mask, storeUrl, type Loaded } from "@citadel/core";
import type { Driver } from "@citadel/core/driver";
import { CitadelError } from "@citadel/core/errors";
import { storeIdOf } from "@citadel/core/secrets";
import type { Replica } from "@citadel/core/vault";

/** The stores that are meant. @param few whether there may be none @throws E_USAGE */
export function replicaUrls(
  { settings }: Loaded,
  given: string | undefined,
  few: boolean,
): readonly string[] {
  if (given === undefined) {
    const { replicas } = settings.secrets;
    if (replicas.length > 0 || few) return replicas;
    throw new CitadelError("E_USAGE", "there is no store to sync with", {
      hint: ["name one: citadel secrets:sync <url>, or the setting secrets.replicas"],
    });
  }
  const url = storeUrl.parse(given, process.cwd());
  if (url === undefined)
    throw new CitadelError("E_USAGE", "the address of a store is not a URL", {
      hint: [`write ${storeUrl.allowed}`],
    });
  return [url];
}

/** Another store of the vault; whoever opens it closes it. @param driver opened already */
export async function openReplica(
  documents: string,
  driver: Driver,
): Promise<Replica & { close(): Promise<void> }> {
  const { openStore } = await import("@citadel/core/store");
  const store = openStore({ driver, grace: 60_000, memory: 2 ** 20 });
  const url = mask(documents);
  return { url, id: storeIdOf(url), store, close: () => store.close() };
}
