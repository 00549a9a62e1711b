import type { Store } from "../store/types.ts";

/** Another store that holds the same vault. */
export interface Replica {
  /** without credentials, for people */
  readonly url: string;
  /** names the store on this machine; part of a file name */
  readonly id: string;
  readonly store: Pick<Store, "ledger" | "manifests" | "driver">;
}

/** A value that was set in both stores at once: the later one is kept as a pending version. */
export interface Conflict {
  readonly scope: string;
  readonly name: string;
  readonly version: number;
}

export interface Synced {
  readonly url: string;
  /** events that only this store had */
  readonly ahead: number;
  /** events that only the other store had */
  readonly behind: number;
  /** objects that were written */
  readonly copied: number;
  readonly conflicts: readonly Conflict[];
}

export interface SyncOptions {
  /** only tells them apart */
  readonly dryRun?: boolean;
  /** gives up what was done here where the histories part; an administrator signs that */
  readonly acceptFork?: boolean;
}

/** A vault in several stores. */
export interface SyncVerbs {
  /**
   * Brings this store and another one to the same state.
   * @throws E_VAULT_ROLLBACK when their histories part and somebody else wrote here, E_CONFLICT
   */
  sync(other: Replica, options?: SyncOptions): Promise<Synced>;
  /**
   * Takes the history that the store has for the one that this machine has seen, which an administrator signs.
   * @returns the head that was given up; undefined: there was nothing to decide
   */
  acceptFork(): Promise<{ readonly given?: string }>;
}
