import { createHash } from "node:crypto";
import { join } from "node:path";
import { createAccounts } from "./access/accounts.ts";
import type { Accounts } from "./access/types.ts";
import type { Catalog } from "./catalog/types.ts";
import { isLoopback } from "./config/hosts.ts";
import type { Dirs, Settings } from "./config/index.ts";
import { crashAt, type CrashPoint } from "./crash.ts";
import type { Driver, Key } from "./driver/driver.ts";
import { compressed, observe, openDriver, split, type Observed } from "./driver/index.ts";
import { createRegistry, kinds } from "./registry/registry.ts";
import type { Registry, Views } from "./registry/types.ts";
import { createViews } from "./registry/views/index.ts";
import { openStore } from "./store/open.ts";
import type { Problem, Store } from "./store/types.ts";

export interface OpenOptions {
  readonly settings: Settings;
  /** URL scheme without colon → absolute path of the driver's module */
  readonly schemes: ReadonlyMap<string, string>;
  readonly dirs: Dirs;
  /** where the fault tests want the process to die, see {@link crashAt} */
  readonly crash?: string | undefined;
}

/** A configured backend, with the counters of this process. */
export interface Backend {
  readonly role: "documents" | "blobs";
  /** URL without credentials */
  readonly url: string;
  readonly driver: Driver;
  readonly observed: Observed;
}

export type Counted = "documents" | "entries" | "manifests" | "blobs";

/** Everything a plugin works with, opened once per command or server. */
export interface Citadel {
  readonly settings: Settings;
  readonly dirs: Dirs;
  readonly backends: readonly Backend[];
  readonly store: Store;
  readonly registry: Registry;
  readonly views: Views;
  readonly accounts: Accounts;
  /** opened when first asked for */
  catalog(): Promise<Catalog>;
  /** Recomputes every hash and chain of the store. */
  verify(): Promise<{
    readonly items: readonly Problem[];
    readonly checked: Readonly<Record<Counted, number>>;
  }>;
  /** Removes what nothing refers to and is older than `store.grace`. */
  collect(options?: { readonly dryRun?: boolean }): Promise<{
    readonly removed: number;
    readonly bytes: number;
    readonly keys: readonly Key[];
  }>;
  /** Called at the points of a publish; does nothing outside of fault tests. */
  crash(point: CrashPoint): void;
  close(): Promise<void>;
}
