import type { Kind } from "../store/types.ts";
import type { TokenState, UserState } from "./types.ts";

export type UserEvent =
  | { readonly type: "create"; readonly email: string; readonly password: string }
  | { readonly type: "password"; readonly password: string }
  | { readonly type: "admin"; readonly admin: boolean }
  | { readonly type: "token"; readonly id: string }
  | { readonly type: "untoken"; readonly ids: readonly string[] };

/** Users: `d/user/<name>`. */
export function userKind(): Kind<UserState, UserEvent> {
  return {
    name: "user",
    reduce(before, event, { at, name }) {
      const state = before ?? {
        name,
        email: "",
        password: "",
        admin: false,
        created: at,
        tokens: [],
      };
      switch (event.type) {
        case "create":
          return { ...state, email: event.email, password: event.password };
        case "password":
          return { ...state, password: event.password };
        case "admin":
          return { ...state, admin: event.admin };
        case "token":
          return { ...state, tokens: [...state.tokens, event.id] };
        case "untoken":
          return { ...state, tokens: state.tokens.filter((id) => !event.ids.includes(id)) };
      }
    },
  };
}

export type TokenEvent =
  | {
      readonly type: "create";
      readonly user: string;
      readonly readonly: boolean;
      readonly prefix: string;
    }
  | { readonly type: "revoke" };

/** Tokens: `d/token/<SHA-256 of the token, hex>`; the token itself is nowhere. */
export function tokenKind(): Kind<TokenState, TokenEvent> {
  return {
    name: "token",
    reduce(before, event, { at }) {
      if (event.type === "create") {
        const { user, readonly, prefix } = event;
        return { user, created: at, readonly, revoked: false, prefix };
      }
      if (!before) throw new Error("a token is revoked before it was made");
      return { ...before, revoked: true };
    },
  };
}
