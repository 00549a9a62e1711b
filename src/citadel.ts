import { createHash } from "node:crypto";
import { join } from "node:path";
import { createAccounts } from "./access/accounts.ts";
import { tokenKind, userKind } from "./access/kinds.ts";
import type { Accounts } from "./access/types.ts";
import type { Catalog } from "./catalog/types.ts";
import type { Dirs, Settings } from "./config/index.ts";
import { isLoopback } from "./config/hosts.ts";
import { crashAt, type CrashPoint } from "./crash.ts";
import { compressed, openDriver, split } from "./driver/index.ts";
import { packageKind, scopeKind } from "./registry/kinds.ts";
import { createRegistry } from "./registry/registry.ts";
import type { Registry, Views } from "./registry/types.ts";
import { createViews } from "./registry/views/index.ts";
import { openStore, type Problem, type Store } from "./store/index.ts";

export interface OpenOptions {
  readonly settings: Settings;
  /** URL scheme without colon → absolute path of the driver's module */
  readonly schemes: ReadonlyMap<string, string>;
  readonly dirs: Dirs;
}
