import type { Kind } from "../store/types.ts";
import type { Profile, TokenState, UserState } from "./state.ts";

export type UserEvent =
  | { readonly type: "create"; readonly email: string; readonly password: string }
  | { readonly type: "password"; readonly password: string }
  | { readonly type: "profile"; readonly email: string; readonly profile: Profile }
  | { readonly type: "admin"; readonly admin: boolean }
  | { readonly type: "disable"; readonly disabled: boolean }
  | { readonly type: "remove" }
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
        case "token":
          return { ...state, tokens: [...state.tokens, event.id] };
        case "untoken":
          return { ...state, tokens: state.tokens.filter((id) => !event.ids.includes(id)) };
      }
    },
  };
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
  | ({ readonly type: "create" } & Omit<TokenState, "created" | "revoked">)
  | { readonly type: "revoke" };

/** Tokens: `d/token/<SHA-256 of the token, hex>`; the token itself is nowhere. */
export function tokenKind(): Kind<TokenState, TokenEvent> {
  return {
    name: "token",
    reduce(before, event, { at }) {
      if (event.type === "create") {
        const { type: _, ...token } = event;
        return { ...token, created: at, revoked: false };
      }
      if (!before) throw new Error("a token is revoked before it was made");
      return { ...before, revoked: true };
    },
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
