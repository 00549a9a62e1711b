import { actorOf } from "../registry/context.ts";
import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import type { Document, Store } from "../store/types.ts";
import { allowAll, compilePolicy } from "./compile.ts";
import { noPolicy, policyKind } from "./kind.ts";
import type { Candidate, Policy, PolicyEvent, PolicyState, Refusal } from "./types.ts";

/** The one document. */
const name = "default";

/** The policy of a store: reading it, and changing it. */
export interface Policies {
  /** The newest rules, ready to judge: a look at the document, and work only when it has changed. */
  current(): Promise<Policy>;
  read(): Promise<PolicyState>;
  /**
   * One change by an administrator.
   * @param decide as in {@link Ledger.change}
   * @throws E_AUTH_REQUIRED, E_FORBIDDEN
   */
  change(
    caller: Caller,
    decide: (state: PolicyState) => readonly PolicyEvent[],
  ): Promise<PolicyState>;
}

export function createPolicies({ store }: { readonly store: Store }): Policies {
  const ledger = store.ledger(policyKind());
  let compiled: { readonly etag: string; readonly policy: Promise<Policy> } | undefined;

  const compile = (document: Document<PolicyState>): Promise<Policy> => {
    if (compiled?.etag === document.etag) return compiled.policy;
    const policy = compilePolicy(document.state);
    compiled = { etag: document.etag, policy };
    return policy;
  };

  return {
    async current() {
      const document = await ledger.glance(name);
      return document ? compile(document) : allowAll;
    },

    read: async () => (await ledger.read(name))?.state ?? noPolicy,

    async change(caller, decide) {
      demandAdmin(caller);
      const document = await ledger.change(name, actorOf(caller), (state = noPolicy) =>
        decide(state),
      );
      return document?.state ?? noPolicy;
    },
  };
}

function demandAdmin({ principal }: Caller): void {
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "you must be signed in to change the policy");
  if (!principal.admin)
    throw new CitadelError("E_FORBIDDEN", "only an administrator changes the policy", {
      hint: ["ask for an exception: citadel registry:policy:request <package>"],
    });
}

/** What somebody is told who asks for a version that is not served. */
export function refusedError(
  { name, version }: Pick<Candidate, "name" | "version">,
  { rule, reason, until }: Refusal,
): CitadelError {
  return new CitadelError(
    "E_POLICY",
    `${name}@${version} is withheld by the policy of this registry: ${reason} (rule ${rule})`,
    {
      hint: [
        ...(until === undefined ? [] : [`wait until ${new Date(until).toISOString()}`]),
        `ask for an exception: citadel registry:policy:request ${name}@${version}`,
      ],
    },
  );
}
