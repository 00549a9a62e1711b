import { createDecipheriv } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Citadel } from "@citadel/core";
import { readOnly, type Caller, type TokenRequest } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import { isObject } from "@citadel/core/registry";
import { readSecretFile } from "@citadel/core/terminal";
import { problemOf } from "../problem.ts";
import type { Problem } from "../source.ts";

/** what Verdaccio's secret has; it is the key itself */
const secretLength = 32;

export interface TokenPlace {
  /** file of tokens, one a line, or .npmrc; `-` is standard input */
  readonly file: string;
  /** of `.verdaccio-db.json` */
  readonly secret: string | undefined;
  /** storage folder, with the list of tokens that were made by `npm token create` */
  readonly folder: string;
}

export interface TakenTokens {
  readonly added: number;
  readonly unchanged: number;
  readonly problems: readonly Problem[];
}

/**
 * Lets tokens of a Verdaccio go on working. It keeps no list of those that it gave out, so they have to be named. Each is one of two
 * kinds: a user's name and password, encrypted by Verdaccio's secret, which has to be the password still; or a JWT signed with it.
 * @throws E_USAGE without a secret or a file
 */
export async function takeTokens(
  { accounts }: Citadel,
  { principal, via }: Caller,
  { file, secret, folder }: TokenPlace,
  dryRun: boolean,
): Promise<TakenTokens> {
  if (secret?.length !== secretLength)
    throw new CitadelError("E_USAGE", "without Verdaccio's secret no token can be read", {
      hint: ["name the storage folder that has its .verdaccio-db.json"],
    });
  const listed = await listedTokens(folder);
  const problems: Problem[] = [];
  let added = 0;
  let unchanged = 0;
  for (const [at, token] of tokensIn(await readSecretFile(file, "token")).entries())
    try {
      const read = readAes(token, secret) ?? (await readJwt(token, secret));
      const { user, password, key, expires } = read;
      const entry = key === undefined ? undefined : listed.get(key);
      if (key !== undefined && !entry)
        throw new CitadelError("E_TOKEN_REVOKED", "it was revoked there");
      // a dry run has made no accounts that it could be checked against
      if (password !== undefined && !dryRun) await accounts.byPassword(user, password);
      const request = { ...entry, ...(expires !== undefined && { expires }) };
      const who = { name: principal.name, via };
      if (dryRun || (await accounts.adopt(user, token, request, who))) added++;
      else unchanged++;
    } catch (error) {
      problems.push(problemOf(error, `token ${at + 1}`));
    }
  return { added, unchanged, problems };
}

/** Bare lines, and those of an .npmrc that hold a token. */
function tokensIn(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.flatMap((line) => {
    if (line === "" || /^[#;]/.test(line)) return [];
    const [, value] = /:_authToken\s*=\s*"?([^"\s]+)/.exec(line) ?? [];
    if (value !== undefined) return [value];
    // another line of an .npmrc; a token ends in = or ==, if it has any
    return /^[^=\s]+=*$/.test(line) ? [line] : [];
  });
}

interface ReadToken {
  readonly user: string;
  readonly password?: string;
  /** of the list of tokens */
  readonly key?: string;
  /** ms since 1970 */
  readonly expires?: number;
}

/** base64 of `<iv>:<content>` in hex; the content is `user:password`, or JSON with a key of the list as well. */
function readAes(token: string, secret: string): ReadToken | undefined {
  const text = Buffer.from(token, "base64").toString("latin1");
  const [, iv, content] = /^([\da-f]{32}):((?:[\da-f]{2})+)$/.exec(text) ?? [];
  if (iv === undefined || content === undefined) return undefined;
  const cipher = createDecipheriv("aes-256-ctr", secret, Buffer.from(iv, "hex"));
  const plain = Buffer.concat([cipher.update(content, "hex"), cipher.final()]).toString();
  if (plain.startsWith("{"))
    try {
      const { user, password, tokenKey } = JSON.parse(plain) as Record<string, unknown>;
      if (typeof user === "string" && typeof password === "string")
        return { user, password, ...(typeof tokenKey === "string" && { key: tokenKey }) };
    } catch {
      // a user name may begin like this, too
    }
  const colon = plain.indexOf(":");
  if (colon < 1) throw unreadable();
  return { user: plain.slice(0, colon), password: plain.slice(colon + 1) };
}

async function readJwt(token: string, secret: string): Promise<ReadToken> {
  const { jwtVerify } = await import("jose");
  const { payload } = await jwtVerify(token, Buffer.from(secret), { algorithms: ["HS256"] }).catch(
    (error: unknown) => {
      const expired = (error as { code?: unknown }).code === "ERR_JWT_EXPIRED";
      throw expired ? new CitadelError("E_TOKEN_EXPIRED", "it has expired") : unreadable();
    },
  );
  const { name, exp, token: listed } = payload;
  if (typeof name !== "string") throw unreadable();
  const key = isObject(listed) ? listed["key"] : undefined;
  return {
    user: name,
    ...(typeof key === "string" && { key }),
    ...(exp !== undefined && { expires: exp * 1000 }),
  };
}

const unreadable = (): CitadelError =>
  new CitadelError("E_AUTH_INVALID", "it was not made with this Verdaccio's secret");

/** What `npm token create` has made there, by key. */
async function listedTokens(folder: string): Promise<ReadonlyMap<string, TokenRequest>> {
  const text = await readFile(join(folder, ".token-db.json"), "utf8").catch(() => "{}");
  let users: unknown = {};
  try {
    users = JSON.parse(text);
  } catch {
    // then none of them is known to be alive
  }
  const tokens = isObject(users) ? Object.values(users).flat() : [];
  return new Map(
    tokens.flatMap((token): [string, TokenRequest][] => {
      if (!isObject(token) || typeof token["key"] !== "string") return [];
      const cidr = Array.isArray(token["cidr"]) ? token["cidr"].map(String) : [];
      return [[token["key"], { cidr, ...(token["readonly"] === true && { grant: readOnly }) }]];
    }),
  );
}
