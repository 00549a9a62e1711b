export {
  openSecretsManager,
  RegistrySecretsManager,
  type RotateOptions,
  type SecretsManagerOptions,
  type VersionHistory,
} from "./manager.ts";
export type { RotationPolicy } from "@citadel/core/rotation";
