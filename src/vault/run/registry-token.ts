import type { Citadel } from "../../citadel.ts";
import { CitadelError } from "../../errors.ts";
import { isPattern } from "../../patterns.ts";
import type { PrivateFiles } from "./private-files.ts";

export interface TokenWish {
  /** whose token it is */
  readonly user: string;
  /** names and beginnings such as `@acme/*`; empty: all that the user may write */
  readonly packages: readonly string[];
  /** ms after which it is dead, whatever happens to this process */
  readonly lifetime: number;
  /** address of the registry, with a trailing slash */
  readonly url: string;
}

export interface LentToken {
  readonly token: string;
  /** variables by which package managers use it */
  readonly env: Readonly<Record<string, string>>;
  /** ms since 1970 */
  readonly expires: number;
  revoke(): Promise<void>;
}

/**
 * A token of a user that reads and writes packages and nothing else, for one command.
 * @throws E_USER_NOT_FOUND, E_USAGE
 */
export async function lendToken(
  { accounts }: Pick<Citadel, "accounts">,
  { user, packages, lifetime, url }: TokenWish,
  files: PrivateFiles,
): Promise<LentToken> {
  const wrong = packages.find((one) => !isPattern(one));
  if (wrong !== undefined)
    throw new CitadelError("E_USAGE", `${JSON.stringify(wrong)} is no name or beginning of one`, {
      hint: ["name a package, or the beginning of its name: --registry-package '@acme/*'"],
    });
  const who = { name: "local", via: "cli" } as const;
  const names = packages.length > 0 ? { names: packages } : {};
  const expires = Date.now() + lifetime;
  const { token, info } = await accounts.issue(
    user,
    {
      ...{ name: "secrets:run", automation: true, expires },
      grant: { packages: "write", ...names, orgs: "none", manage: false },
    },
    who,
  );
  const key = `//${url.replace(/^https?:\/\//, "")}:_authToken`;
  return {
    token,
    expires,
    env: {
      NPM_TOKEN: token,
      npm_config_registry: url,
      [`npm_config_${key}`]: token,
      // shells drop variables with such names; what npm reads here has the name of one that stays
      npm_config_globalconfig: files.write(
        "npmrc",
        Buffer.from(`registry=${url}\n${key}=\${NPM_TOKEN}\n`),
      ),
    },
    revoke: async () => void (await accounts.revokeKey(user, info.key, who)),
  };
}

/** The address of a registry, with a trailing slash. @throws E_USAGE */
export function registryUrl(text: string): string {
  const url = URL.parse(text);
  const plain =
    url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search;
  if (!plain)
    throw new CitadelError("E_USAGE", "--registry is no address of a registry", {
      hint: ["give one such as http://localhost:4873/, without user and password"],
    });
  url.hash = "";
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
