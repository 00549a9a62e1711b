/** What is known of a version of another registry when it has to be decided on. */
export interface Candidate {
  readonly name: string;
  readonly version: string;
  /** name of the upstream */
  readonly origin: string;
  /** ms since 1970; undefined when upstream gives no date */
  readonly published: number | undefined;
  /** SPDX expression, or whatever the manifest has there */
  readonly license: string | undefined;
  readonly hasInstallScript: boolean;
}

/** Why a version is not served. */
export interface Refusal {
  /** id of the rule: `age:*`, `block:lodash@<4.17.21` */
  readonly rule: string;
  /** one sentence for people, clients included */
  readonly reason: string;
  /** ms since 1970 from which on it is allowed by itself; undefined: not by the passing of time */
  readonly until?: number;
}

export type Verdict =
  | {
      readonly allowed: true;
      /** ms since 1970 from which on it may be refused by itself: an exception ends then */
      readonly until?: number;
      /** dry run: what would refuse it; its `until` is when that ends */
      readonly would?: Refusal;
    }
  | ({ readonly allowed: false } & Refusal);

/** The rules as they were at one moment, ready to judge. */
export interface Policy {
  /** names the rules in force; part of view keys; changes when verdicts may change other than by time */
  readonly revision: string;
  /** false: everything is allowed, nobody need ask */
  readonly active: boolean;
  /**
   * Pure, and cheap enough for every version of a packument. A verdict stays what it is from `now` on, until its `until`.
   * @param now ms since 1970
   */
  judge(candidate: Candidate, now: number): Verdict;
}

/** `dry-run`: everything is served, and what would have been refused is noted. */
export type Mode = "enforce" | "dry-run" | "off";

/** What a rule is about. Of the rules of one family the one that says most about a version counts alone. */
export type Family = "names" | "scripts" | "license" | "age";

interface RuleBase {
  /** of package names, see `patterns.ts` */
  readonly pattern: string;
  /** in words; what a client reads when it is refused */
  readonly reason?: string;
}
/** A list of names and versions to refuse or to let through. */
export interface NameRule extends RuleBase {
  readonly kind: "block" | "allow";
  /** semver range; prereleases count as the versions they are */
  readonly range?: string;
}
/** Versions younger than `age` ms are refused, and those without a date. */
export interface AgeRule extends RuleBase {
  readonly kind: "age";
  readonly age: number;
}
/** Packages that run scripts when they are installed. */
export interface ScriptRule extends RuleBase {
  readonly kind: "scripts";
  readonly allow: boolean;
}
/** `only` these licences, or all `except` these; an expression with `OR` may be satisfied by either side. */
export interface LicenseRule extends RuleBase {
  readonly kind: "license";
  readonly list: "only" | "except";
  /** SPDX identifiers, with `+` or an exception where they have one */
  readonly ids: readonly string[];
  /** a version without a licence, or with one that is no SPDX expression */
  readonly unknown: "allow" | "deny";
}
export type Rule = NameRule | AgeRule | ScriptRule | LicenseRule;

/** A rule as it is kept. */
export type KeptRule = Rule & { readonly by: string; readonly at: number };

/** Versions that rules do not refuse. */
export interface Grant {
  readonly pattern: string;
  /** semver range; undefined: every version */
  readonly range?: string;
  /** the rules that it is an exception from @default all */
  readonly families?: readonly Family[];
  readonly reason: string;
  /** ms since 1970; undefined: for good */
  readonly until?: number;
}
export interface Exception extends Grant {
  readonly id: string;
  /** who granted it */
  readonly by: string;
  readonly at: number;
  /** who asked for it, where it was asked for */
  readonly for?: string;
}
/** Somebody asks for an exception. */
export interface ExceptionRequest {
  readonly id: string;
  readonly pattern: string;
  readonly range?: string;
  readonly reason: string;
  readonly by: string;
  readonly at: number;
  readonly state: "open" | "approved" | "denied";
  /** who decided, when, and what they said */
  readonly decided?: { readonly by: string; readonly at: number; readonly reason?: string };
}

/** State of `d/policy/default`. */
export interface PolicyState {
  readonly mode: Mode;
  readonly rules: readonly KeptRule[];
  readonly exceptions: readonly Exception[];
  /** open ones and the last that were decided, oldest first */
  readonly requests: readonly ExceptionRequest[];
  /** number of the next exception or request */
  readonly next: number;
}

export type PolicyEvent =
  | { readonly type: "mode"; readonly mode: Mode }
  /** takes the place of the one with the same id, or of the opposite one */
  | { readonly type: "rule"; readonly rule: Rule }
  | { readonly type: "remove"; readonly id: string }
  | { readonly type: "except"; readonly grant: Grant }
  | {
      readonly type: "request";
      readonly request: Pick<ExceptionRequest, "pattern" | "range" | "reason">;
    }
  | { readonly type: "approve"; readonly id: string; readonly grant: Grant }
  | { readonly type: "deny"; readonly id: string; readonly reason?: string }
  /** rules, exceptions and mode as they were before */
  | {
      readonly type: "restore";
      readonly state: Pick<PolicyState, "mode" | "rules" | "exceptions">;
    };
