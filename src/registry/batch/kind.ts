import type { Kind } from "../../store/types.ts";

/** State of `d/batch/<id>`: whether what its packages hold back counts. */
export interface BatchState {
  readonly status: "open" | "committed" | "aborted";
  /** package → version, as far as it may be held back there */
  readonly versions: Readonly<Record<string, string>>;
  /** ms since 1970 */
  readonly created: number;
  /** whether no package holds anything of it any more */
  readonly settled: boolean;
}

export type BatchEvent =
  | { readonly type: "open"; readonly versions: Readonly<Record<string, string>> }
  | { readonly type: "commit" }
  | { readonly type: "abort" }
  | { readonly type: "settled" };

/** Batches: `d/batch/<id>`. The move to `committed` is the one commit point of everything in it. */
export function batchKind(): Kind<BatchState, BatchEvent> {
  return {
    name: "batch",
    reduce(before, event, { at }) {
      if (event.type === "open")
        return { status: "open", versions: event.versions, created: at, settled: false };
      if (!before) throw new Error("a batch ends before it began");
      if (event.type === "settled") return { ...before, settled: true };
      // what has ended stays as it ended
      if (before.status !== "open") return before;
      return { ...before, status: event.type === "commit" ? "committed" : "aborted" };
    },
  };
}
