import type { Config } from "@oclif/core/interfaces";
import type { Dirs, Environment, Loaded } from "@citadel/core/config";
import { errorObject } from "@citadel/core/errors";

/** What one look found. */
export interface Finding {
  /** what was looked at: `settings`, `documents`, `folders`, … */
  readonly check: string;
  /** good: as it should be; note: worth knowing; warning: look at it; error: something does not work or is damaged */
  readonly level: "good" | "note" | "warning" | "error";
  readonly what: string;
  readonly why?: string;
  /** what to do, a step each */
  readonly fix?: readonly string[];
  /** exit code that it stands for; 0 for good ones and notes */
  readonly exit: number;
  /** a repair that loses nothing, for `--fix` */
  readonly repair?: Repair;
}

export interface Repair {
  /** in the past tense, for people */
  readonly what: string;
  run(): Promise<void>;
}

/** What the checks look at. */
export interface Patient {
  readonly env: Environment;
  readonly cwd: string;
  readonly dirs: Dirs;
  readonly config: Config;
  /** undefined when the settings cannot be loaded */
  readonly loaded: Loaded | undefined;
}

type Checks = AsyncGenerator<Finding, void, void>;
export type Check = (patient: Patient) => Checks;
/** A check of what the settings name. */
export type SettledCheck = (patient: Patient & { readonly loaded: Loaded }) => Checks;

/** Exit code for what works but is due: `secrets:due` and other checks. */
const due = 3;

export const good = (check: string, what: string): Finding => ({ check, level: "good", what, exit: 0 }); // prettier-ignore

export const note = (check: string, what: string, why?: string): Finding => ({
  ...good(check, what),
  level: "note",
  ...(why !== undefined && { why }),
});

export const warning = (
  check: string,
  what: string,
  why: string,
  fix: readonly string[],
  repair?: Repair,
): Finding => ({ check, level: "warning", what, why, fix, exit: due, ...(repair && { repair }) });

/** @param exit @default something is due */
export const problem = (
  check: string,
  what: string,
  why: string,
  fix: readonly string[],
  exit = due,
): Finding => ({ check, level: "error", what, why, fix, exit });

/** What was thrown, with the code, exit code and steps of the error table. */
export function failure(check: string, error: unknown, what?: string): Finding {
  const { code, message, hint, exit } = errorObject(error);
  const told = what === undefined ? message : `${what}: ${message}`;
  return problem(check, told, `${code}, see docs/errors.md`, hint, exit);
}
