import { CitadelError } from "../errors.ts";
import type { Actor, Store } from "../store/types.ts";
import { tokenKind, userKind, type UserEvent } from "./kinds.ts";
import { checkEmail, checkPassword, checkUserName, isUserName } from "./names.ts";
import { readOnly } from "./may.ts";
import { createPasswords } from "./passwords.ts";
import { newToken, tokenId, tokenPrefix } from "./tokens.ts";
import type { Accounts, Principal, UserState } from "./types.ts";

/** Live tokens of a user; the oldest dies when another one is made. */
const mostTokens = 1000;

/** Users and tokens over a store. Nothing of them is kept here: what is revoked is dead for every process at once. */
export function createAccounts({ store }: { readonly store: Store }): Accounts {
  const users = store.ledger(userKind());
  const tokens = store.ledger(tokenKind());
  const passwords = createPasswords();

  const user = async (name: string): Promise<UserState | undefined> =>
    isUserName(name) ? (await users.read(name))?.state : undefined;

  /** @throws E_AUTH_INVALID, equally late and equally worded for an unknown name and a wrong password */
  async function verified(name: string, password: string): Promise<UserState> {
    const found = await user(name);
    const right = await passwords.matches(isText(password) ? password : "", found?.password);
    if (!found || !right)
      throw new CitadelError("E_AUTH_INVALID", "the user name or the password is wrong");
    return found;
  }

  /** @returns false when somebody was faster */
  async function signUp(name: string, email: string, password: string, who: Actor) {
    const event: UserEvent = { type: "create", email, password: await passwords.hash(password) };
    let created = false;
    await users.change(name, who, (state) => {
      created = !state;
      return state ? [] : [event];
    });
    return created;
  }

  async function issue(name: string, who: Actor): Promise<string> {
    const token = newToken();
    const id = tokenId(token);
    // a token counts only when its user lists it, so that a crash in between leaves nothing that works
    await tokens.change(id, who, () => [
      { type: "create", user: name, readonly: false, prefix: tokenPrefix(token) },
    ]);
    await users.change(name, who, (state) => {
      if (!state) throw new CitadelError("E_AUTH_INVALID", "the account is gone");
      const oldest = state.tokens.slice(0, Math.max(0, state.tokens.length + 1 - mostTokens));
      const drop: UserEvent[] = oldest.length > 0 ? [{ type: "untoken", ids: oldest }] : [];
      return [...drop, { type: "token", id }];
    });
    return token;
  }

  return {
    user,

    async login(input, { signup, who }) {
      const name = checkUserName(input.name);
      const password = checkPassword(input.password);
      const email = checkEmail(input.email);
      if (!(await user(name))) {
        if (!signup) {
          await passwords.matches(password, undefined);
          throw new CitadelError("E_FORBIDDEN", "accounts cannot be made here by signing up", {
            hint: ["ask an administrator for an account"],
          });
        }
        if (await signUp(name, email, password, who))
          return { token: await issue(name, who), created: true };
      }
      const found = await verified(name, password);
      if (passwords.outdated(found.password)) {
        const renewed = await passwords.hash(password);
        await users.change(name, who, (state) =>
          // unless it was changed meanwhile
          state?.password === found.password ? [{ type: "password", password: renewed }] : [],
        );
      }
      return { token: await issue(name, who), created: false };
    },

    async byToken(token) {
      const invalid = (): CitadelError =>
        new CitadelError("E_AUTH_INVALID", "the token is unknown here, or it was revoked");
      if (!isText(token)) throw invalid();
      const id = tokenId(token);
      const found = (await tokens.read(id))?.state;
      if (!found || found.revoked) throw invalid();
      const owner = await user(found.user);
      if (!owner?.tokens.includes(id)) throw invalid();
      return {
        ...principalOf(owner),
        token: id,
        ...(found.readonly && { admin: false, grant: readOnly }),
      };
    },

    byPassword: async (name, password) => principalOf(await verified(name, password)),

    async revoke(token, who) {
      if (!isText(token)) return false;
      const id = tokenId(token);
      const found = (await tokens.read(id))?.state;
      if (!found || found.revoked) return false;
      let revoked = false;
      await tokens.change(id, who, (state) => {
        revoked = state !== undefined && !state.revoked;
        return revoked ? [{ type: "revoke" }] : [];
      });
      await users.change(found.user, who, (state) =>
        state?.tokens.includes(id) ? [{ type: "untoken", ids: [id] }] : [],
      );
      return revoked;
    },
  };
}

function principalOf({ name, admin }: UserState): Principal {
  return { kind: "user", name, admin };
}

/** Text that may be looked up; a header may hold anything. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 1024;
}
