import { Hono } from "hono";
import { getDownloads } from "../../api/v1/packages.ts";
import type { Shared } from "../../context.ts";
import type { Env } from "../../npm/room.ts";
import { getPath } from "../../npm/routes.ts";
import { createCompare, createFileCompare } from "./compare.ts";
import { createShelf } from "./contents.ts";
import { getDependencies, getDependents } from "./dependencies.ts";
import { createDownloads } from "./downloads.ts";
import { createFiles, createRaw } from "./files.ts";
import { createKept } from "./kept.ts";
import { getMatching, getOverview } from "./overview.ts";
import { createReadme } from "./readme.ts";
import { getVersion } from "./version.ts";

/** What the dashboard shows of packages; what somebody may not read is not there. */
export function packageRoutes({ citadel }: Shared): Hono<Env> {
  const kept = createKept(citadel);
  const shelf = createShelf(kept);
  return new Hono<Env>({ getPath })
    .get("/_dashboard/api/packages/:name", getOverview)
    .get("/_dashboard/api/packages/:name/matching", getMatching)
    .get("/_dashboard/api/packages/:name/dependents", getDependents)
    .get("/_dashboard/api/packages/:name/downloads", createDownloads(kept))
    .get("/_dashboard/api/packages/:name/downloads/single", getDownloads)
    .get("/_dashboard/api/packages/:name/at/:spec", getVersion)
    .get("/_dashboard/api/packages/:name/at/:spec/readme", createReadme(shelf, kept))
    .get("/_dashboard/api/packages/:name/at/:spec/dependencies", getDependencies)
    .get("/_dashboard/api/packages/:name/at/:spec/files", createFiles(shelf))
    .get("/_dashboard/api/packages/:name/compare/:from/:to", createCompare(shelf))
    .get("/_dashboard/api/packages/:name/compare/:from/:to/file", createFileCompare(shelf, kept))
    .get("/_dashboard/raw/:name/:spec", createRaw(shelf))
    .get("/_dashboard/raw/:name/:spec/*", createRaw(shelf));
}
