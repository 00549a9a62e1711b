export { listFiles, parseObject, readPackageJson } from "./folder.ts";
export { pack } from "./tarball.ts";
export {
  publishPackages,
  type PublishedItem,
  type PublishedPackages,
  type PublishOptions,
} from "./publish.ts";
export { findWorkspace, publishable, type Workspace, type WorkspacePackage } from "./workspace.ts";
