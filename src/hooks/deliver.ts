import { randomUUID } from "node:crypto";
import type { Accounts } from "../access/state.ts";
import type { Changes } from "../changes/changes.ts";
import type { Egress, Tracing } from "../egress/index.ts";
import type { Keys } from "../keys/keys.ts";
import { alert, logger } from "../log.ts";
import { scopeOf } from "../registry/names.ts";
import type { PackageDocument, Registry } from "../registry/types.ts";
import { matches } from "../patterns.ts";
import type { Notices } from "../notices/notices.ts";
import { call, npmBody, type Outcome } from "./call.ts";
import type { Deliveries, Delivery } from "./deliveries.ts";
import { happenings, type Happening } from "./happenings.ts";
import { current, type Mark, type Marks, type Progress } from "./progress.ts";
import { bodyOf, toldOf, wants } from "./standard.ts";
import type { HookRecord } from "./types.ts";

const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;

/** ms from one try to the next; the last counts for all that follow */
const pauses = [
  ...[5 * seconds, 5 * minutes, 30 * minutes],
  ...[2, 5, 10, 14, 20, 24].map((n) => n * hours),
];
/** ms after which a hook that always fails is given up */
const endurance = 5 * 24 * hours;
/** longest ms that a receiver may put off the next try */
const longest = 24 * hours;
/** ms that a server has for one call and what belongs to it */
const leased = 30 * seconds;
/** calls of a hook before others have their turn */
const turn = 50;
/** numbers that a hook may be behind without being written */
const behind = 10_000;

export interface DeliverOptions {
  readonly registry: Pick<Registry, "known" | "packages">;
  readonly accounts: Pick<Accounts, "user" | "principal">;
  readonly keys: Pick<Keys, "unseal">;
  readonly marks: Marks;
  readonly notices: Pick<Notices, "newest" | "after">;
  readonly deliveries: Pick<Deliveries, "add">;
  readonly called: (ok: boolean) => void;
  readonly egress: Egress;
  readonly tracing: Tracing;
  /** the public address of the registry, where there is one */
  readonly base: string | undefined;
  /** @default {@link pauses}, for tests */
  readonly pauses?: readonly number[];
  /** @default {@link leased}, for tests */
  readonly leased?: number;
}

/** Calls what is due for one hook. @returns ms since 1970 of the next try, `Infinity` when nothing is due */
export type DeliverHook = (
  username: string,
  hook: HookRecord,
  feed: Pick<Changes, "next">,
  signal: AbortSignal,
) => Promise<number>;

export const secretUse = (id: string): string => `hook:${id}`;

export function createDeliver(options: DeliverOptions): DeliverHook {
  const { registry, accounts, keys, marks, notices, deliveries, base } = options;
  const me = randomUUID();
  /** number up to which a hook has nothing to tell of; saves looks at the store, and is not needed to be right */
  const quiet = new Map<string, number>();
  const log = logger("hooks");
  const lease = () => ({ by: me, until: Date.now() + (options.leased ?? leased) });

  /** The package, if the hook is about it and its owner may read it now. */
  const visible = async (
    username: string,
    hook: HookRecord,
    name: string,
  ): Promise<PackageDocument | undefined> => {
    const [principal, user] = await Promise.all([
      accounts.principal(username),
      accounts.user(username),
    ]);
    // somebody else may have the name by now
    if (!principal || user?.created !== hook.account) return undefined;
    if (hook.type === "registry" && !principal.admin) return undefined;
    const document = await registry.known(name, { principal, via: "system" });
    return hook.type !== "owner" || document?.state.owners.includes(hook.name)
      ? document
      : undefined;
  };

  const administers = async (username: string, hook: HookRecord): Promise<boolean> => {
    const [principal, user] = await Promise.all([
      accounts.principal(username),
      accounts.user(username),
    ]);
    return principal?.admin === true && user?.created === hook.account;
  };

  /** What a call does to the progress of its hook; without the lease when there is nothing more to do for now. */
  const after = (
    { lease: held, ...before }: Progress,
    done: Pick<Progress, "told" | "noticed">,
    outcome: Outcome,
  ): Progress => {
    const now = Date.now();
    const { code: _, failing, next: __, ...rest } = before;
    const code = outcome.code === undefined ? {} : { code: outcome.code };
    if (outcome.done) return { ...rest, ...done, ...code, last: now, tries: 0, ...(held && { lease: lease() }) }; // prettier-ignore
    const since = failing ?? now;
    const disabled = outcome.gone || now - since >= endurance;
    const steps = options.pauses ?? pauses;
    const usual = (steps[Math.min(before.tries, steps.length - 1)] ?? 0) * (0.9 + Math.random() / 5); // prettier-ignore
    const next = now + Math.max(usual, Math.min(outcome.pause ?? 0, longest));
    return {
      ...rest,
      ...code,
      last: now,
      tries: before.tries + 1,
      ...(disabled ? { disabled } : { failing: since, next }),
    };
  };

  return async (username, hook, feed, signal) => {
    const { id } = hook;
    const about = wanted(hook);
    const all = hook.type === "registry";
    if (!all && !feed.next(quiet.get(id) ?? 0, about)) return Infinity;
    const found = await marks.read(id);
    if (!found) return Infinity;
    const now = Date.now();
    let progress = current(found.progress, hook.updated);
    if (hook.off || progress.disabled) return Infinity;
    if (progress.lease && progress.lease.until > now) return progress.lease.until;
    if (progress.next !== undefined && progress.next > now) return progress.next;
    let mark: Mark | undefined = found;
    const write = async (to: Progress): Promise<boolean> => {
      progress = to;
      mark = mark && (await marks.write(id, to, mark.etag));
      return mark !== undefined;
    };
    let change = feed.next(progress.seq, about);
    if (!change && !(all && (await notices.newest()) > (progress.noticed ?? 0))) {
      quiet.set(id, progress.seq);
      const last = feed.next(progress.seq + behind, () => true);
      if (last) await write({ ...progress, seq: last.seq - 1 });
      return Infinity;
    }

    // before the lease: a server without the key leaves the hook to the others
    const secret = (await keys.unseal(hook.secret, secretUse(id), "the secret of a hook")).toString(); // prettier-ignore
    // somebody was faster: they see to it, and if they die we do
    if (!(await write({ ...progress, lease: lease() }))) return now + leased;
    const made: Delivery[] = [];
    const { host } = new URL(hook.endpoint);
    /**
     * Calls, and writes down what came of it.
     * @param done what is done with when it worked @param close it is the last one for now: the same write lets the hook go
     * @returns ms since 1970 at which to go on; undefined: at once
     */
    const tell = async (
      { body, ...shown }: Pick<Delivery, "id" | "event" | "of"> & { readonly body: string },
      done: Pick<Progress, "told" | "noticed">,
      close?: (to: Progress) => Progress,
    ): Promise<number | undefined> => {
      const at = Date.now();
      const { event } = shown;
      const called = { hook: id, event, endpoint: hook.endpoint, id: shown.id, secret, body };
      const outcome = await call(options, signal, called);
      options.called(outcome.done);
      made.push({ ...shown, at, took: Date.now() - at, ...answerOf(outcome) });
      log("called", { hook: id, host, event: shown.event, ...outcome });
      const to = after(progress, done, outcome);
      if (!(await write(outcome.done && close ? close(to) : to))) return now + leased;
      if (to.disabled) alert("hooks", `the hook ${id} of ${username} is given up: ${host} ${outcome.code ?? "cannot be called"}`); // prettier-ignore
      return outcome.done ? undefined : (to.next ?? Infinity);
    };
    const going = (): boolean =>
      progress.lease !== undefined && made.length < turn && !signal.aborted;
    try {
      while (change && going()) {
        const { name, seq } = change;
        const known = await visible(username, hook, name);
        const found = known ? await happenings(registry.packages, name, change.after, change.rev) : []; // prettier-ignore
        for (const happening of found) {
          const { rev, n } = happening;
          const [toldRev, toldN] = progress.told ?? [0, 0];
          if (rev < toldRev || (rev === toldRev && n <= toldN)) continue;
          const document = await visible(username, hook, name);
          if (!document) break;
          const what = toTell(hook, username, happening, document, base);
          if (!what) continue;
          const last = !all && happening === found.at(-1) && !feed.next(seq, about);
          const close = ({ lease: _, told: __, ...rest }: Progress): Progress => ({ ...rest, seq });
          const call = { ...what, id: `${id}-${seq}-${rev}-${n}`, of: { package: name, rev, n } };
          const wait = await tell(call, { told: [rev, n] }, last ? close : undefined);
          if (wait !== undefined) return wait;
        }
        const { told: _, ...rest } = progress;
        progress = { ...rest, seq };
        change = feed.next(seq, about);
      }
      if (all && !change)
        for await (const { seq, type, data, time } of notices.after(progress.noticed ?? 0)) {
          if (!going()) return Date.now();
          if (wants(hook, type) && (await administers(username, hook))) {
            const body = bodyOf({ type, data }, time);
            const call = { id: `${id}-n${seq}`, event: type, of: { notice: seq }, body };
            const wait = await tell(call, { noticed: seq });
            if (wait !== undefined) return wait;
          } else progress = { ...progress, noticed: seq };
        }
    } finally {
      // what was stopped or has failed on our side goes on at once elsewhere
      if (mark && progress.lease) {
        const { lease: _, ...free } = progress;
        await write(free);
      }
      await deliveries.add(id, made);
    }
    return change ? Date.now() : Infinity;
  };
}

/** What a hook tells of an event; undefined: nothing. */
export function toTell(
  hook: HookRecord,
  username: string,
  happening: Happening,
  document: PackageDocument,
  base: string | undefined,
): { readonly event: string; readonly body: string } | undefined {
  if (hook.type !== "registry")
    return { event: happening.event, body: npmBody(hook, username, happening, document) };
  const told = toldOf(happening, document, base);
  if (!told || !wants(hook, told.type)) return undefined;
  return { event: told.type, body: bodyOf(told, happening.time) };
}

/** What is remembered of the answer to a call. */
export const answerOf = (outcome: Outcome): Pick<Delivery, "code" | "error"> => ({
  ...(outcome.code !== undefined && { code: outcome.code }),
  ...(!outcome.done && outcome.error !== undefined && { error: outcome.error }),
});

/** Which names a hook may be about; whose a package is its document says. */
export function wanted({ type, name, packages }: HookRecord): (name: string) => boolean {
  if (type === "package") return (other) => other === name;
  if (type === "scope") return (other) => scopeOf(other) === name.slice(1);
  if (packages) return (other) => packages.some((pattern) => matches(pattern, other));
  return () => true;
}
