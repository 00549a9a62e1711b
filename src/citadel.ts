import type { Accounts } from "./access/types.ts";
import type { Catalog } from "./catalog/types.ts";
import type { Dirs, Settings } from "./config/index.ts";
import type { Registry, Views } from "./registry/types.ts";
import type { Problem, Store } from "./store/types.ts";

export interface OpenOptions {
  readonly settings: Settings;
  /** URL scheme without colon → absolute path of the driver's module */
  readonly schemes: ReadonlyMap<string, string>;
  readonly dirs: Dirs;
}

/** Everything a plugin works with, opened once per command or server. */
export interface Citadel {
  readonly settings: Settings;
  readonly dirs: Dirs;
  readonly store: Store;
  readonly registry: Registry;
  readonly views: Views;
  readonly accounts: Accounts;
  /** opened when first asked for */
  catalog(): Promise<Catalog>;
  verify(): Promise<{
    readonly items: readonly Problem[];
    readonly checked: Readonly<Record<"documents" | "entries" | "manifests" | "blobs", number>>;
  }>;
  collect(options?: { readonly dryRun?: boolean }): Promise<{
    readonly removed: number;
    readonly bytes: number;
    readonly keys: readonly string[];
  }>;
  close(): Promise<void>;
}
