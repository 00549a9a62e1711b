import { addressBlocks } from "../addresses.ts";
import { cidr as cidrType } from "../config/values.ts";
import { CitadelError } from "../errors.ts";
import { isPattern } from "../patterns.ts";
import type { Actor } from "../store/types.ts";
import { changeUser, findUser, type Context } from "./context.ts";
import type { UserEvent } from "./kinds.ts";
import type { Accounts, From, Issued, TokenInfo, TokenRequest, TokenState } from "./state.ts";
import { isApiKey, isKeyPrefix, newApiKey, newToken, tokenId, tokenPrefix } from "./tokens.ts";
import type { Memberships, Principal, TrustedPublisher } from "./types.ts";
import type { Uses } from "./uses.ts";

/** Live tokens of a user; the oldest dies when another one is made. */
const mostTokens = 1000;
/** characters of a token that was made elsewhere */
const shortestAdopted = 32;
const longestName = 200;
const longestDescription = 1000;
const mostBlocks = 100;

export interface TokenContext extends Context {
  readonly uses: Uses;
  readonly memberships: (name: string) => Promise<Memberships | undefined>;
  readonly jobs: (name: string, trusted: TrustedPublisher) => Promise<boolean>;
}

type TokenBook = Pick<
  Accounts,
  | "byToken"
  | "byKey"
  | "session"
  | "issue"
  | "adopt"
  | "issueJob"
  | "tokens"
  | "token"
  | "expireKey"
  | "revoke"
  | "keyOf"
  | "revokeKey"
>;

/** Tokens: made, found, listed, revoked. */
export function createTokenBook(context: TokenContext): TokenBook {
  const { users, tokens, uses, memberships, jobs } = context;

  const write = async (
    of: Pick<TokenState, "kind" | "user" | "session" | "trusted">,
    request: TokenRequest,
    who: Actor,
  ): Promise<Issued> => {
    const token = request.apiKey ? newApiKey() : newToken();
    const id = tokenId(token);
    const event = {
      type: "create",
      ...of,
      ...checked(request),
      prefix: tokenPrefix(token),
    } as const;
    const made = await tokens.change(id, who, () => [event]);
    if (!made) throw new Error("a token that was made is not there");
    return { token, info: infoOf(id, made.state) };
  };

  const issue = async (
    name: string,
    request: TokenRequest,
    who: Actor,
    session = false,
  ): Promise<Issued> => {
    // a token counts only when its user lists it, so that a crash in between leaves nothing that works
    const issued = await write({ kind: "user", user: name, session }, request, who);
    await list(name, issued.info.key, who);
    return issued;
  };

  const list = (name: string, id: string, who: Actor): Promise<unknown> =>
    changeUser(context, name, who, ({ tokens: live }) => {
      const oldest = live.slice(0, Math.max(0, live.length + 1 - mostTokens));
      const drop: UserEvent[] = oldest.length > 0 ? [{ type: "untoken", ids: oldest }] : [];
      return [...drop, { type: "token", id }];
    });

  const revokeId = async (id: string, who: Actor): Promise<boolean> => {
    const found = (await tokens.read(id))?.state;
    if (!found || found.revoked) return false;
    let revoked = false;
    await tokens.change(id, who, (state) => {
      revoked = state !== undefined && !state.revoked;
      return revoked ? [{ type: "revoke" }] : [];
    });
    if (found.kind === "user")
      await users.change(found.user, who, (state) =>
        state?.tokens.includes(id) ? [{ type: "untoken", ids: [id] }] : [],
      );
    return revoked;
  };

  const byKey = async (id: string, { address }: From = {}): Promise<Principal> => {
    const found = (await tokens.read(id))?.state;
    if (!found) throw unknown();
    if (found.revoked) throw revoked();
    const { expires = Infinity, expired } = found;
    if (expired || expires <= Date.now())
      throw new CitadelError(
        "E_TOKEN_EXPIRED",
        `the token has expired on ${new Date(expires).toISOString()}`,
      );
    const principal =
      found.kind === "job"
        ? await job(found, id)
        : await holder(found, id, memberships(found.user));
    if (found.cidr.length > 0 && !(address !== undefined && addressBlocks(found.cidr)(address)))
      throw new CitadelError(
        "E_TOKEN_ADDRESS",
        `the token must not be used from ${address ?? "an unknown address"}`,
      );
    uses.note(id);
    return principal;
  };

  return {
    issue,
    session: (name, who, expires) =>
      issue(name, expires === undefined ? {} : { expires }, who, true),

    async adopt(name, token, request, who) {
      if (!isText(token) || token.length < shortestAdopted)
        throw invalid(`a token has at least ${shortestAdopted} characters`);
      const id = tokenId(token);
      const event = {
        type: "create",
        kind: "user",
        user: name,
        session: false,
        ...checked(request),
        prefix: tokenPrefix(token),
      } as const;
      if (!(await findUser(context, name)))
        throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(name)}`);
      let isNew = false;
      await tokens.change(id, who, (state) => {
        isNew = !state;
        return state ? [] : [event];
      });
      // one that died here stays dead
      if (isNew) await list(name, id, who);
      return isNew;
    },

    issueJob: ({ principal, trusted, ...request }, who) =>
      write(
        { kind: "job", user: principal, session: false, trusted },
        { ...request, automation: true },
        who,
      ),

    async byToken(token, from) {
      // a mistyped key is not looked for
      if (!isText(token) || (isKeyPrefix(token) && !isApiKey(token))) throw unknown();
      return byKey(tokenId(token), from);
    },
    byKey,

    async tokens(name, { after, limit = 1000 } = {}) {
      const ids = [...((await findUser(context, name))?.tokens ?? [])].reverse();
      const page = ids.slice(after === undefined ? 0 : ids.indexOf(after) + 1).slice(0, limit);
      const last = page.at(-1);
      const [states, used] = await Promise.all([
        Promise.all(page.map(async (id) => [id, (await tokens.read(id))?.state] as const)),
        uses.lastUsed(page),
      ]);
      const items = states.flatMap(([id, state]) => {
        if (!state || state.revoked || state.expired) return [];
        const lastUsed = used.get(id);
        return [{ ...infoOf(id, state), ...(lastUsed !== undefined && { lastUsed }) }];
      });
      return {
        items,
        total: ids.length,
        ...(last !== undefined && last !== ids.at(-1) && { next: last }),
      };
    },

    async token(name, key) {
      if (!(await findUser(context, name))?.tokens.includes(key)) return undefined;
      const state = (await tokens.read(key))?.state;
      return !state || state.revoked || state.expired ? undefined : infoOf(key, state);
    },

    async expireKey(name, key, expires, who) {
      if (!(await findUser(context, name))?.tokens.includes(key)) return false;
      await tokens.change(key, who, (state) =>
        state && (state.expires ?? Infinity) > expires ? [{ type: "until", expires }] : [],
      );
      return true;
    },

    revoke: async (token, who) => isText(token) && revokeId(tokenId(token), who),

    keyOf: (token) => (/^[\da-f]{64}$/.test(token) ? token : tokenId(token)),

    async revokeKey(name, key, who) {
      const owner = await findUser(context, name);
      return owner?.tokens.includes(key) === true && revokeId(key, who);
    },
  };

  /** A job, as long as what let it in stands. */
  async function job({ user, grant, trusted }: TokenState, token: string): Promise<Principal> {
    const [name] = grant?.names ?? [];
    if (!grant || !trusted || name === undefined || !(await jobs(name, trusted))) throw revoked();
    return { kind: "job", name: user, admin: false, token, automation: true, grant, trusted };
  }

  /** What token and user may together, now. */
  async function holder(
    { user, grant, automation, limit }: TokenState,
    id: string,
    belongs: Promise<Memberships | undefined>,
  ): Promise<Principal> {
    const [owner, member] = await Promise.all([findUser(context, user), belongs]);
    if (!owner) throw new CitadelError("E_AUTH_INVALID", "the account of this token is gone");
    if (!owner.tokens.includes(id)) throw revoked();
    if (owner.disabled)
      throw new CitadelError("E_AUTH_INVALID", "the account of this token is disabled");
    return {
      kind: "user",
      name: owner.name,
      admin: owner.admin && (grant?.manage ?? true),
      token: id,
      ...(automation && { automation }),
      ...(limit !== undefined && { limit }),
      ...(grant && { grant }),
      ...member,
    };
  }
}

const unknown = (): CitadelError => new CitadelError("E_AUTH_INVALID", "the token is unknown here");
const revoked = (): CitadelError => new CitadelError("E_TOKEN_REVOKED", "the token was revoked");

function infoOf(key: string, { revoked: _, expired: __, ...state }: TokenState): TokenInfo {
  return { key, ...state };
}

/** @throws E_INVALID_DOCUMENT */
function checked({
  name = "",
  description = "",
  grant,
  cidr = [],
  expires,
  automation = false,
  limit,
}: TokenRequest) {
  if (name.length > longestName || description.length > longestDescription)
    throw invalid(
      `a token has a name of up to ${longestName} characters and a description of up to ${longestDescription}`,
    );
  if (/\p{Cc}/u.test(name)) throw invalid("the name of a token has no control characters");
  for (const name of grant?.names ?? [])
    if (!isPattern(name))
      throw invalid(`${JSON.stringify(name).slice(0, 60)} is no pattern of package names`);
  if (cidr.length > mostBlocks) throw invalid(`a token has at most ${mostBlocks} address blocks`);
  if (expires !== undefined && !(Number.isSafeInteger(expires) && expires > Date.now()))
    throw invalid("a token must not be expired when it is made");
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0))
    throw invalid("the limit of a token is a whole number above 0");
  return {
    name,
    description,
    ...(limit !== undefined && { limit }),
    ...(grant && { grant }),
    cidr: cidr.map((block) => {
      const parsed = cidrType.parse(block, "");
      if (parsed === undefined)
        throw invalid(`${JSON.stringify(block.slice(0, 60))} is no block of addresses`);
      return parsed;
    }),
    ...(expires !== undefined && { expires }),
    automation,
  };
}

function invalid(message: string): CitadelError {
  return new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["see what a token may be: docs/accounts.md"],
  });
}

/** Text that may be looked up; a header may hold anything. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 1024;
}
