import type { Kind } from "../store/types.ts";
import { ruleId } from "./rules.ts";
import type { Exception, ExceptionRequest, Grant, PolicyEvent, PolicyState } from "./types.ts";

/** Decided requests that stay in the document; the history has all of them. */
const remembered = 200;

export const noPolicy: PolicyState = {
  mode: "enforce",
  rules: [],
  exceptions: [],
  requests: [],
  next: 1,
};

/** The policy: `d/policy/default`. */
export function policyKind(): Kind<PolicyState, PolicyEvent> {
  return {
    name: "policy",
    reduce(before = noPolicy, event, { at, who }) {
      const by = who.name;
      switch (event.type) {
        case "mode":
          return { ...before, mode: event.mode };
        case "rule": {
          const slot = slotOf(ruleId(event.rule));
          const others = before.rules.filter((rule) => slotOf(ruleId(rule)) !== slot);
          return { ...before, rules: [...others, { ...event.rule, by, at }] };
        }
        case "remove":
          return {
            ...before,
            rules: before.rules.filter((rule) => ruleId(rule) !== event.id),
            exceptions: before.exceptions.filter(({ id }) => id !== event.id),
          };
        case "except":
          return granted(before, event.grant, { by, at });
        case "request": {
          const { pattern, range, reason } = event.request;
          const request: ExceptionRequest = {
            id: `r${before.next}`,
            pattern,
            ...(range === undefined ? {} : { range }),
            reason,
            by,
            at,
            state: "open",
          };
          return { ...before, requests: [...before.requests, request], next: before.next + 1 };
        }
        case "approve": {
          const asked = before.requests.find(({ id }) => id === event.id);
          const state = decided(before, event.id, "approved", { by, at });
          const more = { by, at, ...(asked ? { for: asked.by } : {}) };
          return granted(state, event.grant, more);
        }
        case "deny": {
          const { id, reason } = event;
          return decided(before, id, "denied", { by, at, ...(reason ? { reason } : {}) });
        }
        case "restore":
          return { ...before, ...event.state };
      }
    },
  };
}

/** A version is on the list or it is not: `allow` takes the place of `block`. */
const slotOf = (id: string): string => id.replace(/^(?:block|allow):/, "names:");

function granted(
  state: PolicyState,
  grant: Grant,
  more: Pick<Exception, "by" | "at" | "for">,
): PolicyState {
  const exception: Exception = { id: `e${state.next}`, ...grant, ...more };
  // what has ended is of no use but to read, and the history has it
  const live = state.exceptions.filter(({ until = Infinity }) => until > more.at);
  return { ...state, exceptions: [...live, exception], next: state.next + 1 };
}

function decided(
  state: PolicyState,
  id: string,
  outcome: "approved" | "denied",
  by: NonNullable<ExceptionRequest["decided"]>,
): PolicyState {
  const requests = state.requests.map((request) =>
    request.id === id ? { ...request, state: outcome, decided: by } : request,
  );
  const surplus = requests.filter((request) => request.state !== "open").length - remembered;
  let dropped = 0;
  return {
    ...state,
    requests: requests.filter((one) => one.state === "open" || ++dropped > surplus),
  };
}
