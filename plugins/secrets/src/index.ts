export { openSecrets, type OpenSecretsOptions } from "@citadel/core/secrets";
