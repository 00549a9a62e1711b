import { CitadelError } from "../errors.ts";
import type { Actor, Ledger } from "../store/types.ts";
import { changeUser, demandNoOrg, findUser, type Context } from "./context.ts";
import type { SiteEvent, SiteState, UserEvent } from "./kinds.ts";
import { checkEmail, checkPassword, checkProfile, checkUserName } from "./names.ts";
import type { Passwords } from "./passwords.ts";
import type { Accounts, TokenInfo, UserState } from "./state.ts";

const site = "registry";

export interface PeopleContext extends Context {
  readonly sites: Ledger<SiteState, SiteEvent>;
  readonly passwords: Passwords;
}

type People = Pick<
  Accounts,
  | "user"
  | "create"
  | "setPassword"
  | "setProfile"
  | "setAdmin"
  | "setDisabled"
  | "remove"
  | "list"
  | "administered"
>;

/** Every user, page by page. */
export async function* allUsers(
  accounts: Pick<Accounts, "list">,
): AsyncGenerator<UserState, void, void> {
  let after: string | undefined;
  do {
    const page = await accounts.list(after === undefined ? {} : { after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

/** Every live token of a user, newest first. */
export async function* allTokens(
  accounts: Pick<Accounts, "tokens">,
  name: string,
): AsyncGenerator<TokenInfo, void, void> {
  let after: string | undefined;
  do {
    const page = await accounts.tokens(name, after === undefined ? {} : { after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

/** Users as the command line and administrators look after them. */
export function createPeople(context: PeopleContext): People {
  const { users, sites, passwords } = context;

  /** Before the first administrator is one, so that a crash in between leaves sign-up closed. */
  const administer = (who: Actor): Promise<unknown> =>
    sites.change(site, who, (state) => (state ? [] : [{ type: "administered" }]));

  return {
    user: (name) => findUser(context, name),

    async create(input, who) {
      const name = checkUserName(input.name);
      const email = checkEmail(input.email);
      await demandNoOrg(context, name);
      const password = await passwords.hash(checkPassword(input.password));
      if (input.admin) await administer(who);
      const events: UserEvent[] = [{ type: "create", email, password }];
      if (input.admin) events.push({ type: "admin", admin: true });
      await users.change(name, who, (state) => {
        if (state && !state.removed)
          throw new CitadelError(
            "E_USER_EXISTS",
            `there is a user ${JSON.stringify(name)} already`,
          );
        return events;
      });
    },

    async setPassword(name, text, who) {
      const password = await passwords.hash(checkPassword(text));
      await changeUser(context, name, who, ({ tokens }) => [
        { type: "password", password },
        { type: "untoken", ids: tokens },
      ]);
    },

    async setProfile(name, { email, ...fields }, who) {
      const address = email === undefined ? undefined : checkEmail(email);
      checkProfile(fields);
      await changeUser(context, name, who, (state) => {
        const profile = checkProfile({ ...state.profile, ...fields });
        return [{ type: "profile", email: address ?? state.email, profile }];
      });
    },

    async setAdmin(name, admin, who) {
      if (admin) await administer(who);
      await changeUser(context, name, who, (state) =>
        state.admin === admin ? [] : [{ type: "admin", admin }],
      );
    },

    setDisabled: (name, disabled, who) =>
      changeUser(context, name, who, (state) =>
        state.disabled === disabled ? [] : [{ type: "disable", disabled }],
      ),

    remove: (name, who) => changeUser(context, name, who, () => [{ type: "remove" }]),

    async list(options = {}) {
      const { items, next } = await users.list(options);
      const states = await Promise.all(items.map(({ name }) => findUser(context, name)));
      return {
        items: states.filter((state): state is UserState => state !== undefined),
        ...(next !== undefined && { next }),
      };
    },

    administered: async () => (await sites.read(site))?.state.administered === true,
  };
}
