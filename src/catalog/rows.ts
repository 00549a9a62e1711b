import type { PackageRow } from "./types.ts";

/** A row of `names` as SQLite gives it. */
export interface NameRecord {
  readonly id: number;
  readonly name: string;
  readonly etag: string;
  readonly scope: string | null;
  readonly version: string;
  readonly versions: number;
  readonly size: number;
  readonly created: number;
  readonly modified: number;
  readonly deprecated: string | null;
  readonly info: string;
}

/** What `info` holds: the fields that are only shown. */
export type Info = Omit<
  PackageRow,
  "name" | "scope" | "version" | "versions" | "size" | "created" | "modified" | "deprecated"
>;

export const infoOf = (row: PackageRow): Info => {
  const { name, scope, version, versions, size, created, modified, deprecated, ...info } = row;
  return info;
};

export const rowOf = (record: NameRecord): PackageRow => ({
  name: record.name,
  version: record.version,
  versions: record.versions,
  size: record.size,
  created: record.created,
  modified: record.modified,
  ...(record.scope !== null && { scope: record.scope }),
  ...(record.deprecated !== null && { deprecated: record.deprecated }),
  ...(JSON.parse(record.info) as Info),
});
