export { confined, type Limits } from "./confined.ts";
export { entriesOf, type Entry } from "./entries.ts";
export { contentOf, contentsOf, type Contents, type PackedFile } from "./contents.ts";
export {
  historyOfPackument,
  historyOfState,
  findHistory,
  readHistory,
  type HistoryVersion,
  type PackageHistory,
} from "./history.ts";
export type { ItemKind, Outline, OutlineItem } from "./outline.ts";
export { outlineOf } from "./outline-limits.ts";
export {
  load,
  loadTypeScript,
  withoutPrivates,
  type Loaded,
  type LoadOptions,
  type TypeScript,
} from "./program.ts";
export { readFolder, tarballOf, unpack, unpackVersion, type Tree } from "./tree.ts";
export { escaped, safeText } from "./readme/escape.ts";
export { foreignHtml } from "./readme/foreign.ts";
export { plainHtml, readmeHtml, readmeText, rendererVersion } from "./readme/readme.ts";
export type { Heading, Places, ReadmeHtml, ReadmeText } from "./readme/types.ts";
export { textDiff, type Hunk } from "./text-diff.ts";
