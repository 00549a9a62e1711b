export type { CleanedUp } from "./cleanup.ts";
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
