import type { Kind } from "../store/types.ts";

/** What an administrator did to a client; what a server does by itself is told to hooks only. */
export type BlockEvent =
  | {
      readonly type: "block";
      readonly client: string;
      /** ISO 8601 */
      readonly to: string;
      readonly reason: string;
    }
  | { readonly type: "unblock"; readonly client: string };

/** how often that was */
export type BlockState = { readonly count: number };

/** Who blocked clients by hand, and let them in again: `d/block/clients`. The blocks themselves pass away; this is their history. */
export function blockKind(): Kind<BlockState, BlockEvent> {
  return { name: "block", reduce: ({ count } = { count: 0 }) => ({ count: count + 1 }) };
}

export const blockDocument = "clients";
