export { listFiles, parseObject, readPackageJson } from "./folder.ts";
export { pack } from "./tarball.ts";
export { findWorkspace, publishable, type Workspace, type WorkspacePackage } from "./workspace.ts";
