import type { Caller } from "../access/types.ts";
import type { DeliveryItem } from "./deliveries.ts";

/** What a hook is about: one package, all below a scope (`@acme`), all that a user owns, or the whole registry, for administrators. */
export type HookType = "package" | "scope" | "owner" | "registry";

/** A hook as its owner's document keeps it. */
export interface HookRecord {
  readonly id: string;
  readonly type: HookType;
  /** `*` for the registry */
  readonly name: string;
  /** of the registry: patterns of the events and of the packages that it is told of. Absent: all */
  readonly events?: readonly string[];
  readonly packages?: readonly string[];
  /** address that is told */
  readonly endpoint: string;
  /** what the calls are signed with, sealed under the key of the server */
  readonly secret: string;
  /** `created` of its owner's account: whoever has the name later on is somebody else */
  readonly account: number;
  /** ms since 1970 */
  readonly created: number;
  readonly updated: number;
  /** somebody does not want it called for now */
  readonly off?: true;
}

/** State of `d/hook/<user>`. */
export interface HookState {
  readonly hooks: readonly HookRecord[];
}

export type HookEvent =
  | {
      readonly type: "add";
      readonly hook: Omit<HookRecord, "created" | "updated">;
    }
  | {
      readonly type: "update";
      readonly id: string;
      readonly endpoint: string;
      readonly secret: string;
    }
  | { readonly type: "switch"; readonly id: string; readonly on: boolean }
  | { readonly type: "remove"; readonly id: string };

/** A hook as people see it. */
export interface HookInfo extends Omit<HookRecord, "secret" | "account" | "off"> {
  /** whose it is */
  readonly username: string;
  /** ms since 1970 of the newest call; undefined: none yet */
  readonly lastDelivery?: number;
  /** status of its answer; undefined: there was no answer */
  readonly responseCode?: number;
  /** `failing`: the newest call is tried again. `disabled`: given up or switched off, until the hook is updated or switched on */
  readonly status: "active" | "failing" | "disabled";
}

export interface HookInput {
  readonly type: HookType;
  readonly name: string;
  readonly events?: readonly string[] | undefined;
  readonly packages?: readonly string[] | undefined;
  readonly endpoint: string;
  readonly secret: string;
}

export interface HookSettings {
  /** hosts in private networks that may be called, by http too */
  readonly allow: readonly string[];
  readonly perUser: number;
}

/**
 * Hooks: whoever wants to hear of changes of packages has an address called. A hook is its owner's and the administrators'; for
 * everybody else there is none.
 */
export interface Hooks {
  /** @throws E_INVALID_DOCUMENT, E_INVALID_NAME, E_HOOKS_FULL, E_FORBIDDEN for a credential that may not change the account */
  add(input: HookInput, caller: Caller): Promise<HookInfo>;
  /** The caller's own, an administrator's all, the oldest first. @throws E_FORBIDDEN */
  list(
    caller: Caller,
    options?: {
      /** only those about this package or scope */
      readonly name?: string;
      /** @default 1000, which is also the most */
      readonly limit?: number;
      readonly offset?: number;
    },
  ): Promise<readonly HookInfo[]>;
  /** @throws E_NOT_FOUND */
  get(id: string, caller: Caller): Promise<HookInfo>;
  /** Gives it another address and secret; one that was given up is called again. @throws E_NOT_FOUND, E_INVALID_DOCUMENT */
  update(
    id: string,
    to: { readonly endpoint: string; readonly secret: string },
    caller: Caller,
  ): Promise<HookInfo>;
  /** Calls it no more, or again from where it stopped. @throws E_NOT_FOUND */
  switch(id: string, on: boolean, caller: Caller): Promise<HookInfo>;
  /** @returns what it was @throws E_NOT_FOUND */
  remove(id: string, caller: Caller): Promise<HookInfo>;
  /** Calls it with `webhook.test` at once, once. @throws E_NOT_FOUND */
  test(id: string, caller: Caller): Promise<DeliveryItem>;
  /** The last 100 calls, newest first. @throws E_NOT_FOUND */
  deliveries(id: string, caller: Caller): Promise<readonly DeliveryItem[]>;
  /** Calls it once more with what it was told then, under the same id. @throws E_NOT_FOUND */
  replay(id: string, delivery: string, caller: Caller): Promise<DeliveryItem>;
  /**
   * Calls what is due, of all hooks that no other server is busy with.
   * @returns ms since 1970 at which the next try is due; `Infinity`: at the next change; undefined: there is no hook
   */
  deliver(signal: AbortSignal): Promise<number | undefined>;
  /** Changes and notices that hooks are still to be told of, each counted for each hook. */
  waiting(): Promise<number>;
  /** Calls of this process. */
  counts(): { readonly ok: number; readonly failed: number };
  close(): Promise<void>;
}
