export { agree } from "./agree.ts";
export { actorOf } from "./context.ts";
export {
  manifestOf,
  namedHashes,
  naturalise,
  personOf,
  type Foreign,
  type Naturalised,
} from "./foreign.ts";
export { importPackage, missingFrom, nothingIn, versionsDiffer, type Arrival } from "./import.ts";
export { packageKind, scopeKind, type ScopeEvent, type ScopeState } from "./kind.ts";
export { longestMessage } from "./deprecate.ts";
export { checkDist, hashesOf, type DistHashes } from "./dist.ts";
export {
  checkManifest,
  deprecationOf,
  isObject,
  readmeOf,
  shortManifest,
  storeManifest,
  type ManifestInput,
} from "./manifest.ts";
export {
  baseName,
  checkName,
  checkNewName,
  checkTag,
  checkVersion,
  scopeOf,
  tarballFile,
  versionOf,
} from "./names.ts";
export { createRegistry, type RegistryOptions } from "./registry.ts";
export { targetOf } from "./context.ts";
export { revisionOf, uuidOf } from "./revision.ts";
export {
  createRoom,
  spool,
  tarballOf,
  type Room,
  type Spooled,
  type SpoolOptions,
} from "./spool.ts";
export { inspect, type Inspected } from "./tarball.ts";
export type * from "./types.ts";
export { createViews, type ViewCache, type ViewOptions } from "./views/views.ts";
export { distOf, tarballUrl } from "./views/parts.ts";
export { versionFor, type Choices } from "./resolve.ts";
export { newest } from "./unpublish.ts";
