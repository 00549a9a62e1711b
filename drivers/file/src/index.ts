import { fileURLToPath } from "node:url";
import { StoreError, type DriverFactory } from "@citadel/core/driver";
import { fileDriver } from "./driver.ts";

export type { Disk, Stat } from "./disk.ts";
export { nodeDisk } from "./disk.ts";
export { fileDriver, type FileDriverOptions } from "./driver.ts";

/** `file:/abs/folder`: a folder as a store, for any number of processes of one host. See README.md. */
const file: DriverFactory = (url) => {
  if (url.host !== "" || !url.pathname.startsWith("/") || url.pathname === "/")
    throw new StoreError(
      "INVALID",
      `${url.href}: it needs an absolute path, as in file:/var/lib/citadel/blobs`,
    );
  for (const name of url.searchParams.keys())
    throw new StoreError("INVALID", `${url.href}: there is no option "${name}"`);
  return fileDriver(fileURLToPath(new URL(`file://${url.pathname}`)));
};
export default file;
