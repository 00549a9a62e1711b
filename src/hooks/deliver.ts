import { randomUUID } from "node:crypto";
import type { Accounts } from "../access/state.ts";
import type { Changes } from "../changes/changes.ts";
import type { Egress } from "../egress/index.ts";
import type { Keys } from "../keys/keys.ts";
import { alert, logger } from "../log.ts";
import { scopeOf } from "../registry/names.ts";
import type { PackageDocument, Registry } from "../registry/types.ts";
import { call, type Outcome } from "./call.ts";
import { happenings } from "./happenings.ts";
import { current, type Mark, type Marks, type Progress } from "./progress.ts";
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
  readonly egress: Egress;
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
  const { registry, accounts, keys, marks, egress } = options;
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
    const document = await registry.known(name, { principal, via: "system" });
    return hook.type !== "owner" || document?.state.owners.includes(hook.name)
      ? document
      : undefined;
  };

  /** What a call does to the progress of its hook; without the lease when there is nothing more to do for now. */
  const after = (
    { lease: held, ...before }: Progress,
    told: readonly [number, number],
    outcome: Outcome,
  ): Progress => {
    const now = Date.now();
    const { code: _, failing, next: __, ...rest } = before;
    const code = outcome.code === undefined ? {} : { code: outcome.code };
    if (outcome.done) return { ...rest, told, ...code, last: now, tries: 0, ...(held && { lease: lease() }) }; // prettier-ignore
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
    if (!feed.next(quiet.get(id) ?? 0, about)) return Infinity;
    const found = await marks.read(id);
    if (!found) return Infinity;
    const now = Date.now();
    let progress = current(found.progress, hook.updated);
    if (progress.disabled) return Infinity;
    if (progress.lease && progress.lease.until > now) return progress.lease.until;
    if (progress.next !== undefined && progress.next > now) return progress.next;
    let mark: Mark | undefined = found;
    const write = async (to: Progress): Promise<boolean> => {
      progress = to;
      mark = mark && (await marks.write(id, to, mark.etag));
      return mark !== undefined;
    };
    let change = feed.next(progress.seq, about);
    if (!change) {
      quiet.set(id, progress.seq);
      const last = feed.next(progress.seq + behind, () => true);
      if (last) await write({ ...progress, seq: last.seq - 1 });
      return Infinity;
    }

    // before the lease: a server without the key leaves the hook to the others
    const secret = (await keys.unseal(hook.secret, secretUse(id), "the secret of a hook")).toString(); // prettier-ignore
    // somebody was faster: they see to it, and if they die we do
    if (!(await write({ ...progress, lease: lease() }))) return now + leased;
    try {
      for (let calls = 0; change && progress.lease && calls < turn && !signal.aborted;) {
        const { name, seq } = change;
        const known = await visible(username, hook, name);
        const all = known ? await happenings(registry.packages, name, change.after, change.rev) : []; // prettier-ignore
        for (const happening of all) {
          const { rev, n } = happening;
          const [toldRev, toldN] = progress.told ?? [0, 0];
          if (rev < toldRev || (rev === toldRev && n <= toldN)) continue;
          const document = await visible(username, hook, name);
          if (!document) break;
          const callId = `${id}-${seq}-${rev}-${n}`;
          const what = { hook, username, id: callId, secret, happening, document };
          const outcome = await call(egress, signal, what);
          calls++;
          let to = after(progress, [rev, n], outcome);
          // the last one for now: one write says so, and lets the hook go
          if (outcome.done && happening === all.at(-1) && !feed.next(seq, about)) {
            const { lease: _, told: __, ...rest } = to;
            to = { ...rest, seq };
          }
          const { host } = new URL(hook.endpoint);
          log("called", { hook: id, host, event: happening.event, ...outcome });
          if (!(await write(to))) return now + leased;
          if (to.disabled) alert("hooks", `the hook ${id} of ${username} is given up: ${host} ${outcome.code ?? "cannot be called"}`); // prettier-ignore
          if (!outcome.done) return to.next ?? Infinity;
        }
        const { told: _, ...rest } = progress;
        progress = { ...rest, seq };
        change = feed.next(seq, about);
      }
    } finally {
      // what was stopped or has failed on our side goes on at once elsewhere
      if (mark && progress.lease) {
        const { lease: _, ...free } = progress;
        await write(free);
      }
    }
    return change ? Date.now() : Infinity;
  };
}

/** Which names a hook may be about; whose a package is its document says. */
function wanted({ type, name }: HookRecord): (name: string) => boolean {
  if (type === "package") return (other) => other === name;
  if (type === "scope") return (other) => scopeOf(other) === name.slice(1);
  return () => true;
}
