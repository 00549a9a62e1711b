export { passphraseFile, SecretsCommand, type VaultFlags } from "./command.ts";
export { hasVault, openSecrets, type OpenSecretsOptions } from "./open.ts";
export {
  durationOf,
  expiryOf,
  iso,
  keyArg,
  scopeFlag,
  timeOfText,
  versionList,
  versionNumber,
} from "./words.ts";
