export type { ApiDifference, DocumentDiff, TextDifference } from "./diff.ts";
export type { PackageDocuments, Text } from "./documents.ts";
export { fetchDocuments, type Asked, type Fetched } from "./fetch.ts";
export { searchPackages, type Hit, type SearchOptions } from "./search.ts";
