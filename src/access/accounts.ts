import { CitadelError } from "../errors.ts";
import type { Actor, Store } from "../store/types.ts";
import { findUser } from "./context.ts";
import { siteKind, tokenKind, userKind, type UserEvent } from "./kinds.ts";
import { checkEmail, checkPassword, checkUserName } from "./names.ts";
import { createPasswords } from "./passwords.ts";
import { createPeople } from "./people.ts";
import type { Accounts, UserState } from "./state.ts";
import { createTokenBook } from "./token-book.ts";
import type { Memberships, TrustedPublisher } from "./types.ts";
import { createUses } from "./uses.ts";

export interface AccountsOptions {
  readonly store: Store;
  /** organisations and teams of a user, asked at each request @default none */
  readonly memberships?: (name: string) => Promise<Memberships | undefined>;
  /** whether what let a job in to a package still does, asked at each request @default it does */
  readonly jobs?: (name: string, trusted: TrustedPublisher) => Promise<boolean>;
}

/** Users and tokens over a store. Nothing of them is kept here: what is revoked is dead for every process at once. */
export function createAccounts({
  store,
  memberships = async () => undefined,
  jobs = async () => true,
}: AccountsOptions): Accounts & { close(): Promise<void> } {
  const users = store.ledger(userKind());
  const uses = createUses(store.driver);
  const context = {
    users,
    tokens: store.ledger(tokenKind()),
    sites: store.ledger(siteKind()),
    passwords: createPasswords(),
    memberships,
    jobs,
    uses,
  };
  const { passwords } = context;
  const { session, ...tokens } = createTokenBook(context);

  /** @throws E_AUTH_INVALID, equally late and equally worded for an unknown name and a wrong password */
  async function verified(name: string, password: string): Promise<UserState> {
    const found = await findUser(context, name);
    const right = await passwords.matches(
      typeof password === "string" ? password : "",
      found?.password,
    );
    if (!found || !right || found.disabled)
      throw new CitadelError("E_AUTH_INVALID", "the user name or the password is wrong");
    return found;
  }

  /** @returns false when somebody was faster, or had the name before */
  async function signUp(name: string, email: string, password: string, who: Actor) {
    const event: UserEvent = { type: "create", email, password: await passwords.hash(password) };
    let created = false;
    await users.change(name, who, (state) => {
      created = !state;
      return state ? [] : [event];
    });
    return created;
  }

  return {
    ...createPeople(context),
    ...tokens,

    async login(input, { signup, who }) {
      const name = checkUserName(input.name);
      const password = checkPassword(input.password);
      const email = checkEmail(input.email);
      if (signup && !(await findUser(context, name)) && (await signUp(name, email, password, who)))
        return { token: await session(name, who), created: true };
      const found = await verified(name, password);
      if (passwords.outdated(found.password)) {
        const renewed = await passwords.hash(password);
        await users.change(name, who, (state) =>
          // unless it was changed meanwhile
          state?.password === found.password ? [{ type: "password", password: renewed }] : [],
        );
      }
      return { token: await session(name, who), created: false };
    },

    async byPassword(name, password) {
      const { admin } = await verified(name, password);
      return { kind: "user", name, admin, ...(await memberships(name)) };
    },

    close: () => uses.close(),
  };
}
