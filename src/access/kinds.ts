import type { Kind } from "../store/types.ts";
import type { FactorMode, Profile, TokenState, UserState } from "./state.ts";

export type UserEvent =
  | { readonly type: "create"; readonly email: string; readonly password: string }
  | { readonly type: "password"; readonly password: string }
  | { readonly type: "profile"; readonly email: string; readonly profile: Profile }
  | { readonly type: "admin"; readonly admin: boolean }
  | { readonly type: "disable"; readonly disabled: boolean }
  | { readonly type: "remove" }
  | { readonly type: "factor-begin"; readonly mode: FactorMode; readonly secret: string }
  | { readonly type: "factor-confirm"; readonly step: number; readonly recovery: readonly string[] }
  | { readonly type: "factor-mode"; readonly mode: FactorMode }
  | { readonly type: "factor-end" }
  | { readonly type: "code"; readonly step: number }
  | { readonly type: "recovery"; readonly hash: string }
  | { readonly type: "token"; readonly id: string }
  | { readonly type: "untoken"; readonly ids: readonly string[] };

/** Users: `d/user/<name>`. */
export function userKind(): Kind<UserState, UserEvent> {
  return {
    name: "user",
    reduce(before, event, { at, name }) {
      const state = before ?? nobody(name, at);
      switch (event.type) {
        case "create":
          return { ...nobody(name, at), email: event.email, password: event.password };
        case "password":
          return { ...state, password: event.password, updated: at };
        case "profile":
          return { ...state, email: event.email, profile: event.profile, updated: at };
        case "admin":
          return { ...state, admin: event.admin };
        case "disable":
          return { ...state, disabled: event.disabled };
        case "remove":
          return { ...nobody(name, state.created), updated: at, removed: true };
        case "factor-begin":
        case "factor-confirm":
        case "factor-mode":
        case "factor-end":
        case "code":
        case "recovery":
          return reduceFactor(state, event, at);
        case "token":
          return { ...state, tokens: [...state.tokens, event.id] };
        case "untoken":
          return { ...state, tokens: state.tokens.filter((id) => !event.ids.includes(id)) };
      }
    },
  };
}

type FactorEvent = Extract<
  UserEvent,
  { readonly type: `factor-${string}` } | { readonly type: "code" } | { readonly type: "recovery" }
>;

function reduceFactor(state: UserState, event: FactorEvent, at: number): UserState {
  const { pendingFactor, secondFactor, ...rest } = state;
  const changed = { ...rest, updated: at };
  switch (event.type) {
    case "factor-begin":
      return { ...changed, pendingFactor: { mode: event.mode, secret: event.secret } };
    case "factor-end":
      return changed;
    case "factor-confirm": {
      if (!pendingFactor) throw new Error("a second factor is confirmed before it was begun");
      const { step, recovery } = event;
      return { ...changed, secondFactor: { ...pendingFactor, step, recovery } };
    }
  }
  if (!secondFactor) throw new Error("a second factor changes before it was there");
  switch (event.type) {
    case "factor-mode":
      return { ...changed, secondFactor: { ...secondFactor, mode: event.mode } };
    case "code":
      return { ...rest, secondFactor: { ...secondFactor, step: event.step } };
    case "recovery": {
      const recovery = secondFactor.recovery.filter((hash) => hash !== event.hash);
      return { ...rest, secondFactor: { ...secondFactor, recovery } };
    }
  }
}

const nobody = (name: string, at: number): UserState => ({
  name,
  email: "",
  password: "",
  admin: false,
  disabled: false,
  removed: false,
  profile: {},
  created: at,
  updated: at,
  tokens: [],
});

export type TokenEvent =
  | ({ readonly type: "create" } & Omit<TokenState, "created" | "revoked" | "expired">)
  | { readonly type: "revoke" }
  | { readonly type: "expire" }
  /** ends at this time, ms since 1970, if not before */
  | { readonly type: "until"; readonly expires: number };

/** Tokens: `d/token/<SHA-256 of the token, hex>`; the token itself is nowhere. */
export function tokenKind(): Kind<TokenState, TokenEvent> {
  return {
    name: "token",
    reduce(before, event, { at }) {
      if (event.type === "create") {
        const { type: _, ...token } = event;
        return { ...token, created: at, revoked: false };
      }
      if (!before) throw new Error("a token ends before it was made");
      switch (event.type) {
        case "revoke":
          return { ...before, revoked: true };
        case "expire":
          return { ...before, expired: true };
        case "until":
          return { ...before, expires: Math.min(event.expires, before.expires ?? Infinity) };
      }
    },
    ended: ({ expired }) => expired === true,
  };
}

export interface SiteState {
  /** there has been an administrator */
  readonly administered: boolean;
}
export type SiteEvent = { readonly type: "administered" };

/** What is true of the registry as a whole: `d/site/registry`. */
export function siteKind(): Kind<SiteState, SiteEvent> {
  return { name: "site", reduce: () => ({ administered: true }) };
}
