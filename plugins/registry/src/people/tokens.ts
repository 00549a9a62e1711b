import { parseDuration, type Citadel } from "@citadel/core";
import {
  allTokens,
  allUsers,
  type Caller,
  type Grant,
  type Issued,
  type TokenInfo,
} from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import { isPattern } from "@citadel/core/patterns";
import type { Actor } from "@citadel/core/store";
import { madeUp } from "./users.ts";

export interface TokenWish {
  /** whose it is */
  readonly user?: string | undefined;
  /** may administer the registry; the user becomes an administrator, and is made when there is none of the name */
  readonly admin: boolean;
  readonly name?: string | undefined;
  readonly readOnly: boolean;
  /** works without a one-time password and cannot change the account */
  readonly automation: boolean;
  /** `ctdl_…`, for machines, with an end also when `expires` does not say which */
  readonly apiKey: boolean;
  /** duration or date */
  readonly expires?: string | undefined;
  readonly cidr: readonly string[];
  /** names and beginnings such as `@acme/*` */
  readonly packages: readonly string[];
  /** only for secrets that the server lends out */
  readonly secrets: boolean;
  /** an API key for the figures of `/metrics`, and nothing else */
  readonly metrics: boolean;
}

export interface MadeToken extends Issued {
  /** the account was made for it; it has no password yet */
  readonly userCreated: boolean;
  /** the user became an administrator */
  readonly promoted: boolean;
}

/** Who gets the token of an administrator when nobody is named. */
const firstAdmin = "admin";

/**
 * Makes a token for a user.
 * @throws E_USAGE, E_USER_NOT_FOUND, E_INVALID_*
 */
export async function createToken(
  citadel: Citadel,
  { principal, via }: Caller,
  wish: TokenWish,
): Promise<MadeToken> {
  const name = wish.user ?? (wish.admin ? firstAdmin : undefined);
  if (name === undefined)
    throw new CitadelError("E_USAGE", "nobody is named whose token it is to be", {
      hint: ["name a user: --user <name>", "or make one that administers the registry: --admin"],
    });
  const wrong = wish.packages.find((pattern) => !isPattern(pattern));
  if (wrong !== undefined)
    throw new CitadelError("E_USAGE", `${JSON.stringify(wrong)} is no name or beginning of one`, {
      hint: ["name a package, or the beginning of its name: --package '@acme/*'"],
    });
  const who = { name: principal.name, via };
  const expires = expiryOf(wish.expires);
  const { accounts } = citadel;
  const found = await accounts.user(name);
  if (wish.admin && !found)
    await accounts.create({ name, password: madeUp() + madeUp(), admin: true }, who);
  const promoted = wish.admin && found?.admin === false;
  if (promoted) await accounts.setAdmin(name, true, who);
  const issued = await (wish.apiKey || wish.metrics ? keyFor : tokenFor)(citadel, name, wish, {
    expires,
    who,
  });
  return { ...issued, userCreated: wish.admin && !found, promoted };
}

interface Terms {
  /** ms since 1970 */
  readonly expires: number | undefined;
  readonly who: Actor;
}

async function tokenFor(
  { accounts }: Citadel,
  user: string,
  wish: TokenWish,
  { expires, who }: Terms,
): Promise<Issued> {
  const grant = grantOf(wish, (await accounts.user(user))?.admin === true);
  const { name, cidr, automation } = wish;
  const request = {
    ...(name !== undefined && { name }),
    ...(grant && { grant }),
    ...(expires !== undefined && { expires }),
    ...{ cidr, automation },
  };
  return accounts.issue(user, request, who);
}

async function keyFor(
  { apiKeys, accounts }: Citadel,
  user: string,
  { admin, readOnly, metrics, name = "", cidr, packages }: TokenWish,
  { expires, who }: Terms,
): Promise<Issued> {
  const right = admin ? "admin" : metrics ? "metrics" : readOnly ? "read" : "write";
  const only = packages.length > 0 ? packages : undefined;
  const keys = await apiKeys();
  const { key, info } = await keys.generateApiKey(name, [right], {
    ...{ user, cidr, expires, who, packages: only },
  });
  const token = await accounts.token(user, info.id);
  if (!token) throw new Error("a key that was made is not there");
  return { token: key, info: token };
}

/** What it may be used for; undefined for all that its user may. A token of an administrator is none of theirs unless asked for. */
function grantOf(
  { admin, readOnly, packages, secrets }: TokenWish,
  administers: boolean,
): Grant | undefined {
  if (admin) return undefined;
  if (secrets) return { packages: "none", orgs: "none", manage: false, secrets: true };
  const names = packages.length > 0 ? { names: packages } : {};
  if (readOnly) return { packages: "read", ...names, orgs: "read", manage: false };
  if (packages.length > 0) return { packages: "write", ...names, orgs: "none", manage: false };
  return administers ? { packages: "write", orgs: "write", manage: false } : undefined;
}

/** ms since 1970 of `30d` or a date. */
function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const duration = /^\d+$/.test(text) ? undefined : parseDuration(text);
  const time = duration === undefined ? Date.parse(text) : Date.now() + duration;
  if (Number.isFinite(time) && time > Date.now()) return time;
  throw new CitadelError("E_USAGE", `${text.slice(0, 60)} is no time to come`, {
    hint: ["say how long, or until when: --expires 30d, --expires 2030-01-31"],
  });
}

/** Live tokens of one user, or of all, by user, newest first. @throws E_USER_NOT_FOUND */
export async function listTokens(citadel: Citadel, user: string | undefined): Promise<TokenInfo[]> {
  if (user !== undefined && !(await citadel.accounts.user(user)))
    throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${user}`);
  const names =
    user === undefined ? await Array.fromAsync(allUsers(citadel.accounts)) : [{ name: user }];
  const all = names.map(({ name }) => Array.fromAsync(allTokens(citadel.accounts, name)));
  return (await Promise.all(all)).flat();
}

/**
 * Revokes the token with this key, or the beginning of one.
 * @throws E_NOT_FOUND when there is none, or more than one
 */
export async function revokeToken(
  citadel: Citadel,
  { principal, via }: Caller,
  key: string,
): Promise<TokenInfo> {
  const all = /^[\da-f]{8,64}$/.test(key) ? await listTokens(citadel, undefined) : [];
  const [found, ...others] = all.filter((token) => token.key.startsWith(key));
  if (!found || others.length > 0)
    throw new CitadelError(
      "E_NOT_FOUND",
      `${found ? "several tokens have" : "no token has"} this key`,
      {
        hint: [
          "take the key from the list, eight characters at least: citadel registry:token:list",
        ],
      },
    );
  await citadel.accounts.revokeKey(found.user, found.key, { name: principal.name, via });
  return found;
}
