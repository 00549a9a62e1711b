import { computed, signal } from "@preact/signals";
import { ask, send, type Failure } from "./api.ts";
import { failureOf } from "./resource.ts";

/** Who uses the dashboard, and the registry that it is of. */
export interface SessionItem {
  /** null: nobody is signed in */
  readonly user: string | null;
  readonly kind: "anonymous" | "user" | "local" | "job";
  readonly rights: { readonly read: boolean; readonly write: boolean; readonly admin: boolean };
  /** address for clients, with a slash at the end */
  readonly registry: string;
  readonly version: string;
  /** whether people may make an account */
  readonly signup: boolean;
}

/** undefined until the server has said */
export const session = signal<SessionItem | undefined>(undefined);
export const sessionFailure = signal<Failure | undefined>(undefined);
export const isAdmin = computed(() => session.value?.rights.admin === true);

export async function loadSession(): Promise<void> {
  try {
    session.value = await ask<SessionItem>("/session");
    sessionFailure.value = undefined;
  } catch (error) {
    sessionFailure.value = failureOf(error);
  }
}

export type SignIn =
  | { readonly link: string }
  | { readonly token: string }
  | { readonly username: string; readonly password: string; readonly otp?: string };

/** @throws Failure, also when a one-time password is needed */
export async function signIn(by: SignIn): Promise<void> {
  await send("/session", { method: "POST", body: by });
  await loadSession();
}

/** @throws Failure */
export async function signOut(): Promise<void> {
  await send("/session", { method: "DELETE" });
  await loadSession();
}

/** The code of a link of the start, which leaves the address bar and the history at once. */
export function takeLink(): string | undefined {
  const code = /^#link=([\w-]+)$/.exec(location.hash)?.[1];
  if (code !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return code;
}
