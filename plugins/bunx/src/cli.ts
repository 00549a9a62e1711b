import { environment, type Citadel, type Loaded } from "@citadel/core";
import { startReader } from "@citadel/core/reader";
import { sha256 } from "./cache.ts";
import type { SourceOptions } from "./source.ts";

/** What commands say of where packages come from. */
interface Given {
  readonly settings: Loaded["settings"];
  readonly registry: string | undefined;
  readonly config: Parameters<typeof startReader>[0];
  readonly citadel: () => Promise<Citadel>;
}

/** The registry of `--registry` or `bunx.registry`; without one the store, served to this process alone. */
export function sourceOf({
  settings,
  registry,
  config,
  citadel,
}: Given): Pick<SourceOptions, "registry" | "registryId"> {
  const url = registry ?? settings.bunx.registry;
  if (url !== undefined) return { registry: { url, token: environment()["CITADEL_TOKEN"] } };
  return {
    registry: async () => startReader(config, await citadel()),
    registryId: sha256(settings.store.documents),
  };
}
