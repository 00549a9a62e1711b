export { checkName } from "./names.ts";
export { timeOf, type AuditItem, type Vault } from "./api.ts";
export { openVault, type VaultOptions } from "./vault.ts";
export { vaultKind, vaultName } from "./kind.ts";
export { deriveKey } from "./passphrase.ts";
export { mostBytes, openRecord, sealRecord } from "./record.ts";
export type { RecordPlace } from "./types.ts";
export { isReference, readReference, referenceTo } from "./reference.ts";
