import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { checkGrant, checkPattern, checkRange, checkRule, checkText, ruleId } from "./rules.ts";
import type { PolicyEvent, PolicyState } from "./types.ts";

/** Rules and exceptions that the document may have. */
const mostRules = 10_000;
/** Requests that wait to be decided, of all and of one person. */
const mostOpen = 1000;
const mostOpenEach = 20;

/** @throws E_AUTH_REQUIRED, E_FORBIDDEN */
export function demandRight({ principal }: Caller, { type }: PolicyEvent): void {
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "you must be signed in to change the policy");
  if (type === "request" || principal.admin) return;
  throw new CitadelError("E_FORBIDDEN", "only an administrator changes the policy", {
    hint: ["ask for an exception: citadel registry:policy:request <package>"],
  });
}

/**
 * What decides a change: it gets the newest state and throws what speaks against it.
 * @throws E_USAGE when the change is none whatever the state
 */
export async function checkChange(
  event: PolicyEvent,
): Promise<(state: PolicyState, caller: Caller) => readonly PolicyEvent[]> {
  switch (event.type) {
    case "mode":
      return ({ mode }) => (mode === event.mode ? [] : [event]);
    case "rule":
      await checkRule(event.rule);
      return (state) => roomFor(state, event);
    case "except":
      await checkGrant(event.grant, Date.now());
      return (state) => roomFor(state, event);
    case "remove":
      return ({ rules, exceptions }) => {
        const ids = [...rules.map(ruleId), ...exceptions.map(({ id }) => id)];
        if (!ids.includes(event.id)) throw missing(`rule or exception`, event.id, ids);
        return [event];
      };
    case "request": {
      const { pattern, range, reason } = event.request;
      checkPattern(pattern);
      checkText(reason);
      if (range !== undefined) await checkRange(range);
      return ({ requests }, { principal }) => {
        const open = requests.filter(({ state }) => state === "open");
        const mine = open.filter(({ by }) => by === principal.name);
        if (mine.some((one) => one.pattern === pattern && one.range === range)) return [];
        if (open.length >= mostOpen || mine.length >= mostOpenEach)
          throw new CitadelError("E_FORBIDDEN", "too many requests wait to be decided", {
            hint: ["wait until an administrator has decided some of them"],
          });
        return [event];
      };
    }
    case "approve":
      await checkGrant(event.grant, Date.now());
      return (state) => {
        demandOpen(state, event.id);
        return roomFor(state, event);
      };
    case "deny":
      if (event.reason !== undefined) checkText(event.reason);
      return (state) => {
        demandOpen(state, event.id);
        return [event];
      };
    case "restore":
      return () => [event];
  }
}

function roomFor({ rules, exceptions }: PolicyState, event: PolicyEvent): readonly PolicyEvent[] {
  if (rules.length + exceptions.length < mostRules) return [event];
  throw new CitadelError("E_TOO_LARGE", `a policy has at most ${mostRules} rules and exceptions`, {
    hint: ["take away what is not needed: citadel registry:policy:remove <id>"],
  });
}

function demandOpen({ requests }: PolicyState, id: string): void {
  const found = requests.find((one) => one.id === id);
  const open = requests.filter(({ state }) => state === "open").map((one) => one.id);
  if (!found) throw missing("request", id, open);
  if (found.state !== "open")
    throw new CitadelError(
      "E_CONFLICT",
      `${found.decided?.by ?? "somebody"} has ${found.state} ${id} already`,
    );
}

function missing(what: string, id: string, ids: readonly string[]): CitadelError {
  const near = nearest(id, ids);
  return new CitadelError("E_NOT_FOUND", `there is no ${what} ${JSON.stringify(id.slice(0, 80))}`, {
    hint: [
      near.length > 0
        ? `there is ${near.join(", ")}`
        : "see what there is: citadel registry:policy",
    ],
  });
}
