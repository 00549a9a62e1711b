export type { Download } from "./recipients.ts";
export type { Quarantined } from "./quarantine.ts";
export type { RemoteStatus } from "./remote.ts";
export type { Range, Tarball } from "./tarballs.ts";
export type * from "./types.ts";
