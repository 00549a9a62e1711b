export type { CleanedUp } from "./cleanup.ts";
export type { ClearedCache } from "./clear-cache.ts";
export type { SingleFile } from "./file.ts";
export type {
  PackageContent,
  PublishedPackage,
  PublishOptions,
  PublishProgress,
} from "./publish.ts";
export {
  localRegistry,
  LocalRegistry,
  openLocalRegistry,
  type LocalRegistryOptions,
  type ResolvedContent,
} from "./registry.ts";
export type { ResolvedPackage } from "./resolve.ts";
export type { BackendStatus, RegistryStats } from "./stats.ts";
export type { Exported, ExportOptions } from "./transfer/export.ts";
export type { ExportFormat } from "@citadel/core/transfer";
export type { Imported, ImportOptions, ImportProgress } from "./transfer/import.ts";
