export {
  download,
  standings,
  upload,
  type Done,
  type Options,
  type Place,
  type Row,
  type Standing,
} from "./exchange.ts";
export type { Conflict, Taken } from "./merge/merge.ts";
export type { Locked, Lockfile, Skipped } from "./lockfile/locked.ts";
export { readLockfile } from "./lockfile/read.ts";
