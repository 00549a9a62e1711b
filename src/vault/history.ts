import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { CitadelError } from "../errors.ts";
import type { Actor, Store } from "../store/types.ts";
import { createTurns } from "../turns.ts";
import type { Checkpoint, Checkpoints } from "./checkpoint.ts";
import { joined, readEvent, signEvent } from "./event.ts";
import { hash } from "./hash.ts";
import { vaultKind, vaultName, type VaultDocument, type VaultEvent } from "./kind.ts";
import { administrators } from "./members.ts";
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

/** What `append` asks for: gets the state and the time of the event; undefined: nothing is to be done. */
export type Planner = (state: VaultState, at: number) => Promise<Plan | undefined>;

/** One event of the past, and the state that it led to, which the next one changes. */
export interface Step {
  readonly event: Event;
  readonly state: VaultState;
}

/** An event, and its SHA-256 (base64url). */
export interface Logged {
  readonly event: Event;
  readonly head: string;
}

/** The signed history of the vault of a store, never older than what this machine has seen of it. */
export interface History {
  /** The verified state of now. @throws E_VAULT_NOT_FOUND, E_VAULT_DAMAGED, E_VAULT_ROLLBACK */
  state(): Promise<VaultState>;
  /** What the vault was at a time, ms since 1970; undefined: there was none. */
  asOf(at: number): Promise<VaultState | undefined>;
  /** Verifies everything from the first event on, whatever was verified before. Throws as {@link state}. */
  past(): AsyncIterable<Step>;
  /** All events, oldest first, and the hash of each; none where there is no vault. Throws as {@link state}. */
  log(): Promise<readonly Logged[]>;
  /** What this machine has seen. */
  pin(): Promise<Pin | undefined>;
  /**
   * Lets another history take the place of the one that was seen, whatever comes of `work`, which brings it here.
   * @param next verified in another store of the same vault, and made of everything that was done here
   */
  giveWay(next: VaultState, work: () => Promise<void>): Promise<void>;
  /** Is there one, damaged or not? */
  exists(): Promise<boolean>;
  /** The first event. @throws E_VAULT_EXISTS */
  begin(identity: Identity, plan: Plan): Promise<VaultState>;
  /**
   * Signs and appends one event. `plan` is asked again, with the newer state, whenever another writer was faster.
   * @throws E_CONFLICT when others were faster again and again
   */
  append(identity: Identity, plan: Planner): Promise<VaultState>;
  /**
   * Signs that the history which this machine has seen is given up for the one of the store; other machines that have
   * seen exactly that one follow. Does nothing where the store goes on from what was seen.
   * @returns the head that was given up
   */
  acceptFork(identity: Identity): Promise<string | undefined>;
}

export interface HistoryOptions {
  readonly store: Pick<Store, "ledger">;
  readonly pins: Pins;
  /** asked for when there is a history */
  readonly checkpoints: () => Promise<Checkpoints>;
  readonly who: Actor;
  readonly crash: (point: "pin") => void;
}

const ATTEMPTS = 200;
/** Events that are verified again by each command at most. */
const PER_CHECKPOINT = 32;

export function openHistory({ store, pins, checkpoints, who, crash }: HistoryOptions): History {
  const kind = vaultKind();
  const ledger = store.ledger(kind);
  const turns = createTurns(1);
  let known: Checkpoint | undefined;
  let pinned: Pin | undefined;
  let kept = 0;

  /** Events after a revision, oldest first, and the revision that they lead to. */
  const since = async (rev: number): Promise<{ rev: number; list: readonly VaultEvent[] }> => {
    const entries: VaultEvent[][] = [];
    let newest = 0;
    for await (const entry of ledger.history(vaultName)) {
      newest ||= entry.rev;
      if (entry.rev <= rev) break;
      entries.push(entry.changes.flatMap((change) => change.events));
    }
    return { rev: newest, list: entries.reverse().flat() };
  };

  /** What was verified before, where the pin has nothing against it. */
  const verified = async (): Promise<Checkpoint | undefined> => {
    if (known) return known;
    const read = await (await checkpoints()).read();
    if (!read || read.state.id !== pinned?.vault || read.state.seq > pinned.seq) return undefined;
    if (read.state.seq === pinned.seq && read.state.head !== pinned.head) return undefined;
    kept = read.state.seq;
    return read;
  };

  const pin = async (state: VaultState, instead?: Pin): Promise<void> => {
    const { id: vault, seq, head } = state;
    if (pinned && !instead && pinned.vault === vault && pinned.seq >= seq) return;
    pinned = { vault, seq, head, administrators: administrators(state).map(({ kid }) => kid) };
    await pins.write(pinned, instead);
    crash("pin");
  };

  /** Verifies what came after `from`; each step is handed out before the next one is taken. */
  const walk = async function* (
    from: Checkpoint | undefined,
    { rev, list }: { readonly rev: number; readonly list: readonly VaultEvent[] },
  ): AsyncGenerator<Step, Checkpoint | undefined> {
    let { state, document } = from ?? ({} as Partial<Checkpoint>);
    const next = replaying(state);
    for (const event of list) {
      const step = await next(event.jws);
      ({ state } = step);
      document = kind.reduce(document, event, { at: state.at, who, name: vaultName });
      yield step;
    }
    return state && document && { rev, state, document };
  };

  /** The newest state, what of it is not as the pin has it, and whether it is what the pin is to give way to. */
  const newest = async (
    document: { readonly rev: number; readonly state: VaultDocument } | undefined,
  ): Promise<{ now: Checkpoint | undefined; against?: CitadelError; next?: boolean }> => {
    pinned ??= await pins.read();
    if (!document) return { now: undefined };
    let from = await verified();
    if (from?.rev === document.rev && isDeepStrictEqual(from.document, document.state))
      return { now: from };
    let news = await since(from?.rev ?? 0);
    const [first] = news.list;
    if (from && (!first || readEvent(first.jws).prev !== from.state.head)) {
      from = undefined;
      news = await since(0);
    }
    const steps = walk(from, news);
    let against: CitadelError | undefined;
    let next = false;
    for (;;) {
      const { done, value } = await steps.next();
      if (done) {
        // what the collector may take is said there, and nowhere else
        if (value?.rev === document.rev && !isDeepStrictEqual(document.state, value.document))
          throw damaged("the vault's document is not what its history adds up to");
        return { now: value, next, ...(against && { against }) };
      }
      const { state } = value;
      if (pinned && state.id !== pinned.vault) throw otherVault(pinned, state);
      if (state.seq === pinned?.next?.seq && state.head === pinned.next.head) next = true;
      if (state.seq === pinned?.seq && state.head !== pinned.head) against = fork(pinned, state);
    }
  };

  const state = async (): Promise<VaultState> => {
    const document = await ledger.read(vaultName);
    const { now, against, next } = await newest(document);
    if (now && next) await pin(now.state, pinned);
    else if (pinned && (against || (now?.state.seq ?? 0) < pinned.seq)) {
      const by = now?.state.forks.get(pinned.head);
      // somebody who is an administrator only in that other history must not say so
      if (!now || by === undefined || !pinned.administrators.includes(by))
        throw against ?? rollback(pinned, now?.state);
      await pin(now.state, pinned);
    }
    if (!now) throw new CitadelError("E_VAULT_NOT_FOUND", "there is no vault in this store");
    known = now;
    await pin(now.state);
    if (now.state.seq - kept >= PER_CHECKPOINT) {
      await (await checkpoints()).write(now);
      kept = now.state.seq;
    }
    return now.state;
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

  /** Signs what `plan` says for the state of now, until nobody else is faster. */
  const extend = (identity: Identity, latest: () => Promise<VaultState>, plan: Planner) =>
    turns(async () => {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const before = await latest();
        const at = Math.max(Date.now(), before.at);
        let planned: Plan | undefined;
        try {
          planned = await plan(before, at);
        } catch (error) {
          // a key or a record may have been given up since: that is no damage
          if (isDamage(error) && (await latest()).seq !== before.seq) continue;
          throw error;
        }
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
    });

  return {
    state,
    async asOf(at) {
      await state();
      const next = replaying();
      let then: VaultState | undefined;
      for (const { jws } of (await since(0)).list) {
        if (readEvent(jws).at > at) break;
        then = (await next(jws)).state;
      }
      return then;
    },
    async *past() {
      const { seq, head } = await state();
      for await (const step of walk(undefined, await since(0))) {
        const { state: then } = step;
        if (then.seq === seq && then.head !== head)
          throw damaged("the vault's history is not what it was when it was verified before");
        yield step;
      }
    },
    async log() {
      if (!(await ledger.read(vaultName)) && !(await pins.read())) return [];
      const { head } = await state();
      // each event has the hash of the one before: the verified head stands for all of them
      const all = (await since(0)).list.map(({ jws }) => ({
        event: readEvent(jws),
        head: hash(jws),
      }));
      const end = all.findIndex((one) => one.head === head);
      if (end < 0 || all.some(({ event }, i) => event.prev !== (all[i - 1]?.head ?? null)))
        throw damaged("the vault's history is not what it was when it was verified");
      return all.slice(0, end + 1);
    },
    pin: async () => pinned ?? pins.read(),
    async giveWay({ seq, head }, work) {
      if (pinned) await pins.write((pinned = { ...pinned, next: { seq, head } }), pinned);
      known = undefined;
      await work();
      await state();
    },
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
    append: (identity, plan) => extend(identity, state, plan),
    async acceptFork(identity) {
      let given: string | undefined;
      const latest = async (): Promise<VaultState> => {
        known = undefined;
        const { now, against } = await newest(await ledger.read(vaultName));
        if (!now) throw rollback(pinned ?? { seq: 0, head: "" }, undefined);
        given = pinned && (against ?? now.state.seq < pinned.seq) ? pinned.head : undefined;
        return now.state;
      };
      await extend(identity, latest, async () =>
        given === undefined ? undefined : { operation: { op: "fork", heads: [given] } },
      );
      return given;
    },
  };
}

/** Something is not what the signed history says. */
export const isDamage = (error: unknown): boolean =>
  error instanceof CitadelError && error.code === "E_VAULT_DAMAGED";

const rolledBack = (message: string): CitadelError => new CitadelError("E_VAULT_ROLLBACK", message);

const rollback = (
  { seq, head }: Pick<Pin, "seq" | "head">,
  now: VaultState | undefined,
): CitadelError =>
  rolledBack(
    `the store was rolled back: this machine has seen ${seq} events of the vault up to ${head}, the store has ${now?.seq ?? 0}${now ? ` up to ${now.head}` : ""}`,
  );
const fork = (pin: Pin, { head }: VaultState): CitadelError =>
  rolledBack(`the history was forked: event ${pin.seq} was ${pin.head}, the store says ${head}`);
const otherVault = ({ vault }: Pin, { id }: VaultState): CitadelError =>
  rolledBack(`the store holds another vault: ${id}, where this machine has seen ${vault}`);
