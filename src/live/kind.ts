import type { Kind } from "../store/types.ts";

/** The bytes from `offset` on, before and after. */
export interface LiveEvent {
  readonly type: "bytes";
  readonly offset: number;
  readonly old: readonly number[];
  readonly new: readonly number[];
}

/** Offset → the byte that somebody put there last. */
export type LiveState = Readonly<Record<number, number>>;

/** Who changed the thirteen bytes: `d/config/live`. The file is what counts; this is its history. */
export function liveKind(): Kind<LiveState, LiveEvent> {
  return {
    name: "config",
    reduce: (state = {}, { offset, new: bytes }) => ({
      ...state,
      ...Object.fromEntries(bytes.map((byte, n) => [offset + n, byte])),
    }),
  };
}

export const liveDocument = "live";
