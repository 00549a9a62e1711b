import type { Keys } from "../keys/keys.ts";
import { CitadelError } from "../errors.ts";
import type { Actor, Store } from "../store/types.ts";
import { changeUser, demandNoOrg, findUser } from "./context.ts";
import { siteKind, tokenKind, userKind, type UserEvent } from "./kinds.ts";
import { countedClient, createLimiter } from "./limiter.ts";
import { checkEmail, checkPassword, checkUserName } from "./names.ts";
import { orgKind } from "./org-kind.ts";
import { createPasswords } from "./passwords.ts";
import { createPeople } from "./people.ts";
import { codeNeeded, createSecondFactor } from "./second-factor.ts";
import type { Accounts, From, UserState } from "./state.ts";
import { createTokenBook } from "./token-book.ts";
import type { Memberships, TrustedPublisher } from "./types.ts";
import { createUses } from "./uses.ts";

export interface AccountsOptions {
  readonly store: Store;
  /** seals what authenticator apps share with the registry */
  readonly keys: Pick<Keys, "seal" | "unseal">;
  /** organisations and teams of a user, asked at each request @default none */
  readonly memberships?: (name: string) => Promise<Memberships | undefined>;
  /** whether what let a job in to a package still does, asked at each request @default it does */
  readonly jobs?: (name: string, trusted: TrustedPublisher) => Promise<boolean>;
}

/** wrong passwords in a quarter of an hour, for one account and from one address */
const mostPerAccount = 10;
const mostPerClient = 50;

/** Users and tokens over a store. Nothing of them is kept here: what is revoked is dead for every process at once. */
export function createAccounts({
  store,
  keys,
  memberships = async () => undefined,
  jobs = async () => true,
}: AccountsOptions): Accounts & { close(): Promise<void> } {
  const users = store.ledger(userKind());
  const tokens = store.ledger(tokenKind());
  const uses = createUses(store.driver);
  const limiter = createLimiter(store.driver);
  const passwords = createPasswords();
  const context = {
    ...{ users, tokens, sites: store.ledger(siteKind()), orgs: store.ledger(orgKind()) },
    ...{ passwords, memberships, jobs, uses, keys, limiter },
  };
  const book = createTokenBook(context);
  const factor = createSecondFactor(context);

  /** @throws E_AUTH_INVALID, equally late and equally worded for an unknown name and a wrong password; E_RATE_LIMIT */
  async function verified(name: string, password: string, { address }: From): Promise<UserState> {
    const client = countedClient(address);
    const right = await limiter.take([
      ...(client === undefined ? [] : [{ key: `client:${client}`, most: mostPerClient }]),
      { key: `account:${String(name).slice(0, 300)}`, most: mostPerAccount },
    ]);
    const found = await findUser(context, name);
    const text = typeof password === "string" ? password : "";
    const matches = await passwords.matches(text, found?.password);
    if (!found || !matches || found.disabled)
      throw new CitadelError("E_AUTH_INVALID", "the user name or the password is wrong");
    await right();
    return found;
  }

  /** @returns false when somebody was faster, or had the name before */
  async function signUp(name: string, email: string, password: string, who: Actor) {
    await demandNoOrg(context, name);
    const event: UserEvent = { type: "create", email, password: await passwords.hash(password) };
    let created = false;
    await users.change(name, who, (state) => {
      created = !state;
      return state ? [] : [event];
    });
    return created;
  }

  const identify: Accounts["identify"] = async (input, who) => {
    const name = checkUserName(input.name);
    const password = checkPassword(input.password);
    const found = await verified(name, password, who);
    if (found.secondFactor) {
      if (input.code === undefined) throw codeNeeded();
      await factor.checkCode(name, input.code, who);
    }
    if (passwords.outdated(found.password)) {
      const renewed = await passwords.hash(password);
      await users.change(name, who, (state) =>
        // unless it was changed meanwhile
        state?.password === found.password ? [{ type: "password", password: renewed }] : [],
      );
    }
    return name;
  };

  const people = createPeople(context);
  return {
    ...people,
    ...book,
    ...factor,

    async login(input, { signup, who }) {
      const name = checkUserName(input.name);
      const password = checkPassword(input.password);
      const email = checkEmail(input.email);
      if (signup && !(await findUser(context, name)) && (await signUp(name, email, password, who)))
        return { token: (await book.session(name, who)).token, created: true };
      await identify({ name, password, code: input.code }, who);
      return { token: (await book.session(name, who)).token, created: false };
    },
    identify,

    async principal(name) {
      const found = await findUser(context, name);
      if (!found || found.disabled) return undefined;
      return { kind: "user", name, admin: found.admin, ...(await memberships(name)) };
    },

    async byPassword(name, password, from = {}) {
      const { admin } = await verified(name, password, from);
      return { kind: "user", name, admin, ...(await memberships(name)) };
    },

    async changePassword(name, words, { who, kept }) {
      checkPassword(words.new);
      const { password: before } = await verified(name, words.old, who);
      const password = await passwords.hash(words.new);
      const { items } = await book.tokens(name);
      const stay = new Set(items.filter(({ session }) => !session).map(({ key }) => key));
      if (kept !== undefined) stay.add(kept);
      await changeUser(context, name, who, (state) => {
        if (state.password !== before)
          throw new CitadelError("E_CONFLICT", "the password was changed in the meantime");
        const ids = state.tokens.filter((id) => !stay.has(id));
        return [
          { type: "password", password },
          { type: "untoken", ids },
        ];
      });
    },

    countKeys: async (soon) => (await import("./key-counts.ts")).countKeys(context, people, soon),
    sweepTokens: async (options) => (await import("./sweep.ts")).sweepTokens(context, options),

    close: () => uses.close(),
  };
}
