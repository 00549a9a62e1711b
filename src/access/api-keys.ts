import { CitadelError, errorCode } from "../errors.ts";
import type { Notices } from "../notices/notices.ts";
import type { Actor } from "../store/types.ts";
import { operator, readOnly } from "./may.ts";
import { allTokens, allUsers } from "./people.ts";
import type { Accounts, From, TokenInfo } from "./state.ts";
import { isApiKey, isKeyPrefix, tokenId } from "./tokens.ts";
import type { Grant } from "./types.ts";

/** What a key may, each holding what stands before it. `admin`: all that its user, an administrator, may. */
const ladder = ["read", "stage", "write", "admin"] as const;
/** With `metrics`, which nothing but `admin` holds: the figures of `/metrics`, and nothing else. */
export const permissions = [...ladder, "metrics"] as const;
export type Permission = (typeof permissions)[number];

/** An API key as lists show it. */
export interface ApiKey {
  /** by which it is rotated and revoked; says nothing of the key itself */
  readonly id: string;
  readonly name: string;
  /** whose rights it has, as far as its permissions go */
  readonly user: string;
  readonly permissions: readonly Permission[];
  /** patterns of package names that it is for. Absent: all */
  readonly packages?: readonly string[];
  readonly cidr: readonly string[];
  /** requests in the window of the limits. Absent: what the settings say */
  readonly limit?: number;
  /** ms since 1970, as are the next two */
  readonly created: number;
  readonly expires: number;
  readonly lastUsed?: number;
  /** the first characters */
  readonly prefix: string;
}

export interface ApiKeyOptions {
  /** @default "admin" */
  readonly user?: string;
  /** patterns of package names @default all */
  readonly packages?: readonly string[] | undefined;
  /** addresses and CIDR blocks @default any */
  readonly cidr?: readonly string[] | undefined;
  /** requests in the window of the limits @default what the settings say */
  readonly limit?: number | undefined;
  /** ms since 1970 @default the lifetime in the settings from now */
  readonly expires?: number | undefined;
  /** @default the command line */
  readonly who?: Actor;
}

/** A new key; `key` is shown this once. */
export interface IssuedKey {
  readonly key: string;
  readonly info: ApiKey;
}

/** Credentials for programs, with few rights and an end. Each is a token of a user: where tokens work keys do, and are revoked as they are. */
export interface ApiKeys {
  /**
   * @param allowed at least one
   * @throws E_USER_NOT_FOUND, E_INVALID_DOCUMENT; E_FORBIDDEN for `admin` to somebody who is no administrator
   */
  generateApiKey(
    name: string,
    allowed: readonly Permission[],
    options?: ApiKeyOptions,
  ): Promise<IssuedKey>;
  /** The key behind the text; undefined when it is none, has ended, or must not be used from there. Counts as a use. */
  verifyApiKey(key: string, from?: From): Promise<ApiKey | undefined>;
  /** Live keys of everybody, by user, newest first. */
  list(): Promise<readonly ApiKey[]>;
  /** Dead at once everywhere. @throws E_NOT_FOUND */
  revoke(id: string, who?: Actor): Promise<void>;
  /**
   * A new key in the place of one, with its terms and a whole lifetime; the old one works `overlap` ms longer.
   * @throws E_NOT_FOUND
   */
  rotate(
    id: string,
    options: { readonly overlap: number; readonly who?: Actor },
  ): Promise<IssuedKey>;
}

/** @param lifetime ms that a key lives unless it is said */
export function createApiKeys(
  accounts: Accounts,
  lifetime: number,
  notices: Pick<Notices, "note">,
): ApiKeys {
  const told = ({ key: id, name, user, expires }: TokenInfo, who: Actor) => ({
    ...{ id, name, user, by: who.name },
    ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
  });
  const all = async (): Promise<TokenInfo[]> => {
    const found: TokenInfo[] = [];
    for await (const { name, tokens } of allUsers(accounts))
      if (tokens.length > 0)
        for await (const token of allTokens(accounts, name))
          if (isKeyPrefix(token.prefix)) found.push(token);
    return found;
  };
  const find = async (id: string): Promise<TokenInfo> => {
    const found = (await all()).find(({ key }) => key === id);
    if (!found)
      throw new CitadelError("E_NOT_FOUND", "there is no API key with this id", {
        hint: ["see those that there are: GET /_api/security/keys"],
      });
    return found;
  };

  return {
    async generateApiKey(name, allowed, options = {}) {
      const { user = "admin", who = operator, cidr = [], packages } = options;
      const grant = grantOf(allowed, packages);
      const owner = await accounts.user(user);
      if (grant.manage && owner && !owner.admin)
        throw new CitadelError("E_FORBIDDEN", `${owner.name} is no administrator, nor is a key`);
      const expires = options.expires ?? Date.now() + lifetime;
      const { limit } = options;
      const request = { name, grant, cidr, expires, limit, automation: true, apiKey: true };
      const { token, info } = await accounts.issue(user, request, who);
      await notices.note("key.created", told(info, who));
      return { key: token, info: keyItem(info) };
    },

    async verifyApiKey(key, from) {
      if (typeof key !== "string" || !isApiKey(key)) return undefined;
      const principal = await accounts.byToken(key, from).catch((error: unknown) => {
        if (ended.has(errorCode(error) ?? "")) return undefined;
        throw error;
      });
      const info = principal && (await accounts.token(principal.name, tokenId(key)));
      return info && keyItem(info);
    },

    list: async () => (await all()).map(keyItem),

    async revoke(id, who = operator) {
      const found = await find(id);
      await accounts.revokeKey(found.user, found.key, who);
      await notices.note("key.revoked", told(found, who));
    },

    async rotate(id, { overlap, who = operator }) {
      const { user, key, name, grant, cidr, limit } = await find(id);
      const terms = { name, cidr, limit, ...(grant && { grant }), automation: true, apiKey: true };
      const next = await accounts.issue(user, { ...terms, expires: Date.now() + lifetime }, who);
      await accounts.expireKey(user, key, Date.now() + overlap, who);
      await notices.note("key.created", { ...told(next.info, who), instead: key });
      return { key: next.token, info: keyItem(next.info) };
    },
  };
}

const ended = new Set(["E_AUTH_INVALID", "E_TOKEN_EXPIRED", "E_TOKEN_REVOKED", "E_TOKEN_ADDRESS"]);

/** The grant of these permissions. @throws E_INVALID_DOCUMENT for none */
function grantOf(allowed: readonly Permission[], names: readonly string[] | undefined): Grant {
  const most = ladder.findLast((each) => allowed.includes(each));
  const metrics = allowed.includes("metrics") && ({ metrics: true } as const);
  const unknown = allowed.find((each) => !permissions.includes(each));
  if ((most === undefined && !metrics) || unknown !== undefined)
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      unknown === undefined
        ? "an API key needs a permission"
        : `${JSON.stringify(String(unknown).slice(0, 40))} is no permission`,
      { hint: [`give it one of ${permissions.join(", ")}`] },
    );
  if (most === undefined) return { packages: "none", orgs: "none", manage: false, ...metrics };
  const only = { ...(names && { names }), ...metrics };
  if (most === "read") return { ...readOnly, ...only };
  const admin = most === "admin";
  const orgs = admin ? "write" : "read";
  return { packages: admin ? "write" : most, ...only, orgs, manage: admin };
}

/** The permissions that a grant comes to; those of an administrator when there is none. */
export function permissionsOf(grant: Grant | undefined): readonly Permission[] {
  const most = (grant?.manage ?? true) ? "admin" : (grant?.packages ?? "admin");
  const held = ladder.slice(0, ladder.findIndex((each) => each === most) + 1);
  return most === "admin" || grant?.metrics ? [...held, "metrics"] : held;
}

function keyItem(info: TokenInfo): ApiKey {
  const { key, name, user, grant, cidr, created, expires = Infinity, lastUsed, prefix } = info;
  const { limit } = info;
  return {
    ...{ id: key, name, user, cidr, created, expires, prefix },
    permissions: permissionsOf(grant),
    ...(grant?.names && { packages: grant.names }),
    ...(limit !== undefined && { limit }),
    ...(lastUsed !== undefined && { lastUsed }),
  };
}
