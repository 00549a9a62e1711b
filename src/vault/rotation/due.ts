import { errorCode } from "../../errors.ts";
import type { Vault } from "../api.ts";
import { inHours } from "../schedule.ts";
import { ruleFor, type RotationRules } from "./policy.ts";
import { rotateInSteps } from "./steps.ts";

/** What became of a secret whose time has come. */
export interface DueRotation {
  readonly scope: string;
  readonly name: string;
  /** `left`: no rule is about it; `waits`: for its hours of the day */
  readonly what: "rotated" | "failed" | "left" | "waits";
  /** the new one */
  readonly version?: number;
  /** code of the error; the same again goes on with the step that failed */
  readonly error?: string;
}

export interface RotateDue {
  readonly rules: RotationRules;
  readonly signal: AbortSignal;
  /** says only what would be done @default false */
  readonly dryRun?: boolean;
  /** called before each one that is rotated @returns false: no more of them */
  readonly before?: () => Promise<boolean>;
}

/** Rotates what is due, one after another, in its hours. One that fails stops none of the others. */
export async function rotateDue(
  vault: Vault,
  { rules, signal, dryRun = false, before = async () => true }: RotateDue,
): Promise<readonly DueRotation[]> {
  const done: DueRotation[] = [];
  const now = Date.now();
  for (const { scope, name, why, over, window } of await vault.due(now)) {
    if (why !== "rotation" || !over) continue;
    const policy = ruleFor(rules, `${scope}/${name}`);
    const waits = window !== undefined && !inHours(window, now);
    if (!policy || waits) {
      done.push({ scope, name, what: policy ? "waits" : "left" });
      continue;
    }
    if (dryRun) {
      done.push({ scope, name, what: "rotated" });
      continue;
    }
    if (!(await before())) break;
    try {
      const { version } = await rotateInSteps(vault, {
        ...{ which: { scope, name }, policy, signal },
        value: () => Promise.reject(new Error("a rule has a generator")),
        done: () => {},
      });
      done.push({ scope, name, what: "rotated", version });
    } catch (error) {
      signal.throwIfAborted();
      const code = errorCode(error);
      if (code === undefined) throw error;
      done.push({ scope, name, what: "failed", error: code });
    }
  }
  return done;
}
