import { CitadelError } from "@citadel/core";
import { Hono } from "hono";
import { getPath } from "../npm/routes.ts";
import { param, type Env, type Handler, type Visit } from "../npm/room.ts";
import { loadAssets, type Assets } from "./assets.ts";
import { dashboardDocument } from "./document.ts";
import { getLog, getLogLines } from "./log.ts";
import { getPackages } from "./packages.ts";
import { deleteSession, getSession, postSession } from "./sign-in.ts";

/** The dashboard: its pages, the files that they are made of, and what they ask the server. */
export function dashboardRoutes(): Hono<Env> {
  let loaded: Promise<Assets> | undefined;
  const assets = (): Promise<Assets> => (loaded ??= loadAssets());

  const documentOf =
    (name: string, inlineStyles: boolean): Handler =>
    async ({ env: { asked, site, shared } }) =>
      dashboardDocument({
        site: new URL(site.base).host,
        entry: (await assets()).entry(name),
        path: asked.path.split("?", 1)[0] ?? "",
        secure: shared.guard.overTls(asked),
        inlineStyles,
      });
  const getDocument = documentOf("src/main.tsx", false);

  return new Hono<Env>({ getPath })
    .get("/_dashboard/api/session", getSession)
    .post("/_dashboard/api/session", postSession)
    .delete("/_dashboard/api/session", deleteSession)
    .get("/_dashboard/api/packages", getPackages)
    .get("/_dashboard/api/log", getLog)
    .get("/_dashboard/api/log.ndjson", getLogLines)
    .all("/_dashboard/api/*", nothing)
    .get("/_dashboard/assets/:file", async (c) =>
      (await assets()).answer(param(c, "file"), c.env.asked),
    )
    .get("/_dashboard/terminal", documentOf("src/terminal.ts", true))
    .get("/_dashboard", getDocument)
    .get("/_dashboard/*", getDocument);
}

const nothing: Handler = async () => {
  throw new CitadelError("E_NOT_FOUND", "the dashboard asks nothing at this address");
};

/** JSON APIs that stand below `/_dashboard/api` as well, because that is where browsers send the cookie. */
const door =
  /^\/_dashboard\/api(?=\/(?:_api|downloads|-\/readyz|-\/stage|-\/(?:package|org|team)|-\/citadel\/v1|-\/npm\/v1\/(?:tokens|user|hooks))(?:\/|$))/;

export const throughDoor = (visit: Visit): Visit =>
  door.test(visit.path) ? { ...visit, path: visit.path.replace(door, "") } : visit;
