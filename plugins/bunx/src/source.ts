import { environment, findDirs } from "@citadel/core";
import { openCache, type RunCache } from "./cache.ts";
import { createClient, type Place, type RegistryClient } from "./registry.ts";

/** Where packages come from, and where they are kept. */
export interface SourceOptions {
  /** A registry, or how to open one; it is opened only when it has to be asked, and closed before the program starts. */
  readonly registry: string | Place | (() => Promise<Place & { close?(): Promise<void> }>);
  /** names the registry in what is remembered of it @default its address */
  readonly registryId?: string;
  /** folder of caches @default Citadel's */
  readonly folder?: string;
  /** asks nobody @default false */
  readonly offline?: boolean;
}

/** The registry and the cache of one run. */
export interface Source {
  readonly cache: RunCache;
  /** what stands for the registry in what is remembered of it */
  readonly place: string;
  readonly offline: boolean;
  client(): Promise<RegistryClient>;
  close(): Promise<void>;
}

/** Asks nobody yet. */
export function openSource(options: SourceOptions): Source {
  const { registry, registryId, folder, offline = false } = options;
  const known = typeof registry === "function" ? undefined : placeOf(registry);
  const open = async () => (typeof registry === "function" ? registry() : placeOf(registry));
  let opened: Promise<readonly [RegistryClient, () => Promise<void>]> | undefined;
  return {
    cache: openCache(folder ?? findDirs(environment()).cache),
    place: registryId ?? known?.url ?? "",
    offline,
    async client() {
      opened ??= open().then((at) => [
        createClient(at),
        async () => ("close" in at ? at.close?.() : undefined),
      ]);
      return (await opened)[0];
    },
    async close() {
      const [client, end] = (await opened?.catch(() => undefined)) ?? [];
      opened = undefined;
      await client?.close();
      await end?.();
    },
  };
}

function placeOf(registry: string | Place): Place {
  const place = typeof registry === "string" ? { url: registry } : registry;
  return place.url.endsWith("/") ? place : { ...place, url: `${place.url}/` };
}
