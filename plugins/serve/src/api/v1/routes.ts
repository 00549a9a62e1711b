import { Hono } from "hono";
import type { Shared } from "../../context.ts";
import { getPath } from "../../npm/routes.ts";
import type { Env } from "../../npm/room.ts";
import { postLogin, postRegister } from "../auth.ts";
import { createCors } from "./cors.ts";
import { openApi } from "./openapi.ts";
import type { Operation } from "./operation.ts";
import { getHealth, getSearch, getStats } from "./overview.ts";
import {
  deleteVersion,
  getDownloads,
  getPackage,
  getVersion,
  getVersions,
  postPackage,
  tarballOf,
} from "./packages.ts";
import { docs } from "./page.ts";
import * as schemas from "./schemas.ts";

const operations = (shared: Shared): readonly Operation[] => [
  {
    ...{ id: "publish", method: "post", path: "/packages", tag: "packages", signedIn: true },
    summary: "Publish a version",
    handler: postPackage,
    body: schemas.newPackage,
    answer: [201, schemas.published],
    errors: [401, 403, 409, 413],
  },
  {
    ...{ id: "getPackage", method: "get", path: "/packages/{name}", tag: "packages" },
    summary: "A package with its versions and downloads",
    handler: getPackage,
    answer: [200, schemas.packageItem],
    errors: [404],
  },
  {
    ...{ id: "listVersions", method: "get", path: "/packages/{name}/versions", tag: "packages" },
    summary: "The versions of a package, newest first",
    handler: getVersions,
    answer: [200, schemas.versionList],
    errors: [404],
  },
  {
    ...{ id: "listDownloads", method: "get", path: "/packages/{name}/downloads" },
    ...{ tag: "packages", signedIn: true },
    summary: "Who fetched a package, newest first; for its owners",
    handler: getDownloads,
    query: schemas.downloadsQuery,
    answer: [200, schemas.downloadList],
    errors: [401, 403, 404],
  },
  {
    ...{ id: "getVersion", method: "get", path: "/packages/{name}/{version}", tag: "packages" },
    summary: "One version, by number, range or tag",
    handler: getVersion,
    answer: [200, schemas.version],
    errors: [404],
  },
  {
    ...{ id: "getTarball", method: "get", path: "/packages/{name}/{version}/tarball" },
    tag: "packages",
    summary: "The tarball of a version",
    handler: tarballOf(shared),
    answer: [200],
    errors: [404],
  },
  {
    ...{ id: "deleteVersion", method: "delete", path: "/packages/{name}/{version}" },
    ...{ tag: "packages", signedIn: true },
    summary: "Take a version back; its number stays taken",
    handler: deleteVersion,
    answer: [204],
    errors: [401, 403, 404],
  },
  {
    ...{ id: "search", method: "get", path: "/search", tag: "registry" },
    summary: "Search what you may read",
    handler: getSearch,
    query: schemas.searchQuery,
    answer: [200, schemas.searchResult],
    errors: [],
  },
  {
    ...{ id: "stats", method: "get", path: "/stats", tag: "registry" },
    summary: "How much there is that you may read",
    handler: getStats,
    answer: [200, schemas.stats],
    errors: [],
  },
  {
    ...{ id: "health", method: "get", path: "/health", tag: "registry" },
    summary: "Whether the registry works",
    handler: getHealth,
    answer: [200, schemas.health],
    errors: [503],
  },
  {
    ...{ id: "register", method: "post", path: "/auth/register", tag: "accounts" },
    summary: "Make an account, where people may",
    handler: postRegister,
    body: schemas.account,
    answer: [201, schemas.issued],
    errors: [403, 409],
  },
  {
    ...{ id: "login", method: "post", path: "/auth/login", tag: "accounts" },
    summary: "Log in: a token for 30 days",
    handler: postLogin,
    body: schemas.credentials,
    answer: [200, schemas.issued],
    errors: [401],
  },
];

/** The package API: `/api/v1`, its description, and a page that shows it. */
export function packageApi(shared: Shared): Hono<Env> {
  const all = operations(shared);
  const app = new Hono<Env>({ getPath });
  app.use("/api/v1/*", createCors(shared.citadel.settings.api.origins));
  app.get("/api/v1/openapi.json", async (c) => c.json(openApi(all, c.env.site.base)));
  app.get("/api/v1/docs", async (c) => docs(all, c.env.site));
  for (const { method, path, handler } of all)
    app[method](`/api/v1${path.replaceAll(/\{(\w+)\}/g, ":$1")}`, handler);
  return app;
}
