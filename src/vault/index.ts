export { checkName, envOf } from "./names.ts";
export {
  timeOf,
  type AuditItem,
  type Changed,
  type GetOptions,
  type IdentitySource,
  type Read,
  type SecretInfo,
  type SetOptions,
  type Taken,
  type Vault,
  type VersionInfo,
} from "./api.ts";
export { openVault, type VaultOptions } from "./vault.ts";
export { vaultKind, vaultName } from "./kind.ts";
export type { Description } from "./meta.ts";
export { actions, readPolicy, type Action } from "./policy/document.ts";
export { evaluate } from "./policy/evaluate.ts";
export type { Caller } from "./access-log.ts";
export type { Asker } from "./policy/permit.ts";
export { deriveKey } from "./identity/passphrase.ts";
export { mostBytes, openRecord, sealRecord } from "./record.ts";
export { readSchedule } from "./schedule.ts";
export type { RecordPlace } from "./types.ts";
export { isReference, readReference, referenceTo } from "./reference.ts";
export { maskedValue } from "./values/check.ts";
export { defaultLength, generate } from "./values/generate.ts";
export { isValueType, valueTypes, type ValueType } from "./values/types.ts";
export type { Keep } from "./identity/make.ts";
export type { Exposed, MemberInfo, PublicIdentity, Rekeyed, VaultStatus } from "./api-members.ts";
export { newIdentity } from "./identity/key-file.ts";
export { newRecoveryKit } from "./identity/recovery.ts";
export { fingerprint, publicId, secretText } from "./identity/text.ts";
export type { Replica, Synced } from "./api-sync.ts";
