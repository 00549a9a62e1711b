import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { actorOf } from "../registry/context.ts";
import type { Actor, Document, LedgerEntry, Store } from "../store/types.ts";
import { checkChange, demandRight } from "./changes.ts";
import { allowAll, compilePolicy } from "./compile.ts";
import { noPolicy, policyKind } from "./kind.ts";
import type { Candidate, Exception, Policy, PolicyEvent, PolicyState, Refusal } from "./types.ts";

/** The one document. */
const name = "default";

/** One move of the policy. */
export type PolicyEntry = LedgerEntry<PolicyEvent>;

export interface Changed {
  readonly before: PolicyState;
  readonly state: PolicyState;
}

/** The rules in force, and what names them. */
export interface Rules {
  readonly policy: Policy;
  readonly exceptions: readonly Exception[];
  /** changes when anything of it does */
  readonly revision: string;
}

/** The policy of a store: reading it, and changing it. */
export interface Policies {
  /** The newest rules, ready to judge: a look at the document, and work only when it has changed. */
  current(): Promise<Policy>;
  /** The same, with what was excepted from them. */
  rules(): Promise<Rules>;
  read(): Promise<PolicyState>;
  /** Newest first. */
  history(): AsyncIterable<PolicyEntry>;
  /**
   * Makes one change. Requests come from anybody who is signed in, all else from administrators.
   * @param options `dryRun`: checks everything and writes nothing
   * @throws E_AUTH_REQUIRED, E_FORBIDDEN; E_USAGE for what is no rule; E_NOT_FOUND for what is to be removed or decided and is not
   * there; E_CONFLICT for a request that was decided
   */
  apply(
    caller: Caller,
    event: PolicyEvent,
    options?: { readonly dryRun?: boolean },
  ): Promise<Changed>;
  /**
   * Mode, rules and exceptions as they were before the newest change, or right after the one with the number `rev`. Requests stay.
   * @throws as `apply`, E_NOT_FOUND when there is no such change
   */
  undo(
    caller: Caller,
    options?: { readonly rev?: number; readonly dryRun?: boolean },
  ): Promise<Changed>;
}

/** @param options.changed hears of every change, and is waited for; never rejects */
export function createPolicies({
  store,
  changed,
}: {
  readonly store: Store;
  readonly changed?: (change: Changed, who: Actor) => Promise<void>;
}): Policies {
  const kind = policyKind();
  const ledger = store.ledger(kind);
  let compiled: { readonly etag: string; readonly policy: Promise<Policy> } | undefined;

  const compile = (document: Document<PolicyState>): Promise<Policy> => {
    if (compiled?.etag === document.etag) return compiled.policy;
    const policy = compilePolicy(document.state);
    compiled = { etag: document.etag, policy };
    return policy;
  };

  const rules: Policies["rules"] = async () => {
    const document = await ledger.glance(name);
    if (!document) return { policy: allowAll, exceptions: [], revision: "" };
    const { exceptions } = document.state;
    return { policy: await compile(document), exceptions, revision: document.tip };
  };

  const read = async (): Promise<PolicyState> => (await ledger.read(name))?.state ?? noPolicy;

  const apply: Policies["apply"] = async (caller, event, { dryRun = false } = {}) => {
    demandRight(caller, event);
    const checked = await checkChange(event);
    const who = actorOf(caller);
    let before = noPolicy;
    const decide = (state = noPolicy): readonly PolicyEvent[] => {
      before = state;
      return checked(state, caller);
    };
    if (dryRun) {
      const now = await read();
      const change = { at: Date.now(), who, name };
      const fold = (state: PolicyState, one: PolicyEvent) => kind.reduce(state, one, change);
      return { state: decide(now).reduce(fold, now), before };
    }
    const document = await ledger.change(name, who, decide);
    const change = { before, state: document?.state ?? before };
    await changed?.(change, who);
    return change;
  };

  /** The state that a number of moves from the first on add up to, and the number of the newest that changed what is enforced. */
  const past = async (rev: number | undefined): Promise<PolicyState> => {
    const entries: PolicyEntry[] = [];
    for await (const entry of ledger.history(name)) entries.push(entry);
    const wanted = rev ?? (entries.find(changesRules)?.rev ?? 0) - 1;
    if (wanted < 0 || (rev !== undefined && !entries.some((entry) => entry.rev === rev)))
      throw new CitadelError(
        "E_NOT_FOUND",
        rev === undefined ? "the policy was never changed" : `the policy has no change ${rev}`,
        { hint: ["see what was changed: citadel registry:policy:history"] },
      );
    let state = noPolicy;
    for (const { rev: number, changes } of entries.toReversed())
      if (number <= wanted)
        for (const { at, who, events } of changes)
          for (const event of events) state = kind.reduce(state, event, { at, who, name });
    return state;
  };

  return {
    async current() {
      return (await rules()).policy;
    },
    rules,
    read,
    history: () => ledger.history(name),
    apply,
    async undo(caller, { rev, dryRun } = {}) {
      demandRight(caller, { type: "mode", mode: "off" });
      const { mode, rules, exceptions } = await past(rev);
      const state = { mode, rules, exceptions };
      return apply(caller, { type: "restore", state }, dryRun === undefined ? {} : { dryRun });
    },
  };
}

const changesRules = ({ changes }: PolicyEntry): boolean =>
  changes.some(({ events }) => events.some(({ type }) => type !== "request" && type !== "deny"));

/** What somebody is told who asks for a version that is not served. */
export class PolicyError extends CitadelError {
  readonly about: Refusable;
  readonly refusal: Refusal;
  constructor(about: Refusable, refusal: Refusal) {
    const { rule, reason, until } = refusal;
    const version = `${about.name}@${about.version}`;
    super(
      "E_POLICY",
      `${version} is withheld by the policy of this registry: ${reason} (rule ${rule})`,
      {
        hint: [
          ...(until === undefined ? [] : [`wait until ${new Date(until).toISOString()}`]),
          `ask for an exception: citadel registry:policy:request ${version} --reason <why>`,
        ],
      },
    );
    this.about = about;
    this.refusal = refusal;
  }
}

type Refusable = Pick<Candidate, "name" | "version" | "origin">;
