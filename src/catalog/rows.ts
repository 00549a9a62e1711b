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
type Info = Pick<PackageRow, (typeof shown)[number]>;
const shown = [
  "description",
  "keywords",
  "license",
  "homepage",
  "repository",
  "bugs",
  "author",
  "publisher",
  "maintainers",
] as const satisfies readonly (keyof PackageRow)[];

export const infoOf = (row: PackageRow): string => JSON.stringify(row, [...shown]);

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
