import { mask, storeUrl, type Citadel, type Loaded } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import type { Driver } from "@citadel/core/driver";

/** The store that several machines share. */
export interface Remote {
  /** without credentials */
  readonly url: string;
  readonly driver: Driver;
}

/** @throws E_USAGE, E_CONFIG, E_STORE_UNAVAILABLE */
export async function openRemote(
  { settings }: Loaded,
  flags: { readonly remote: string | undefined; readonly blobs: string | undefined },
  open: (documents: string, blobs: string) => Promise<Driver>,
): Promise<Remote> {
  const documents = urlOf(flags.remote) ?? settings.sync.remote;
  if (documents === undefined)
    throw new CitadelError("E_USAGE", "there is no store to sync with", {
      hint: ["name one: --remote <url>, or the setting sync.remote"],
    });
  const blobs = urlOf(flags.blobs) ?? (flags.remote === undefined ? settings.sync.remoteBlobs : undefined) ?? documents; // prettier-ignore
  if (documents === settings.store.documents)
    throw new CitadelError("E_USAGE", "the remote store is the one of this registry", {
      hint: ["name another one: --remote <url>"],
    });
  return { url: mask(documents), driver: await open(documents, blobs) };
}

function urlOf(raw: string | undefined): string | undefined {
  if (raw === undefined) return undefined;
  const url = storeUrl.parse(raw, process.cwd());
  if (url !== undefined) return url;
  throw new CitadelError("E_USAGE", "the address of a store is not a URL", {
    hint: [`write ${storeUrl.allowed}`],
  });
}

/** What packages were signed with must be known where they go: public halves only. @returns how many were new there */
export async function shareKeys(
  { keys, dirs }: Citadel,
  { driver }: Remote,
  way: "up" | "down",
): Promise<number> {
  const [{ createKeys }, { openStore }] = await Promise.all([
    import("@citadel/core/keys"),
    import("@citadel/core/store"),
  ]);
  const there = createKeys({
    store: openStore({ driver, grace: 0, memory: 2 ** 20 }),
    serverKey: undefined,
    folder: dirs.data,
  });
  const [from, to] = way === "up" ? [keys, there] : [there, keys];
  return to.trust("registry", await from.list("registry"), { name: "local", via: "cli" });
}
