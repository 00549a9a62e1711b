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
