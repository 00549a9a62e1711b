export { decodeBody, encodeBody, type LockBody, type LockedPackage } from "./body.ts";
export {
  byteFields,
  decodeHeader,
  defaultHeader,
  features,
  hashOf,
  headerLength,
  headerProblems,
  hex,
  plainUrl,
  terminalModes,
  type ByteField,
  type ConfigBytes,
  type Feature,
} from "./header.ts";
export { livePlace } from "./place.ts";
export { repairLive, type Repair } from "./repair.ts";
export { openLive, type Change, type Live } from "./live.ts";
