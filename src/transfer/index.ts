export { contents, outgoing, snapshot, type Outgoing, type OutgoingVersion } from "./contents.ts";
export { writeExport, type Exported, type WriteOptions } from "./file.ts";
export * from "./format.ts";
