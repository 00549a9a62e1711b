export { checkName } from "./names.ts";
export { timeOf, type AuditItem, type Vault } from "./api.ts";
export { openVault, type VaultOptions } from "./vault.ts";
