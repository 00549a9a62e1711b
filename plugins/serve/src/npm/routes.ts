import { Hono } from "hono";
import type { Shared } from "../context.ts";
import { createPastTarball, getPast } from "./as-of.ts";
import { treeAudit } from "./audit.ts";
import { getPage, postPage } from "../auth/browser.ts";
import { getDone, postLogin } from "../auth/web-login.ts";
import { getCollaborators } from "./collaborators.ts";
import { deletePackage, deleteTarball, putRevision } from "./document.ts";
import { getAttestations } from "./attestations.ts";
import { getOrgPackages, getOwnPackages, getTeamPackages, getUserPackages } from "./holdings.ts";
import {
  deleteHook,
  getHook,
  listDeliveries,
  listHooks,
  postHook,
  postReplay,
  postTest,
  putEnabled,
  putHook,
} from "./hooks.ts";
import { getKeys } from "./keys.ts";
import { getManifest } from "./manifest.ts";
import { deleteMember, getMembers, getTeams, putMember, putTeam } from "./orgs.ts";
import { deleteOwner, getOwners, putOwner } from "./owners.ts";
import { putPackage } from "./publish.ts";
import type { Env } from "./room.ts";
import { getProfile, postProfile } from "./profile.ts";
import { createSearch } from "./search.ts";
import { bulkAdvisories } from "./security.ts";
import {
  approveStaged,
  deleteStaged,
  getStaged,
  getStagedTarball,
  listStaged,
  postStaged,
} from "./stage.ts";
import { getOwnStars, getStarredView, getStars, setPackageStar, setStar } from "./stars.ts";
import { deleteTag, getTags, putTag } from "./tags.ts";
import {
  deleteTeam,
  deleteTeamPackage,
  deleteTeamUser,
  getTeamUsers,
  putTeamPackage,
  putTeamUser,
} from "./teams.ts";
import { deleteTrust, exchangeToken, getTrust, postTrust } from "./trust.ts";
import { deleteTokenByKey, listTokens, postToken } from "./tokens.ts";
import { deleteToken, deleteUser, getUser, putUser, whoami } from "./users.ts";
import { getAccess, getVisibility, postAccess } from "./visibility.ts";

/** The npm registry protocol but for the install path, which needs no router. */
export function npmRoutes(shared: Shared): Hono<Env> {
  const { citadel } = shared;
  return new Hono<Env>({ getPath })
    .get("/-/as-of/:date/:name", getPast)
    .get("/-/as-of/:date/:name/-/:file", createPastTarball(shared))
    .get("/-/whoami", whoami)
    .get("/-/user/:id", getUser)
    .put("/-/user/:id", putUser)
    .put("/-/user/:id/-rev/:rev", putUser)
    .delete("/-/user/:id", deleteUser)
    .delete("/-/user/token/:token", deleteToken)
    .get("/-/npm/v1/user", getProfile)
    .post("/-/npm/v1/user", postProfile)
    .get("/-/npm/v1/tokens", listTokens)
    .post("/-/npm/v1/tokens", postToken)
    .delete("/-/npm/v1/tokens/token/:key", deleteTokenByKey)

    .post("/-/v1/login", postLogin)
    .get("/-/v1/done", getDone)
    .get("/-/auth/:id", getPage)
    .post("/-/auth/:id", postPage)

    .get("/-/npm/v1/keys", getKeys)
    .get("/-/npm/v1/attestations/:spec", getAttestations)
    .get("/-/npm/v1/attestations/:scope/:spec", getAttestations)
    .get("/-/v1/search", createSearch(citadel))
    .post("/-/npm/v1/security/advisories/bulk", bulkAdvisories)
    .post("/-/npm/v1/security/audits", treeAudit)
    .post("/-/npm/v1/security/audits/quick", treeAudit)

    .get("/-/package/:name/dist-tags", getTags)
    .on(["PUT", "POST"], "/-/package/:name/dist-tags/:tag", putTag)
    .delete("/-/package/:name/dist-tags/:tag", deleteTag)
    .get("/-/package/:name/owners", getOwners)
    .put("/-/package/:name/owners", putOwner)
    .delete("/-/package/:name/owners/:user", deleteOwner)
    .get("/-/package/:name/collaborators", getCollaborators)
    .get("/-/package/:name/visibility", getVisibility)
    .get("/-/package/:name/access", getAccess)
    .post("/-/package/:name/access", postAccess)
    .get("/-/-/package", getOwnPackages)

    .get("/-/org/:org/user", getMembers)
    .put("/-/org/:org/user", putMember)
    .delete("/-/org/:org/user", deleteMember)
    .get("/-/org/:org/team", getTeams)
    .put("/-/org/:org/team", putTeam)
    .get("/-/org/:org/package", getOrgPackages)
    .delete("/-/team/:org/:team", deleteTeam)
    .get("/-/team/:org/:team/user", getTeamUsers)
    .put("/-/team/:org/:team/user", putTeamUser)
    .delete("/-/team/:org/:team/user", deleteTeamUser)
    .get("/-/team/:org/:team/package", getTeamPackages)
    .put("/-/team/:org/:team/package", putTeamPackage)
    .delete("/-/team/:org/:team/package", deleteTeamPackage)
    .get("/-/user/:user/package", getUserPackages)

    .get("/-/npm/v1/hooks", listHooks)
    .post("/-/npm/v1/hooks/hook", postHook)
    .get("/-/npm/v1/hooks/hook/:id", getHook)
    .put("/-/npm/v1/hooks/hook/:id", putHook)
    .put("/-/npm/v1/hooks/hook/:id/enabled", putEnabled)
    .delete("/-/npm/v1/hooks/hook/:id", deleteHook)
    .post("/-/npm/v1/hooks/hook/:id/test", postTest)
    .get("/-/npm/v1/hooks/hook/:id/deliveries", listDeliveries)
    .post("/-/npm/v1/hooks/hook/:id/deliveries/:delivery", postReplay)

    .get("/-/_view/starredByUser", getStarredView)
    .get("/-/user/v1/star", getOwnStars)
    .on(["PUT", "DELETE"], "/-/user/v1/star", setStar)
    .on(["PUT", "DELETE"], "/-/user/package/:name/star", setPackageStar)
    .get("/-/user/:user/stars", getStars)

    .get("/-/package/:name/trust", getTrust)
    .post("/-/package/:name/trust", postTrust)
    .delete("/-/package/:name/trust/:id", deleteTrust)
    .post("/-/npm/v1/oidc/token/exchange/package/:name", exchangeToken)

    .post("/-/stage/package/:name", postStaged)
    .get("/-/stage", listStaged)
    .get("/-/stage/:id", getStaged)
    .get("/-/stage/:id/tarball", getStagedTarball)
    .post("/-/stage/:id/approve", approveStaged)
    .delete("/-/stage/:id", deleteStaged)

    .put("/:name", putPackage)
    .get("/:name/:spec", getManifest)
    .put("/:name/-rev/:rev", putRevision)
    .delete("/:name/-rev/:rev", deletePackage)
    .delete("/:name/-/:file/-rev/:rev", deleteTarball);
}

/** Routes by the path that `path.ts` has put in order, not by the one in the URL. */
export function getPath(_request: Request, options?: { env?: Env["Bindings"] }): string {
  return options?.env?.path ?? "/";
}
