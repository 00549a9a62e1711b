export { decodeBody, encodeBody, type LockBody, type LockedPackage } from "./body.ts";
export { setFeature, setField } from "./change.ts";
export {
  byteFields,
  features,
  headerLength,
  hex,
  terminalModes,
  type ByteField,
  type Feature,
  type TerminalMode,
} from "./fields.ts";
export {
  decodeHeader,
  defaultHeader,
  hashOf,
  headerProblems,
  plainUrl,
  type ConfigBytes,
} from "./header.ts";
export { livePlace } from "./place.ts";
export { repairLive, type Repair } from "./repair.ts";
export { openLive, type Change, type Changing, type Live } from "./live.ts";
