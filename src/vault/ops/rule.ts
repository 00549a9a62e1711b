import type { Operation, RecordPlace, RecordRef, Envelope, VaultState } from "../types.ts";
import type { Check } from "./checks.ts";

/** A state that is being made: its maps are its own, what is in them is shared with the state before. */
export type Draft = { -readonly [F in keyof VaultState]: Mutable<VaultState[F]> };
type Mutable<T> =
  T extends ReadonlyMap<infer K, infer V> ? Map<K, V> : T extends ReadonlySet<infer V> ? Set<V> : T;

/** Refuses an event: the sentence goes on with "event 7 of the vault's history". */
export type Refuse = (why: string) => never;

/** One operation of the history: what it looks like, who may sign it, what it does. */
export interface Rule<O extends Operation> {
  /** may come about together with others in one event */
  readonly together?: true;
  /** its fields; an event with others, or without one of these, is no event */
  readonly shape: { readonly [F in Exclude<keyof O, "op">]-?: Check };
  /**
   * The scope whose members may sign it as well as administrators; undefined: administrators alone.
   * Left out: administrators alone.
   */
  scope?(draft: Draft, event: O): string | undefined;
  /** Changes `draft` as the event says, if the history so far allows it. */
  apply(draft: Draft, event: O & Envelope, refuse: Refuse): void;
}

/** What a record that the event introduces has to say of itself. */
export function introduced(
  { id: v }: Draft,
  { at, by }: Envelope,
  hash: string,
  place: Pick<RecordPlace, "s" | "g" | "id" | "n" | "k" | "rf">,
): RecordRef {
  return { hash, place: { f: 1, v, by, at, ...place } };
}
