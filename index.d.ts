export { BunXIntegration } from "@citadel/plugin-bunx";
export { LocalRegistry } from "@citadel/plugin-local";
export { RegistrySecretsManager } from "@citadel/plugin-secrets";
export { VersionManager } from "@citadel/plugin-version";
export {
  generateApiKey,
  getConfig,
  setByte,
  toggleFeature,
  verifyApiKey,
} from "@citadel/core/library";
