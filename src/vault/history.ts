import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { CitadelError } from "../errors.ts";
import type { Actor, Store } from "../store/types.ts";
import { createTurns } from "../turns.ts";
import { joined, readEvent, signEvent } from "./event.ts";
import { vaultKind, vaultName, type VaultDocument, type VaultEvent } from "./kind.ts";
import type { Pin, Pins } from "./pin.ts";
import { damaged } from "./problems.ts";
import { replay, replaying } from "./replay.ts";
import type { Event, Identity, Operation, VaultState } from "./types.ts";

/** A change that is about to be signed: the operation, and the sealed objects that it brings or gives up. */
export interface Plan {
  /** several come about together or not at all */
  readonly operation: Operation | readonly Operation[];
  /** SHA-256 (base64url) of objects, keys of slots */
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
}

/** The signed history of the vault of a store, never older than what this machine has seen of it. */
export interface History {
  /** The verified state of now. @throws E_VAULT_NOT_FOUND, E_VAULT_DAMAGED, E_VAULT_ROLLBACK */
  state(): Promise<VaultState>;
  /** What the vault was at a time, ms since 1970; undefined: there was none. */
  asOf(at: number): Promise<VaultState | undefined>;
  /** All events so far, oldest first, after {@link state}. */
  events(): readonly Event[];
  /** Is there one, damaged or not? */
  exists(): Promise<boolean>;
  /** The first event. @throws E_VAULT_EXISTS */
  begin(identity: Identity, plan: Plan): Promise<VaultState>;
  /**
   * Signs and appends one event. `plan` is asked again, with the newer state, whenever another writer was faster.
   * @param plan gets the state and the time of the event; undefined: nothing is to be done
   * @throws E_CONFLICT when others were faster again and again
   */
  append(
    identity: Identity,
    plan: (state: VaultState, at: number) => Promise<Plan | undefined>,
  ): Promise<VaultState>;
}

export interface HistoryOptions {
  readonly store: Pick<Store, "ledger">;
  readonly pins: Pins;
  readonly who: Actor;
  readonly crash: (point: "pin") => void;
}

const ATTEMPTS = 200;

export function openHistory({ store, pins, who, crash }: HistoryOptions): History {
  const kind = vaultKind();
  const ledger = store.ledger(kind);
  const turns = createTurns(1);
  let known: { readonly rev: number; readonly state: VaultState } | undefined;
  let events: Event[] = [];
  let folded: VaultDocument | undefined;
  let pinned: Pin | undefined;

  /** Events after what is known, oldest first, and the revision that they lead to. */
  const newer = async (): Promise<{ rev: number; list: VaultEvent[] }> => {
    const entries: VaultEvent[][] = [];
    let rev = 0;
    for await (const entry of ledger.history(vaultName)) {
      rev ||= entry.rev;
      if (known && entry.rev <= known.rev) break;
      entries.push(entry.changes.flatMap((change) => change.events));
    }
    return { rev, list: entries.reverse().flat() };
  };

  const pin = async ({ id, seq, head }: VaultState): Promise<void> => {
    if (pinned?.seq === seq) return;
    pinned = { vault: id, seq, head };
    await pins.write(pinned);
    crash("pin");
  };

  const state = async (): Promise<VaultState> => {
    const document = await ledger.read(vaultName);
    if (known && document?.rev === known.rev) return known.state;
    pinned ??= await pins.read();
    const { rev, list } = document ? await newer() : { rev: 0, list: [] };
    if (known && rev < known.rev) throw rollback(known.state, 0);
    let now = known?.state;
    const added: Event[] = [];
    let fold = folded;
    const next = replaying(now);
    for (const event of list) {
      const taken = await next(event.jws);
      now = taken.state;
      fold = kind.reduce(fold, event, { at: now.at, who, name: vaultName });
      if (pinned && now.id !== pinned.vault) throw otherVault(pinned, now);
      if (now.seq === pinned?.seq && now.head !== pinned.head) throw fork(pinned, now);
      added.push(taken.event);
    }
    if (pinned && (now?.seq ?? 0) < pinned.seq) throw rollback(pinned, now?.seq ?? 0);
    if (!now) throw new CitadelError("E_VAULT_NOT_FOUND", "there is no vault in this store");
    // what the collector may take is said there, and nowhere else
    if (rev === document?.rev && !isDeepStrictEqual(document.state, fold))
      throw damaged("the vault's document is not what its history adds up to");
    folded = fold;
    known = { rev, state: now };
    events = [...events, ...added];
    await pin(now);
    return now;
  };

  /** False when somebody else was faster. */
  const move = async (jws: string, { keep = [], drop = [] }: Plan, head?: string) => {
    const stale = new Error("the vault has changed");
    try {
      await ledger.change(vaultName, who, (document) => {
        if (document?.head !== head) throw stale;
        return [{ jws, keep, drop }];
      });
      return true;
    } catch (error) {
      if (error === stale) return false;
      throw error;
    }
  };

  return {
    state,
    async asOf(at) {
      await state();
      const next = replaying();
      let then: VaultState | undefined;
      const changes = (await Array.fromAsync(ledger.history(vaultName))).reverse();
      for (const { jws } of changes.flatMap((entry) =>
        entry.changes.flatMap((one) => one.events),
      )) {
        if (readEvent(jws).at > at) break;
        then = (await next(jws)).state;
      }
      return then;
    },
    events: () => events,
    exists: async () => (await ledger.read(vaultName)) !== undefined,
    async begin(identity, plan) {
      const event: Event = {
        ...joined(plan.operation),
        ...{ seq: 1, prev: null, at: Date.now(), by: identity.member.kid },
      };
      if (!(await move(await signEvent(event, identity), plan)))
        throw new CitadelError("E_VAULT_EXISTS", "this store has a vault already");
      return state();
    },
    append: (identity, plan) =>
      turns(async () => {
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          const before = await state();
          const at = Math.max(Date.now(), before.at);
          const planned = await plan(before, at);
          if (!planned) return before;
          const event: Event = {
            ...joined(planned.operation),
            ...{ seq: before.seq + 1, prev: before.head, at, by: identity.member.kid },
          };
          const jws = await signEvent(event, identity);
          // what others would refuse is not written
          await replay(before, jws);
          if (await move(jws, planned, before.head)) return state();
          await pause(Math.random() * 20);
        }
        throw new CitadelError("E_CONFLICT", "others change the vault all the time");
      }),
  };
}

const rolledBack = (message: string): CitadelError => new CitadelError("E_VAULT_ROLLBACK", message);

const rollback = ({ seq }: { readonly seq: number }, now: number): CitadelError =>
  rolledBack(
    `the store was rolled back: this machine has seen ${seq} events of the vault, the store has ${now}`,
  );
const fork = (pin: Pin, { head }: VaultState): CitadelError =>
  rolledBack(`the history was forked: event ${pin.seq} was ${pin.head}, the store says ${head}`);
const otherVault = ({ vault }: Pin, { id }: VaultState): CitadelError =>
  rolledBack(`the store holds another vault: ${id}, where this machine has seen ${vault}`);
