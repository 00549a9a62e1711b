export {
  openSecretsManager,
  RegistrySecretsManager,
  type RotateOptions,
  type SecretsManagerOptions,
  type VersionHistory,
} from "./manager.ts";
export type { RotationPolicy } from "./rotation.ts";
