import { CitadelError } from "@citadel/core";
import { readOnly, type Grant, type TokenInfo } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { confirmPassword } from "./profile.ts";
import { param, type Handler } from "./room.ts";
import { check, tokenSchema, type TokenBody } from "./schemas.ts";

const day = 24 * 3_600_000;
const perPage = 100;

/** `GET /-/npm/v1/tokens[?after=KEY]`: the caller's own, a page at a time. */
export const listTokens: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { principal } = await signedIn(shared, asked);
  const after = new URL(c.req.url).searchParams.get("after");
  const { items, total, next } = await shared.citadel.accounts.tokens(principal.name, {
    limit: perPage,
    ...(after !== null && { after }),
  });
  const urls = next === undefined ? {} : { next: `${site.base}-/npm/v1/tokens?after=${next}` };
  return c.json({ objects: items.map(shown), total, urls });
};

/** `POST /-/npm/v1/tokens`: a new one, shown this once. */
export const postToken: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const body = check(tokenSchema, await readJson(c.req.raw, 256 * 1024));
  const grant = grantOf(body);
  await confirmPassword(shared, caller, body.password);
  const { token, info } = await shared.citadel.accounts.issue(
    caller.principal.name,
    {
      name: body.name ?? "",
      description: body.description ?? "",
      ...(grant && { grant }),
      cidr: body.cidr_whitelist ?? [],
      ...(body.expires && { expires: Date.now() + body.expires * day }),
      automation: body.bypass_2fa ?? false,
    },
    actorOf(caller),
  );
  return c.json({ ...shown(info), token });
};

/** `DELETE /-/npm/v1/tokens/token/<key or token>` */
export const deleteTokenByKey: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { name, token, grant } = caller.principal;
  const { accounts } = shared.citadel;
  const key = accounts.keyOf(param(c, "key"));
  if (grant && key !== token)
    throw new CitadelError("E_FORBIDDEN", "with this token only itself can be revoked");
  if (!(await accounts.revokeKey(name, key, actorOf(caller))))
    throw new CitadelError("E_NOT_FOUND", "you have no such token", {
      hint: ["see those that you have: npm token list"],
    });
  return c.body(null, 204);
};

/** A token without its value, in npm's words. */
function shown(info: TokenInfo): object {
  const { grant } = info;
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    key: info.key,
    token: info.prefix,
    name: info.name || (info.session ? "login" : ""),
    description: info.description,
    readonly: grant !== undefined && grant.packages === "read" && grant.orgs !== "write",
    cidr_whitelist: info.cidr,
    bypass_2fa: info.automation,
    created: iso(info.created),
    updated: iso(info.created),
    expires: iso(info.expires),
    last_used: iso(info.lastUsed),
    ...(grant && {
      packages_and_scopes_permission: packageWords[grant.packages],
      packages: grant.names ?? ["*"],
      orgs_permission: orgWords[grant.orgs],
      orgs: grant.orgNames ?? ["*"],
    }),
  };
}

const packageWords = {
  none: "no-access",
  read: "read-only",
  write: "read-write",
  stage: "read-write-stage-only",
} as const;
const orgWords = { none: "no-access", read: "read-only", write: "read-write" } as const;

/**
 * What the body allows; undefined for everything that the user may.
 * @throws E_INVALID_DOCUMENT for half a grant: a permission for nothing named, or names without a permission
 */
function grantOf(body: TokenBody): Grant | undefined {
  const names = [...(body.packages ?? []), ...(body.scopes ?? []).map(scopePattern)];
  const orgs = (body.orgs ?? []).map((org) => org.replace(/^@/, ""));
  const { packages_and_scopes_permission: packages, orgs_permission: onOrgs } = body;
  if (!packages && !onOrgs && names.length === 0 && orgs.length === 0 && !body.packages_all)
    return body.readonly ? readOnly : undefined;
  if (packages ? names.length === 0 && !body.packages_all : names.length > 0 || body.packages_all)
    throw half("--packages, --scopes or --packages-all", "--packages-and-scopes-permission");
  if (onOrgs ? orgs.length === 0 : orgs.length > 0) throw half("--orgs", "--orgs-permission");
  return {
    packages: keyOf(packageWords, packages ?? "no-access"),
    ...(!body.packages_all && { names }),
    orgs: keyOf(orgWords, onOrgs ?? "no-access"),
    orgNames: orgs,
    manage: false,
  };
}

const scopePattern = (scope: string): string =>
  `@${scope.replace(/^@/, "").replace(/\/\*?$/, "")}/*`;

const keyOf = <K extends string>(words: Readonly<Record<K, string>>, word: string): K =>
  (Object.keys(words) as K[]).find((key) => words[key] === word) as K;

const half = (what: string, right: string): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", `a token needs both ${what} and ${right}, or neither`, {
    hint: ["see what a token may be: docs/accounts.md"],
  });
