export { checkName, envOf } from "./names.ts";
export {
  timeOf,
  type AuditItem,
  type GetOptions,
  type Taken,
  type Vault,
  type VersionInfo,
} from "./api.ts";
export { openVault, type VaultOptions } from "./vault.ts";
export { vaultKind, vaultName } from "./kind.ts";
export type { Description } from "./meta.ts";
export { deriveKey } from "./passphrase.ts";
export { actions, readPolicy, type Action } from "./policy/document.ts";
export { evaluate } from "./policy/evaluate.ts";
export { mostBytes, openRecord, sealRecord } from "./record.ts";
export { readSchedule } from "./schedule.ts";
export type { RecordPlace } from "./types.ts";
export { isReference, readReference, referenceTo } from "./reference.ts";
export { maskedValue } from "./values/check.ts";
export { defaultLength, generate } from "./values/generate.ts";
export { isValueType, valueTypes } from "./values/types.ts";
