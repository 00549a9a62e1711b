import { ask } from "../../api.ts";

export const policyPath = "/-/citadel/v1/policy";

/** Somebody asks for an exception. */
export interface Request {
  readonly id: string;
  readonly pattern: string;
  readonly range?: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  readonly state: "open" | "approved" | "denied";
}
export interface Exception {
  readonly id: string;
  readonly pattern: string;
  readonly range?: string;
  /** what it is an exception from; absent: everything */
  readonly families?: readonly string[];
  readonly reason: string;
  readonly by: string;
  readonly for?: string;
  readonly until?: string;
}
/** A version that somebody wanted and did not get. */
export interface Refused {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  readonly rule: string;
  readonly reason?: string;
  /** from then on it is served by itself */
  readonly until?: string;
  readonly dryRun: boolean;
  readonly count: number;
  readonly last: string;
  readonly askers: readonly string[];
}
export const modes = ["enforce", "dry-run", "off"] as const;
export interface Policy {
  readonly mode: (typeof modes)[number];
  readonly rules: readonly {
    readonly id: string;
    readonly effect: string;
    readonly reason?: string;
  }[];
  readonly exceptions: readonly Exception[];
  readonly requests: readonly Request[];
  readonly refused: { readonly items: readonly Refused[] };
}

/** What a part of the screen shows, and what it calls when it has changed something. */
export interface PartProps {
  readonly now: Policy;
  readonly changed: () => void;
}

export const changePolicy = (body: object): Promise<unknown> =>
  ask(policyPath, { method: "POST", body });
