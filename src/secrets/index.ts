export { passphraseFile, SecretsCommand, type VaultFlags } from "./command.ts";
export { hasVault } from "./has-vault.ts";
export { storeIdOf } from "./store-id.ts";
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
